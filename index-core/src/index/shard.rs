//! All rows of one environment: any number of readers, who take no lock, and one writer at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::error::IndexError;
use crate::index::merge::merge_small;
use crate::index::prepared::PreparedRow;
use crate::index::ranges::{GraphRequest, Range, Ranges};
use crate::index::segment::{Layout, Segment};
use crate::index::snapshot::{Part, Snapshot};

#[derive(Debug, Clone, Copy)]
pub struct ShardOptions {
    /// Rows from which a range of insertions gets a graph, rounded up to a power of two. Up to there search is exact.
    pub graph_rows_min: usize,
}

/// 100,000 rows of 384 dimensions are scanned in less than a millisecond.
impl Default for ShardOptions {
    fn default() -> Self {
        Self {
            graph_rows_min: 1 << 17,
        }
    }
}

pub(crate) struct Shard {
    pub(crate) layout: Arc<Layout>,
    snapshot: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
    /// Unreachable rows that graph builds linked again.
    pub(crate) repaired: AtomicU64,
}

pub(crate) struct Writer {
    pub(crate) next_ordinal: u32,
    pub(crate) ranges: Ranges,
    /// Graphs that were asked for and not yet built, oldest first.
    pub(crate) requests: VecDeque<Waiting>,
    /// Segments that the background is merging.
    pub(crate) merging: Vec<Arc<Segment>>,
}

/// A graph that was asked for, and when it is to be built, unless somebody waits for it.
pub(crate) struct Waiting {
    pub(crate) request: GraphRequest,
    pub(crate) due: Instant,
}

/// About what a row takes while a graph is being built: 60 µs at 128 dimensions, 250 at 384.
const BUILD_PER_ROW: Duration = Duration::from_micros(100);

impl Waiting {
    fn at_once(request: GraphRequest) -> Self {
        Self {
            request,
            due: Instant::now(),
        }
    }

    fn until_rested(request: GraphRequest) -> Self {
        let rows: usize = request.parts.iter().map(|part| part.live.len()).sum();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let due = Instant::now() + BUILD_PER_ROW * rows;
        Self { request, due }
    }
}

/// Segments without a graph lie within blocks of so many ordinals.
const FLAT_BLOCK: u32 = 1 << 16;

impl Writer {
    fn block(&self) -> u32 {
        self.ranges.unit().min(FLAT_BLOCK)
    }

    /// Segments are merged within a block; the end of what has a graph is a border as well.
    pub(crate) fn block_of(&self, part: &Part) -> (u32, bool) {
        let first = part.segment.span().map_or(0, |(first, _)| first);
        (first / self.block(), first >= self.ranges.end())
    }

    /// Rows up to the next border.
    fn room(&self) -> u32 {
        self.block() - self.next_ordinal % self.block()
    }
}

impl Shard {
    pub(crate) fn new(layout: Arc<Layout>, options: ShardOptions) -> Self {
        Self::restored(layout, options, Snapshot::default(), 0, BTreeMap::new())
    }

    /// As it was when its snapshot was taken. Graphs that were asked for and not yet built are asked for again.
    pub(crate) fn restored(
        layout: Arc<Layout>,
        options: ShardOptions,
        snapshot: Snapshot,
        next_ordinal: u32,
        ranges: BTreeMap<u32, Range>,
    ) -> Self {
        let requests = ranges
            .iter()
            .filter_map(|(from, range)| unbuilt(&snapshot, *from, *range))
            .chain(outgrown(&snapshot, &ranges))
            .map(Waiting::at_once)
            .collect();
        Self {
            layout,
            snapshot: ArcSwap::from_pointee(snapshot),
            writer: Mutex::new(Writer {
                next_ordinal,
                ranges: Ranges::new(options.graph_rows_min, ranges),
                requests,
                merging: Vec::new(),
            }),
            repaired: AtomicU64::new(0),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // What a writer that panicked had not published is not there; what it had is whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only for who holds the lock.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Adds rows; one whose id is known replaces the one before, and of equal ids the last wins.
    ///
    /// # Errors
    /// `INDEX_INVALID`: then none is added.
    pub(crate) fn upsert(&self, rows: &[PreparedRow]) -> Result<(), IndexError> {
        let mut writer = self.lock();
        let count = u32::try_from(rows.len()).ok();
        if count
            .and_then(|count| writer.next_ordinal.checked_add(count))
            .is_none()
        {
            return Err(IndexError::invalid(
                "a shard takes 2³² insertions in its life; rebuild the index from its log",
            ));
        }
        let mut next = (*self.snapshot()).clone();
        let mut rest = rows;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(writer.room() as usize));
            self.append(&mut writer, &mut next, piece)?;
            rest = later;
        }
        merge_small(&self.layout, &mut next, &writer)?;
        next.drop_empty();
        self.publish(next);
        Ok(())
    }

    /// Rows that lie within one block of ordinals. Older rows die one by one, in order, so that what `Ranges` sees does
    /// not depend on how writes were put into batches.
    fn append(
        &self,
        writer: &mut Writer,
        next: &mut Snapshot,
        rows: &[PreparedRow],
    ) -> Result<(), IndexError> {
        let segment = Segment::from_rows(
            &self.layout,
            writer.next_ordinal,
            &rows.iter().collect::<Vec<_>>(),
        )?;
        let mut live_from = std::collections::HashMap::new();
        let mut superseded = Vec::new();
        for (row, prepared) in (0_u32..).zip(rows) {
            if let Some(before) = live_from.insert(prepared.id.as_str(), row) {
                superseded.push(before);
            } else if let Some(place) = next.find(&prepared.id) {
                let ordinal = next.kill(place);
                let request = writer.ranges.died(ordinal, next);
                writer.requests.extend(request.map(Waiting::until_rested));
            }
        }
        let at = next.parts.len();
        next.push(Part::new(segment));
        for row in superseded {
            next.kill(crate::index::snapshot::Place { part: at, row });
        }
        writer.next_ordinal += u32::try_from(rows.len()).unwrap_or_default();
        let request = writer.ranges.completed(writer.next_ordinal, next);
        writer.requests.extend(request.map(Waiting::until_rested));
        Ok(())
    }

    /// Unknown ids are ignored. Returns how many there were.
    pub(crate) fn remove(&self, ids: &[String]) -> usize {
        let mut writer = self.lock();
        let mut next = (*self.snapshot()).clone();
        let mut removed = 0;
        for id in ids {
            let Some(place) = next.find(id) else {
                continue;
            };
            let ordinal = next.kill(place);
            let request = writer.ranges.died(ordinal, &next);
            writer.requests.extend(request.map(Waiting::until_rested));
            removed += 1;
        }
        if removed > 0 {
            next.drop_empty();
            self.publish(next);
        }
        removed
    }

    /// Asks for one graph over all rows.
    pub(crate) fn request_all(&self) {
        let mut writer = self.lock();
        let (next, snapshot) = (writer.next_ordinal, self.snapshot());
        let request = writer.ranges.all(next, &snapshot);
        writer.requests.clear();
        writer.requests.extend(request.map(Waiting::at_once));
    }

    pub(crate) fn note_repaired(&self, rows: usize) {
        self.repaired.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

fn unbuilt(snapshot: &Snapshot, from: u32, range: Range) -> Option<GraphRequest> {
    let parts: Vec<Part> = snapshot
        .parts
        .iter()
        .filter(|part| {
            part.segment
                .span()
                .is_some_and(|(first, last)| first >= from && last < range.to)
        })
        .cloned()
        .collect();
    // A graph of more rows is the one before, of which too many have died.
    let is_built = parts.len() == 1
        && parts[0].segment.has_graph()
        && parts[0].segment.len() <= range.rows as usize;
    (!is_built && !parts.is_empty()).then_some(GraphRequest {
        from,
        to: range.to,
        parts,
        has_graph: true,
    })
}

/// Graphs of ranges that lost most of their rows, and were to be scanned again.
fn outgrown<'a>(
    snapshot: &'a Snapshot,
    ranges: &'a BTreeMap<u32, Range>,
) -> impl Iterator<Item = GraphRequest> + 'a {
    snapshot.parts.iter().filter_map(|part| {
        let (first, last) = part.segment.span()?;
        let is_wanted = ranges.range(..=last).any(|(_, range)| range.to > first);
        (part.segment.has_graph() && !is_wanted).then(|| GraphRequest {
            from: first,
            to: last + 1,
            parts: vec![part.clone()],
            has_graph: false,
        })
    })
}
