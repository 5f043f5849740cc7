//! Graphs that follow the log of an index, so that replicas answer identically whatever their timing: an entry of the log
//! begins a graph, and the rows that are alive there are its rows; another entry shows it. In between every replica builds
//! it, and all of them search what they did before. One that has not finished at the second entry waits there.
//!
//! Whoever is to write these entries asks `news` what there is to say. That answer depends on time, and nothing else does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::index::ranges::{Bounds, GraphOrder, GraphRequest, live_rows, parts_of};
use crate::index::segment::Segment;
use crate::index::shard::{Shard, Writer, rest_of};
use crate::index::snapshot::Snapshot;

/// Who decides when graphs are built and shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GraphSchedule {
    /// The index: a graph is asked for at certain writes, built in the background, and searched once it is there.
    #[default]
    Own,
    /// Entries of the log: `begin_graph` and `show_graph`.
    Log,
}

/// What an entry of the log would tell the replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphNews {
    /// The rows of a range have rested and should have another graph, or none any more.
    Due { bounds: Bounds, has_graph: bool },
    /// The graph that the entry `at` began is built.
    Built {
        at: u64,
        bounds: Bounds,
        fingerprint: u64,
    },
}

/// What became of an entry that shows a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownGraph {
    /// Nobody began it here, or a younger one has taken its place.
    Unknown,
    Searched,
    /// It is searched as soon as it is built.
    Awaited,
}

/// A graph that an entry of the log has begun and that is not searched yet.
#[derive(Clone)]
pub(crate) struct Begun {
    pub(crate) request: GraphRequest,
    /// Sequence of that entry.
    pub(crate) at: u64,
    pub(crate) is_shown: bool,
    pub(crate) built: Option<Arc<Segment>>,
    /// What it should be like, once that is known.
    pub(crate) expected: Option<u64>,
}

/// Times that the rest of a range whose graph is never the others' is doubled, at most.
const DOUBLINGS_MAX: u32 = 10;

/// How long a range that should have a graph has stood almost unchanged.
pub(crate) struct Rest {
    rows: u32,
    due: Instant,
}

/// Per range.
pub(crate) type Rests = BTreeMap<Bounds, Rest>;

/// How many graphs of a range, one after the other, were not those of who announced them.
pub(crate) type Strays = BTreeMap<Bounds, u32>;

impl Begun {
    fn bounds(&self) -> Bounds {
        (self.request.from, self.request.to)
    }

    fn overlaps(&self, (from, to): Bounds) -> bool {
        self.request.from < to && from < self.request.to
    }
}

impl Shard {
    /// `false`: nothing is begun, because no row is alive there or somebody else was first.
    pub(crate) fn begin_graph(&self, order: &GraphOrder, at: u64) -> bool {
        let mut writer = self.lock();
        // Whatever comes later has a higher number than the entry, and so lies behind the range.
        let is_behind = u64::from(order.to) <= at && u64::from(writer.next_ordinal) <= at;
        if !is_behind || !writer.ranges.is_aligned(order) {
            return false;
        }
        let Some(request) = writer.ranges.ordered(order, at, &self.snapshot()) else {
            return false;
        };
        let bounds = (request.from, request.to);
        writer
            .begun
            .retain(|begun| begun.is_shown || begun.bounds() != bounds);
        writer.begun.push(Begun {
            request,
            at,
            is_shown: false,
            built: None,
            expected: None,
        });
        true
    }

    /// Shows the graph that the entry `begun_at` began. One that does not have the expected fingerprint is counted.
    pub(crate) fn show_graph(&self, begun_at: u64, expected: Option<u64>) -> ShownGraph {
        let mut writer = self.lock();
        let Some(shown) = writer.begun.iter_mut().find(|begun| begun.at == begun_at) else {
            return ShownGraph::Unknown;
        };
        shown.is_shown = true;
        shown.expected = expected;
        let shown = shown.clone();
        // Older ones of the same rows would undo it.
        let bounds = shown.bounds();
        writer
            .begun
            .retain(|begun| begun.at >= begun_at || !begun.overlaps(bounds));
        let Some(segment) = shown.built.clone() else {
            return ShownGraph::Awaited;
        };
        writer.begun.retain(|begun| begun.at != begun_at);
        self.search(&mut writer, &shown, segment);
        ShownGraph::Searched
    }

    /// A graph that is not the others' is searched, and is to be built anew: by all of them, of what is alive then.
    fn search(&self, writer: &mut Writer, begun: &Begun, segment: Arc<Segment>) {
        let is_other = |expected: u64| expected != segment.fingerprint();
        if begun.request.has_graph && begun.expected.is_some_and(is_other) {
            self.diverged.fetch_add(1, Ordering::Relaxed);
            writer.ranges.wear_out(begun.bounds(), begun.at);
            *writer.strays.entry(begun.bounds()).or_insert(0) += 1;
        } else {
            writer.strays.remove(&begun.bounds());
        }
        self.replace_range(&begun.request, segment);
    }

    /// Takes the graph that was built for the entry `at`. It is dropped where nobody wants it any more.
    pub(crate) fn built(&self, at: u64, segment: Segment) {
        let mut writer = self.lock();
        let Some(place) = writer.begun.iter().position(|begun| begun.at == at) else {
            return;
        };
        let segment = Arc::new(segment);
        if writer.begun[place].is_shown {
            let begun = writer.begun.remove(place);
            self.search(&mut writer, &begun, segment);
        } else {
            writer.begun[place].built = Some(segment);
        }
    }

    pub(crate) fn news(&self) -> Vec<GraphNews> {
        let mut writer = self.lock();
        let snapshot = self.snapshot();
        let mut news = due(&mut writer, &snapshot);
        let told = writer.begun.iter().filter(|begun| !begun.is_shown);
        news.extend(told.filter_map(|begun| {
            let fingerprint = begun.built.as_ref()?.fingerprint();
            Some(GraphNews::Built {
                at: begun.at,
                bounds: begun.bounds(),
                fingerprint,
            })
        }));
        news
    }
}

/// Ranges that should have another graph and have rested about as long as building it takes: beside writes that replace
/// their rows faster, it would be stale before it is searched. Where graphs go on being others than those announced, each
/// takes twice the rest of the one before, so that a replica that is always behind does not keep all of them building.
fn due(writer: &mut Writer, snapshot: &Snapshot) -> Vec<GraphNews> {
    let now = Instant::now();
    let mut rests = std::mem::take(&mut writer.rests);
    let mut due = Vec::new();
    for (bounds, has_graph, rows) in wanted(writer, snapshot) {
        let known = rests.remove(&bounds);
        // A range that lost a fifth of its rows meanwhile begins to rest again.
        let rest = match known {
            Some(rest) if rows.saturating_mul(5) >= rest.rows.saturating_mul(4) => rest,
            _ => {
                let strays = writer.strays.get(&bounds).copied().unwrap_or(0);
                let due = now + rest_of(rows) * (1 << strays.min(DOUBLINGS_MAX));
                Rest { rows, due }
            }
        };
        if rest.due <= now {
            due.push(GraphNews::Due { bounds, has_graph });
        }
        writer.rests.insert(bounds, rest);
    }
    due
}

/// Ranges whose graph is not what it should be; whether they should have one; and their live rows. Those that are whole
/// are disjoint, so that no two entries contend for a row; a worn graph inside a larger range waits for that one's.
fn wanted(writer: &Writer, snapshot: &Snapshot) -> Vec<(Bounds, bool, u32)> {
    let bounds = writer.ranges.whole(writer.next_ordinal);
    let is_wanted = |bounds: Bounds| {
        if writer.begun.iter().any(|begun| begun.bounds() == bounds) {
            return None;
        }
        let is_worn = writer
            .ranges
            .ranges
            .get(&bounds.0)
            .is_some_and(|range| range.to == bounds.1 && range.is_worn());
        let parts = parts_of(snapshot, bounds);
        let has_graph = writer.ranges.is_large(&parts);
        let graphs = parts.iter().filter(|part| part.segment.has_graph()).count();
        let is_so = if has_graph {
            parts.len() == 1 && graphs == 1 && !is_worn
        } else {
            graphs == 0
        };
        (!is_so).then(|| (bounds, has_graph, live_rows(&parts)))
    };
    bounds.into_iter().filter_map(is_wanted).collect()
}
