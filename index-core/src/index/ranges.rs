//! Which ranges of a shard's insertion ordinals have a graph of their own, and when it is built anew. Every decision is
//! a function of the writes alone, in their order, never of time: replicas that applied the same writes ask for the
//! same graphs over the same rows.

use std::collections::BTreeMap;

use crate::index::snapshot::{Part, Snapshot};

/// Share of dead rows, as one in so many, from which a graph is built anew.
const DEAD_SHARE: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) to: u32,
    /// Live rows when its graph was asked for, and how many of them died since.
    pub(crate) rows: u32,
    pub(crate) dead: u32,
    /// Sequence of the log's entry that asked for it; 0 where no log does.
    pub(crate) at: u64,
}

/// The rows of a range as they were when its graph was asked for.
#[derive(Clone)]
pub(crate) struct GraphRequest {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) parts: Vec<Part>,
    pub(crate) has_graph: bool,
}

/// First ordinal of a range, and the first behind it.
pub(crate) type Bounds = (u32, u32);

/// What an entry of the log asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphOrder {
    pub from: u32,
    pub to: u32,
    /// False: the range has lost most of its rows and is to be scanned again.
    pub has_graph: bool,
    /// What whoever wrote the entry had applied of the log: of several who ask at once, the first is heard.
    pub after: u64,
}

pub(crate) struct Ranges {
    /// Smallest range; a power of two.
    unit: u32,
    /// By their first ordinal; disjoint.
    pub(crate) ranges: BTreeMap<u32, Range>,
}

impl Ranges {
    pub(crate) fn new(graph_rows_min: usize, ranges: BTreeMap<u32, Range>) -> Self {
        let unit = graph_rows_min.clamp(1, 1 << 31).next_power_of_two();
        Self {
            unit: u32::try_from(unit).unwrap_or(1 << 31),
            ranges,
        }
    }

    pub(crate) fn unit(&self) -> u32 {
        self.unit
    }

    /// The ordinal from which no graph reaches.
    pub(crate) fn end(&self) -> u32 {
        self.ranges
            .values()
            .map(|range| range.to)
            .max()
            .unwrap_or(0)
    }

    /// The range that ends where all ordinals below `next` are there. Ranges double like the digits of a binary counter,
    /// so that a row takes part in a logarithmic number of builds.
    pub(crate) fn completed(&self, next: u32) -> Option<Bounds> {
        let units = next / self.unit;
        if !next.is_multiple_of(self.unit) || units == 0 {
            return None;
        }
        let from = next - (self.unit << units.trailing_zeros());
        Some((from, next))
    }

    /// Ranges that end after `next` and up to `to`, where ordinals go on after a gap; those without a row left out.
    pub(crate) fn passed(&self, next: u32, to: u32) -> Vec<Bounds> {
        let (unit, to) = (u64::from(self.unit), u64::from(to));
        let lowest = |end: u64| 1_u64 << end.trailing_zeros();
        let mut end = u64::from(next).next_multiple_of(unit);
        let mut passed = Vec::new();
        while end <= to {
            if end > u64::from(next) {
                passed.extend(u32::try_from(end).ok().and_then(|end| self.completed(end)));
            }
            end += lowest(end.max(unit));
        }
        passed
    }

    /// The ranges of which all that were inserted before `next` consist, the last one aside, which is being filled.
    pub(crate) fn whole(&self, next: u32) -> Vec<Bounds> {
        let mut end = next - next % self.unit;
        let mut whole = Vec::new();
        while let Some((from, to)) = self.completed(end) {
            whole.push((from, to));
            end = from;
        }
        whole
    }

    /// Counts a row that dies. The range that has lost so many since its graph was asked for that it is to be built anew.
    pub(crate) fn died(&mut self, ordinal: u32) -> Option<Bounds> {
        let (from, range) = self.ranges.range_mut(..=ordinal).next_back()?;
        if ordinal >= range.to {
            return None;
        }
        range.dead = range.dead.saturating_add(1);
        range.is_worn().then_some((*from, range.to))
    }

    /// As if all rows had died of the range that the entry `at` asked for.
    pub(crate) fn wear_out(&mut self, (from, _): Bounds, at: u64) {
        let asked = self.ranges.get_mut(&from).filter(|range| range.at == at);
        if let Some(range) = asked {
            range.dead = range.rows;
        }
    }

    /// A graph over everything there is, whatever the borders.
    pub(crate) fn all(&mut self, next: u32, snapshot: &Snapshot) -> Option<GraphRequest> {
        self.ranges.clear();
        let parts = snapshot.parts.clone();
        let rows = u32::try_from(snapshot.live_rows).unwrap_or(u32::MAX);
        if rows == 0 {
            return None;
        }
        let range = Range {
            to: next,
            rows,
            dead: 0,
            at: 0,
        };
        self.ranges.insert(0, range);
        Some(GraphRequest {
            from: 0,
            to: next,
            parts,
            has_graph: true,
        })
    }

    /// Asks for the graph of a range by itself, as of now.
    pub(crate) fn request(
        &mut self,
        (from, to): Bounds,
        snapshot: &Snapshot,
    ) -> Option<GraphRequest> {
        let from = self.uncut(from);
        let parts = parts_of(snapshot, (from, to));
        let was_graph = parts.iter().any(|part| part.segment.has_graph())
            || self.ranges.range(from..to).next().is_some();
        let has_graph = self.is_large(&parts);
        if has_graph {
            self.put((from, to), live_rows(&parts), 0);
        } else {
            self.forget((from, to));
        }
        let request = request_of((from, to), parts, has_graph)?;
        (has_graph || was_graph).then_some(request)
    }

    /// Whether an entry names a range that could be whole: others would cut segments.
    pub(crate) fn is_aligned(&self, order: &GraphOrder) -> bool {
        let rows = order.to.saturating_sub(order.from);
        rows >= self.unit && rows.is_power_of_two() && order.from.is_multiple_of(rows)
    }

    /// As the log's entry `at` asks. `None`: no row is there, or a range that the entry does not know of or would cut.
    pub(crate) fn ordered(
        &mut self,
        order: &GraphOrder,
        at: u64,
        snapshot: &Snapshot,
    ) -> Option<GraphRequest> {
        let bounds = (order.from, order.to);
        let is_void = |(first, range): (&u32, &Range)| {
            let overlaps = *first < order.to && range.to > order.from;
            let is_inside = *first >= order.from && range.to <= order.to;
            overlaps && (range.at > order.after || !is_inside)
        };
        if self.ranges.iter().any(is_void) {
            return None;
        }
        let parts = parts_of(snapshot, bounds);
        let request = request_of(bounds, parts, order.has_graph)?;
        // Also one that is scanned: what it consists of is not to be cut either.
        self.put(bounds, live_rows(&request.parts), at);
        Some(request)
    }

    /// A range that lost most of its rows is scanned again.
    pub(crate) fn is_large(&self, parts: &[Part]) -> bool {
        live_rows(parts) >= self.unit / 2
    }

    /// An `all` may have left a range across the border.
    fn uncut(&self, from: u32) -> u32 {
        match self.ranges.range(..from).next_back() {
            Some((first, range)) if range.to > from => *first,
            _ => from,
        }
    }

    fn put(&mut self, (from, to): Bounds, rows: u32, at: u64) {
        self.forget((from, to));
        let range = Range {
            to,
            rows,
            dead: 0,
            at,
        };
        self.ranges.insert(from, range);
    }

    fn forget(&mut self, (from, to): Bounds) {
        self.ranges.retain(|first, _| *first < from || *first >= to);
    }
}

impl Range {
    /// So many rows have died since its graph was asked for that it is to be built anew.
    pub(crate) fn is_worn(&self) -> bool {
        self.dead.saturating_mul(DEAD_SHARE) > self.rows
    }
}

fn request_of((from, to): Bounds, parts: Vec<Part>, has_graph: bool) -> Option<GraphRequest> {
    (live_rows(&parts) > 0).then_some(GraphRequest {
        from,
        to,
        parts,
        has_graph,
    })
}

/// The parts of a range. None lies across its borders.
pub(crate) fn parts_of(snapshot: &Snapshot, (from, to): Bounds) -> Vec<Part> {
    let is_inside = |part: &&Part| {
        let span = part.segment.span();
        span.is_some_and(|(first, last)| first >= from && last < to)
    };
    snapshot.parts.iter().filter(is_inside).cloned().collect()
}

pub(crate) fn live_rows(parts: &[Part]) -> u32 {
    let rows: usize = parts.iter().map(|part| part.live.len()).sum();
    u32::try_from(rows).unwrap_or(u32::MAX)
}
