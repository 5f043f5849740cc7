//! Nearest rows of a snapshot in one field, part by part: a scan of the rows that pass, or a walk through the graph,
//! whichever is expected to read fewer bytes. Never short when enough rows pass.

use crate::index::explain::{PartExplanation, Strategy};
use crate::index::passing::PassingPart;
use crate::index::snapshot::{Place, Snapshot};
use crate::rank::by_score_then_id;
use crate::vector::{Breadth, QueryVector, VectorBlock};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SearchMode {
    /// Scan or graph, by expected cost.
    #[default]
    Auto,
    /// Scan: recall 1.
    Exact,
    /// Graph where there is one.
    Graph,
}

/// Candidates that a walk keeps, unless the query says otherwise.
pub(crate) const EXPANSION: usize = 64;

/// Distances that a walk computes per kept candidate: 788 at 64 were measured on text (M = 16).
const VISITS_PER_EXPANSION: usize = 12;
/// A visit of the walk costs as much as so many rows of a scan: random access, heap and visited set against a stream of
/// 4-bit codes. Constants, not measured at start: replicas on different machines must choose alike.
const WALK_ROWS: usize = 6;
/// The same where a filter is asked about each row: 126 ns were measured in a million rows, and 34 ns for a picked row.
const FILTERED_WALK_ROWS: usize = 12;
/// A row that a selective scan picks out costs as much as so many rows of a stream.
const GATHER_ROWS: usize = 3;

/// A filtered walk knows so many rows, passing or not, per kept candidate before it ends: what passes may lie apart.
const AROUND_PER_EXPANSION: usize = 4;
/// And so many more for each row that is kept out, where these are few and so probably the nearest: the walk ends well
/// only when it looks far beyond them.
const AROUND_PER_WITHHELD: usize = 8;
/// At most as many for those as for so many kept candidates.
const WITHHELD_EXPANSIONS_MAX: usize = 8;
/// Few: one row in so many.
const WITHHELD_SHARE: usize = 64;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) place: Place,
    /// On the grid.
    pub(crate) score: f64,
}

pub(crate) struct VectorSearch<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) field: usize,
    pub(crate) passing: &'a [PassingPart],
    pub(crate) mode: SearchMode,
    pub(crate) expansion: usize,
}

impl VectorSearch<'_> {
    /// The `k` nearest rows, nearest first, ties by id.
    pub(crate) fn nearest(
        &self,
        query: &QueryVector,
        k: usize,
    ) -> (Vec<Found>, Vec<PartExplanation>) {
        let parts = &self.snapshot.parts;
        let mut explanations: Vec<_> = parts.iter().map(PartExplanation::skipped).collect();
        // The largest first: what is found there bounds the scan of the others.
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|part| std::cmp::Reverse(self.passing[*part].len()));
        let mut found: Vec<Found> = Vec::new();
        for part in order {
            let passing = self.passing[part].len();
            explanations[part].passing = passing;
            if passing == 0 || k == 0 {
                continue;
            }
            let floor = (found.len() >= k).then(|| found[k - 1].score);
            let (rows, strategy, visited) = self.of_part(part, query, k, floor);
            explanations[part].strategy = strategy;
            explanations[part].visited = visited;
            found.extend(rows.into_iter().map(|(row, score)| Found {
                place: Place { part, row },
                score,
            }));
            found.sort_unstable_by(|left, right| {
                let id = |found: &Found| parts[found.place.part].segment.id(found.place.row);
                by_score_then_id((left.score, id(left)), (right.score, id(right)))
            });
            found.truncate(k);
        }
        (found, explanations)
    }

    fn of_part(
        &self,
        part: usize,
        query: &QueryVector,
        k: usize,
        floor: Option<f64>,
    ) -> (Vec<(u32, f64)>, Strategy, usize) {
        let block = &self.snapshot.parts[part].segment.vectors[self.field];
        let passing = &self.passing[part];
        let breadth = breadth_of(self.expansion.max(k), passing.len(), passing.withheld());
        let mut strategy = Strategy::Exact;
        let mut spent = 0;
        if let Some(visits_max) = self.walk_budget(block, passing, breadth) {
            let walked = block.search_graph(query, k, breadth, passing.as_passing(), visits_max);
            if let Some((rows, visited)) = walked {
                return (pairs(&rows), Strategy::Graph, visited.rows);
            }
            strategy = Strategy::Fallback;
            spent = visits_max;
        }
        let (rows, visited) = block.search_exact(query, k, passing.as_passing(), floor);
        (pairs(&rows), strategy, spent + visited.rows)
    }

    /// Visits that a walk may cost before a scan would have been cheaper; `None` where a scan is cheaper from the start.
    fn walk_budget(
        &self,
        block: &VectorBlock,
        passing: &PassingPart,
        Breadth { ef, wide }: Breadth,
    ) -> Option<usize> {
        block.graph()?;
        match self.mode {
            SearchMode::Exact => return None,
            SearchMode::Graph => return Some(usize::MAX),
            SearchMode::Auto => {}
        }
        let rows = block.len();
        let scan = rows.min(passing.len().saturating_mul(GATHER_ROWS));
        // Walking goes through rows that do not pass: the rarer they are, the longer.
        let known = (ef.saturating_mul(rows) / passing.len().max(1)).max(wide);
        let visits = known.saturating_mul(VISITS_PER_EXPANSION);
        let visit = if passing.withheld() == 0 {
            WALK_ROWS
        } else {
            FILTERED_WALK_ROWS
        };
        (visits.saturating_mul(visit) <= scan).then_some(scan / visit)
    }
}

/// How far to look: without conditions only at what is kept.
fn breadth_of(ef: usize, passing: usize, withheld: usize) -> Breadth {
    if withheld == 0 {
        return Breadth::from(ef);
    }
    let is_few = withheld.saturating_mul(WITHHELD_SHARE) <= passing;
    let beyond = if is_few {
        withheld
            .saturating_mul(AROUND_PER_WITHHELD)
            .min(ef * WITHHELD_EXPANSIONS_MAX)
    } else {
        0
    };
    Breadth {
        ef,
        wide: ef * AROUND_PER_EXPANSION + beyond,
    }
}

fn pairs(rows: &[crate::vector::Scored]) -> Vec<(u32, f64)> {
    rows.iter()
        .map(|scored| (scored.row, scored.score))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_looks_further_the_more_is_kept_out_near_by() {
        let wide = |passing, withheld| breadth_of(64, passing, withheld).wide;
        assert_eq!(wide(1_000_000, 0), 0);
        assert_eq!(wide(1_000_000, 1), 256 + 8);
        assert_eq!(wide(1_000_000, 50), 256 + 400);
        assert_eq!(wide(1_000_000, 10_000), 256 + 512);
        assert_eq!(wide(500_000, 500_000), 256);
        assert_eq!(breadth_of(64, 500_000, 500_000).ef, 64);
    }
}
