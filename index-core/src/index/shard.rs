//! All rows of one environment: any number of readers, who take no lock, and one writer at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::error::IndexError;
use crate::index::begun::{Begun, GraphSchedule, Rests, Strays};
use crate::index::merge::merge_small;
use crate::index::prepared::PreparedRow;
use crate::index::ranges::{Bounds, GraphRequest, Range, Ranges, live_rows, parts_of};
use crate::index::segment::{Layout, Segment};
use crate::index::snapshot::{Part, Place, Snapshot};

#[derive(Debug, Clone, Copy)]
pub struct ShardOptions {
    /// Rows from which a range of insertions gets a graph, rounded up to a power of two. Up to there search is exact.
    pub graph_rows_min: usize,
}

/// 100,000 rows of 384 dimensions are scanned in about a millisecond.
impl Default for ShardOptions {
    fn default() -> Self {
        Self {
            graph_rows_min: 1 << 17,
        }
    }
}

/// What decides where a shard's graphs begin, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardRules {
    pub(crate) options: ShardOptions,
    pub(crate) graphs: GraphSchedule,
}

/// What a shard knows of its rows beside the snapshot.
pub(crate) struct ShardState {
    pub(crate) next_ordinal: u32,
    pub(crate) ranges: BTreeMap<u32, Range>,
    pub(crate) begun: Vec<Begun>,
}

pub(crate) struct Shard {
    pub(crate) layout: Arc<Layout>,
    graphs: GraphSchedule,
    snapshot: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
    /// Unreachable rows that graph builds linked again.
    pub(crate) repaired: AtomicU64,
    /// Graphs that were not what the log expected.
    pub(crate) diverged: AtomicU64,
}

pub(crate) struct Writer {
    pub(crate) next_ordinal: u32,
    pub(crate) ranges: Ranges,
    /// Graphs that were asked for and not yet built, oldest first.
    pub(crate) requests: VecDeque<Waiting>,
    /// Graphs that the log has begun, oldest first.
    pub(crate) begun: Vec<Begun>,
    pub(crate) rests: Rests,
    pub(crate) strays: Strays,
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
        let due = Instant::now() + rest_of(live_rows(&request.parts));
        Self { request, due }
    }
}

/// About what building a graph of so many rows takes, and so the time for which they are to stand unchanged before.
pub(crate) fn rest_of(rows: u32) -> Duration {
    BUILD_PER_ROW * rows
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

    fn check_ordinals(&self, rows: usize, ordinals: &[u32]) -> Result<(), IndexError> {
        if ordinals.len() != rows || ordinals.last() == Some(&u32::MAX) {
            return Err(IndexError::invalid(format!(
                "a shard takes {} insertions in its life, and after {} there is no room for {rows}; rebuild the index from its log",
                u32::MAX,
                self.next_ordinal
            )));
        }
        let is_known = |first: &u32| *first < self.next_ordinal;
        if ordinals.first().is_some_and(is_known) || !ordinals.is_sorted_by(|a, b| a < b) {
            return Err(IndexError::invalid(format!(
                "rows must be numbered in ascending order from {} on, not {} to {}",
                self.next_ordinal,
                ordinals[0],
                ordinals[ordinals.len() - 1]
            )));
        }
        Ok(())
    }
}

impl Shard {
    pub(crate) fn new(layout: Arc<Layout>, rules: ShardRules) -> Self {
        let state = ShardState {
            next_ordinal: 0,
            ranges: BTreeMap::new(),
            begun: Vec::new(),
        };
        Self::restored(layout, rules, Snapshot::default(), state)
    }

    /// As it was when its snapshot was taken. Graphs that were asked for or begun and not yet built are built again.
    pub(crate) fn restored(
        layout: Arc<Layout>,
        rules: ShardRules,
        snapshot: Snapshot,
        state: ShardState,
    ) -> Self {
        let ShardState {
            next_ordinal,
            ranges,
            begun,
        } = state;
        let requests = match rules.graphs {
            GraphSchedule::Log => VecDeque::new(),
            GraphSchedule::Own => ranges
                .iter()
                .filter_map(|(from, range)| unbuilt(&snapshot, *from, *range))
                .chain(outgrown(&snapshot, &ranges))
                .map(Waiting::at_once)
                .collect(),
        };
        Self {
            layout,
            graphs: rules.graphs,
            snapshot: ArcSwap::from_pointee(snapshot),
            writer: Mutex::new(Writer {
                next_ordinal,
                ranges: Ranges::new(rules.options.graph_rows_min, ranges),
                requests,
                begun,
                rests: Rests::new(),
                strays: Strays::new(),
                merging: Vec::new(),
            }),
            repaired: AtomicU64::new(0),
            diverged: AtomicU64::new(0),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // What a writer that panicked had not published is not there; what it had is whole.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of all rows: whoever closes an index may keep the shard itself.
    pub(crate) fn clear(&self) {
        let mut writer = self.lock();
        writer.requests.clear();
        writer.begun.clear();
        writer.merging.clear();
        self.publish(Snapshot::default());
    }

    /// Only for who holds the lock.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Adds rows; one whose id is known replaces the one before, and of equal ids the last wins. `ordinals`: their numbers,
    /// ascending and beyond all before; `None`: one after the other.
    ///
    /// # Errors
    /// `INDEX_INVALID`: then none is added.
    pub(crate) fn upsert(
        &self,
        rows: &[PreparedRow],
        ordinals: Option<&[u32]>,
    ) -> Result<(), IndexError> {
        let mut writer = self.lock();
        let ordinals = match ordinals {
            Some(given) => given.to_vec(),
            None if self.graphs == GraphSchedule::Log => {
                return Err(IndexError::invalid(
                    "the graphs of this index follow its log; give each row its sequence there",
                ));
            }
            None => (writer.next_ordinal..u32::MAX).take(rows.len()).collect(),
        };
        writer.check_ordinals(rows.len(), &ordinals)?;
        let mut next = (*self.snapshot()).clone();
        let mut rest = (rows, ordinals.as_slice());
        while let Some(first) = rest.1.first() {
            let block = first / writer.block();
            let end = rest.1.partition_point(|one| one / writer.block() == block);
            let (piece, later) = (rest.0.split_at(end), rest.1.split_at(end));
            for bounds in writer.ranges.passed(writer.next_ordinal, *first) {
                self.ask(&mut writer, bounds, &next);
            }
            self.append(&mut writer, &mut next, piece.0, later.0)?;
            rest = (piece.1, later.1);
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
        ordinals: &[u32],
    ) -> Result<(), IndexError> {
        let segment = Segment::from_rows(&self.layout, ordinals, &rows.iter().collect::<Vec<_>>())?;
        let mut live_from = std::collections::HashMap::new();
        let mut superseded = Vec::new();
        for (row, prepared) in (0_u32..).zip(rows) {
            if let Some(before) = live_from.insert(prepared.id.as_str(), row) {
                superseded.push(before);
            } else if let Some(place) = next.find(&prepared.id) {
                self.kill(writer, next, place);
            }
        }
        let at = next.parts.len();
        next.push(Part::new(segment));
        for row in superseded {
            next.kill(Place { part: at, row });
        }
        writer.next_ordinal = ordinals.last().map_or(writer.next_ordinal, |last| last + 1);
        if let Some(bounds) = writer.ranges.completed(writer.next_ordinal) {
            self.ask(writer, bounds, next);
        }
        Ok(())
    }

    fn kill(&self, writer: &mut Writer, next: &mut Snapshot, place: Place) {
        let ordinal = next.kill(place);
        if let Some(bounds) = writer.ranges.died(ordinal) {
            self.ask(writer, bounds, next);
        }
    }

    /// Asks for the graph of a range, where no log does.
    fn ask(&self, writer: &mut Writer, bounds: Bounds, snapshot: &Snapshot) {
        if self.graphs == GraphSchedule::Own {
            let request = writer.ranges.request(bounds, snapshot);
            writer.requests.extend(request.map(Waiting::until_rested));
        }
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
            self.kill(&mut writer, &mut next, place);
            removed += 1;
        }
        if removed > 0 {
            next.drop_empty();
            self.publish(next);
        }
        removed
    }

    /// Asks for one graph over all rows.
    ///
    /// # Errors
    /// `INDEX_INVALID` where the log asks.
    pub(crate) fn request_all(&self) -> Result<(), IndexError> {
        if self.graphs == GraphSchedule::Log {
            return Err(IndexError::invalid(
                "the graphs of this index follow its log; open it without one to optimise it",
            ));
        }
        let mut writer = self.lock();
        let (next, snapshot) = (writer.next_ordinal, self.snapshot());
        let request = writer.ranges.all(next, &snapshot);
        writer.requests.clear();
        writer.requests.extend(request.map(Waiting::at_once));
        Ok(())
    }

    pub(crate) fn note_repaired(&self, rows: usize) {
        self.repaired.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

fn unbuilt(snapshot: &Snapshot, from: u32, range: Range) -> Option<GraphRequest> {
    let parts = parts_of(snapshot, (from, range.to));
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
