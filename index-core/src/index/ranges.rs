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
}

/// The rows of a range as they were when its graph was asked for.
pub(crate) struct GraphRequest {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) parts: Vec<Part>,
    pub(crate) has_graph: bool,
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

    /// Called when all ordinals below `next` are in `snapshot`. Ranges double like the digits of a binary counter, so
    /// that a row takes part in a logarithmic number of builds.
    pub(crate) fn completed(&mut self, next: u32, snapshot: &Snapshot) -> Option<GraphRequest> {
        let units = next / self.unit;
        if !next.is_multiple_of(self.unit) || units == 0 {
            return None;
        }
        let from = next - (self.unit << units.trailing_zeros());
        self.request(from, next, snapshot)
    }

    /// Called for each row that dies.
    pub(crate) fn died(&mut self, ordinal: u32, snapshot: &Snapshot) -> Option<GraphRequest> {
        let (from, range) = self.ranges.range_mut(..=ordinal).next_back()?;
        if ordinal >= range.to {
            return None;
        }
        range.dead += 1;
        if range.dead.saturating_mul(DEAD_SHARE) <= range.rows {
            return None;
        }
        let (from, to) = (*from, range.to);
        self.request(from, to, snapshot)
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
        };
        self.ranges.insert(0, range);
        Some(GraphRequest {
            from: 0,
            to: next,
            parts,
            has_graph: true,
        })
    }

    fn request(&mut self, from: u32, to: u32, snapshot: &Snapshot) -> Option<GraphRequest> {
        // An `all` may have left a range across the border.
        let from = match self.ranges.range(..from).next_back() {
            Some((first, range)) if range.to > from => *first,
            _ => from,
        };
        let parts: Vec<Part> = snapshot
            .parts
            .iter()
            .filter(|part| {
                part.segment
                    .span()
                    .is_some_and(|(first, last)| first >= from && last < to)
            })
            .cloned()
            .collect();
        let rows = parts.iter().map(|part| part.live.len()).sum::<usize>();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let was_graph = parts.iter().any(|part| part.segment.has_graph())
            || self.ranges.range(from..to).next().is_some();
        self.ranges.retain(|first, _| *first < from || *first >= to);
        // A range that lost most of its rows is scanned again.
        let has_graph = rows >= self.unit / 2;
        if has_graph {
            self.ranges.insert(from, Range { to, rows, dead: 0 });
        }
        (has_graph || (was_graph && rows > 0)).then_some(GraphRequest {
            from,
            to,
            parts,
            has_graph,
        })
    }
}
