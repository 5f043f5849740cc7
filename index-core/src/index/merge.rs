//! Work in the background: small segments become larger ones, dead rows are left out, ranges get their graphs. What is
//! read meanwhile is the snapshot of before; rows that die meanwhile are dead in what is published.

use std::sync::Arc;
use std::time::Instant;

use crate::error::IndexError;
use crate::index::ranges::GraphRequest;
use crate::index::segment::{Layout, Segment};
use crate::index::shard::{Shard, Writer};
use crate::index::snapshot::{Part, Snapshot};
use crate::row_set::RowSet;
use crate::vector::GraphOptions;

/// Segments that are merged at once, at least.
const FAN_IN: usize = 4;
/// Rows that the writer merges itself; more is work for the background.
const INLINE_ROWS_MAX: usize = 4_096;

/// Merges the newest segments of the block that is being filled as long as they are small. A segment is merged when the
/// newer ones together have at least a quarter of its rows, so that their number stays logarithmic.
///
/// # Errors
/// As `Segment::concat`.
pub(crate) fn merge_small(
    layout: &Layout,
    snapshot: &mut Snapshot,
    writer: &Writer,
) -> Result<(), IndexError> {
    let is_free = |part: &Part| {
        !writer
            .merging
            .iter()
            .any(|other| Arc::ptr_eq(other, &part.segment))
    };
    if let Some(from) = run_of(snapshot, writer, INLINE_ROWS_MAX, is_free) {
        let merged = merged(layout, &snapshot.parts[from..])?;
        snapshot.replace(from, snapshot.parts.len(), Some(Part::new(merged)));
    }
    Ok(())
}

/// Where the run of the newest segments begins that are worth merging; `None` when there are too few.
fn run_of(
    snapshot: &Snapshot,
    writer: &Writer,
    rows_max: usize,
    is_free: impl Fn(&Part) -> bool,
) -> Option<usize> {
    let parts = &snapshot.parts;
    let block = writer.block_of(parts.last()?);
    let mut from = parts.len();
    let mut rows = 0;
    for (at, part) in parts.iter().enumerate().rev() {
        let is_mergeable = !part.segment.has_graph()
            && writer.block_of(part) == block
            && (parts.len() - at < FAN_IN || part.live.len() <= rows * FAN_IN)
            && rows + part.live.len() <= rows_max
            && is_free(part);
        if !is_mergeable {
            break;
        }
        rows += part.live.len();
        from = at;
    }
    (parts.len() - from >= FAN_IN).then_some(from)
}

fn merged(layout: &Layout, parts: &[Part]) -> Result<Segment, IndexError> {
    let rows: Vec<Vec<u32>> = parts
        .iter()
        .map(|part| part.live.iter().collect())
        .collect();
    let sources: Vec<_> = parts
        .iter()
        .zip(&rows)
        .map(|(part, rows)| (&*part.segment, rows.as_slice()))
        .collect();
    Segment::concat(layout, &sources)
}

/// One piece of background work, with everything that it needs.
pub(crate) enum Job {
    Flat(Vec<Part>),
    Graph(GraphRequest),
    /// For the log's entry with this sequence.
    Begun(u64, GraphRequest),
}

/// When a graph that was asked for is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Now,
    /// After its range has stood unchanged about as long as building takes. Beside writes that ask for the same range again
    /// before that, the work would be useless, and the core is left to searches; where they rest, the graph is there after
    /// twice the time at most.
    WhenRested,
}

impl Shard {
    /// The next piece of work, if there is any. One caller at a time.
    pub(crate) fn next_job(&self, urgency: Urgency) -> Option<Job> {
        let mut writer = self.lock();
        if let Some(parts) = next_flat(&self.snapshot(), &mut writer) {
            return Some(Job::Flat(parts));
        }
        let next = writer.begun.iter().find(|begun| begun.built.is_none());
        if let Some(begun) = next {
            return Some(Job::Begun(begun.at, begun.request.clone()));
        }
        // A later request for the same rows makes an earlier one useless; those that are left have no row in common.
        let mut at = 0;
        while let Some(waiting) = writer.requests.get(at) {
            let request = &waiting.request;
            let is_covered =
                writer.requests.iter().skip(at + 1).any(|later| {
                    later.request.from <= request.from && later.request.to >= request.to
                });
            let is_due = urgency == Urgency::Now || waiting.due <= Instant::now();
            if !is_covered && !is_due {
                at += 1;
                continue;
            }
            let waiting = writer.requests.remove(at)?;
            if !is_covered {
                return Some(Job::Graph(waiting.request));
            }
        }
        None
    }

    /// When the first of the graphs that wait is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lock().requests.iter().map(|waiting| waiting.due).min()
    }

    /// Merges once, if there is something to merge. Only for who may call `next_job`.
    pub(crate) fn merge_flat(&self) -> Result<bool, IndexError> {
        let mut writer = self.lock();
        let Some(parts) = next_flat(&self.snapshot(), &mut writer) else {
            return Ok(false);
        };
        drop(writer);
        self.publish_flat(&parts, merged(&self.layout, &parts)?);
        Ok(true)
    }

    pub(crate) fn pending_jobs(&self) -> usize {
        let writer = self.lock();
        let has_flat = flat_work(&self.snapshot(), &writer).is_some();
        let unbuilt = writer.begun.iter().filter(|begun| begun.built.is_none());
        writer.requests.len() + unbuilt.count() + usize::from(has_flat)
    }

    /// Does the work and publishes it. `false` when `keep_going` ended it.
    pub(crate) fn run(
        &self,
        job: Job,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, IndexError> {
        match job {
            Job::Flat(parts) => {
                let segment = merged(&self.layout, &parts)?;
                self.publish_flat(&parts, segment);
                Ok(true)
            }
            Job::Graph(request) => {
                let Some(segment) = self.build(&request, keep_going)? else {
                    return Ok(false);
                };
                let _writer = self.lock();
                self.replace_range(&request, Arc::new(segment));
                Ok(true)
            }
            Job::Begun(at, request) => {
                let Some(segment) = self.build(&request, keep_going)? else {
                    return Ok(false);
                };
                self.built(at, segment);
                Ok(true)
            }
        }
    }

    /// `None` when `keep_going` ended it.
    fn build(
        &self,
        request: &GraphRequest,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Segment>, IndexError> {
        let mut segment = merged(&self.layout, &request.parts)?;
        if request.has_graph && !self.add_graphs(&mut segment, keep_going)? {
            return Ok(None);
        }
        // Here, where nobody waits for it.
        segment.fingerprint();
        Ok(Some(segment))
    }

    fn add_graphs(
        &self,
        segment: &mut Segment,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, IndexError> {
        let mut blocks = Vec::new();
        for block in std::mem::take(&mut segment.vectors) {
            let Some((graph, report)) = block.build_graph(GraphOptions::default(), keep_going)?
            else {
                return Ok(false);
            };
            self.note_repaired(report.repaired);
            blocks.push(block.with_graph(graph));
        }
        segment.vectors = blocks;
        Ok(true)
    }

    fn publish_flat(&self, sources: &[Part], segment: Segment) {
        let mut writer = self.lock();
        writer.merging.clear();
        let mut next = (*self.snapshot()).clone();
        let is_first = |part: &Part| {
            sources
                .first()
                .is_some_and(|first| Arc::ptr_eq(&first.segment, &part.segment))
        };
        let Some(from) = next.parts.iter().position(is_first) else {
            return;
        };
        let to = from + sources.len();
        let are_there = next.parts.len() >= to
            && next.parts[from..to]
                .iter()
                .zip(sources)
                .all(|(part, source)| Arc::ptr_eq(&part.segment, &source.segment));
        if !are_there {
            return;
        }
        let part = with_live_rows(Arc::new(segment), &next.parts[from..to]);
        next.replace(from, to, Some(part));
        next.drop_empty();
        self.publish(next);
    }

    /// Only for who holds the lock.
    pub(crate) fn replace_range(&self, request: &GraphRequest, segment: Arc<Segment>) {
        let mut next = (*self.snapshot()).clone();
        let from = next.parts.partition_point(|part| {
            part.segment
                .span()
                .is_some_and(|(first, _)| first < request.from)
        });
        let to = next.parts.partition_point(|part| {
            part.segment
                .span()
                .is_some_and(|(first, _)| first < request.to)
        });
        if from == to {
            return;
        }
        let part = with_live_rows(segment, &next.parts[from..to]);
        next.replace(from, to, Some(part));
        next.drop_empty();
        self.publish(next);
    }
}

/// The new segment with those rows alive that are alive in the parts whose place it takes. Both sides are ascending in
/// their ordinals.
fn with_live_rows(segment: Arc<Segment>, parts: &[Part]) -> Part {
    let mut live = parts
        .iter()
        .flat_map(|part| {
            part.live
                .iter()
                .map(|row| part.segment.ordinals[row as usize])
        })
        .peekable();
    let mut alive = Vec::with_capacity(segment.len());
    for (row, ordinal) in (0_u32..).zip(segment.ordinals.iter()) {
        while live.next_if(|other| other < ordinal).is_some() {}
        if live.peek() == Some(ordinal) {
            alive.push(row);
        }
    }
    let live = RowSet::from_rows(segment.len(), alive);
    Part::with_live(segment, live)
}

/// Takes what `flat_work` finds; the writer leaves it alone from now on.
fn next_flat(snapshot: &Snapshot, writer: &mut Writer) -> Option<Vec<Part>> {
    let parts = flat_work(snapshot, writer)?;
    writer.merging = parts.iter().map(|part| part.segment.clone()).collect();
    Some(parts)
}

/// Segments without a graph that should become one: those of a block that is full, a run of similar sizes, or one whose
/// rows are mostly dead.
fn flat_work(snapshot: &Snapshot, writer: &Writer) -> Option<Vec<Part>> {
    let parts = &snapshot.parts;
    let newest = writer.block_of(parts.last()?);
    for run in parts.chunk_by(|left, right| {
        writer.block_of(left) == writer.block_of(right)
            && left.segment.has_graph() == right.segment.has_graph()
    }) {
        if run.len() > 1 && !run[0].segment.has_graph() && writer.block_of(&run[0]) < newest {
            return Some(run.to_vec());
        }
    }
    if let Some(from) = run_of(snapshot, writer, usize::MAX, |_| true) {
        return Some(parts[from..].to_vec());
    }
    let is_mostly_dead =
        |part: &&Part| !part.segment.has_graph() && part.dead_rows() > part.live.len();
    parts
        .iter()
        .find(is_mostly_dead)
        .map(|part| vec![part.clone()])
}
