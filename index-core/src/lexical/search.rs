//! Ranking over many blocks. First the units of the rarest terms are scored, which gives a score that any row of the
//! answer must reach; then each part is read in windows, skipping what cannot reach it.

use std::cell::Cell;

use super::best_rows::BestRows;
use super::block::LexicalBlock;
use super::dead_units::DeadUnits;
use super::statistics::{Source, Statistics, WeightedTerm, sources, weighted_terms};
use super::window::{PartSearch, Workspace};
use crate::row_set::{Passing, RowSet};

/// Units that are scored ahead, per wanted row and at most.
const AHEAD_UNITS_PER_ROW: usize = 4;
const AHEAD_UNITS_MAX: usize = 1_024;

/// One block and which of its rows count.
#[derive(Clone, Copy)]
pub struct LexicalPart<'a> {
    pub block: &'a LexicalBlock,
    /// Rows that are part of the statistics.
    pub live: &'a RowSet,
    /// Spares the look at `live` where it holds every row.
    pub is_all_live: bool,
    /// What follows from `live`, kept from search to search; counted anew where there is none.
    pub dead: Option<&'a DeadUnits>,
    /// Live rows that may be returned.
    pub passing: Passing<'a>,
}

/// Best observation of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LexicalHit {
    /// Index of the part in the list that was searched.
    pub part: usize,
    pub row: u32,
    /// Which observation of the row; the first of equal ones.
    pub position: u32,
    /// On the grid.
    pub score: f64,
}

thread_local! {
    static WORKSPACE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// Rows that share a term with `text`, each with its best observation: all whose score is at least that of the
/// `depth`-th best. Best first, then in the order of parts and rows. Number, mean length and term frequencies are those
/// of the live units of all parts together.
#[must_use]
pub fn search(text: &str, parts: &[LexicalPart<'_>], depth: usize) -> Vec<LexicalHit> {
    let sources = sources(parts);
    let Some(statistics) = Statistics::of(&sources).filter(|_| depth > 0) else {
        return Vec::new();
    };
    let terms = weighted_terms(text, &sources, &statistics);
    let mut workspace = WORKSPACE.take().unwrap_or_default();
    let mut searches: Vec<PartSearch<'_>> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| PartSearch::new(source, at, &terms, &statistics))
        .collect();
    let floor = score_ahead(&terms, &sources, &searches, depth, &mut workspace);
    let mut best = BestRows::new(depth, floor);
    for search in &mut searches {
        search.run(&mut best, &mut workspace);
    }
    WORKSPACE.set(Some(workspace));
    best.into_hits()
}

/// A score that `depth` passing rows reach, from the units of the rarest terms; 0 where they are too few.
fn score_ahead(
    terms: &[WeightedTerm<'_>],
    sources: &[Source<'_>],
    searches: &[PartSearch<'_>],
    depth: usize,
    workspace: &mut Workspace,
) -> f64 {
    let wanted = depth.saturating_mul(AHEAD_UNITS_PER_ROW);
    if wanted > AHEAD_UNITS_MAX {
        return 0.0;
    }
    let mut units: Vec<(usize, u32)> = terms
        .iter()
        .flat_map(|term| (0..).zip(&term.lists))
        .filter_map(|(at, list)| Some((at, (*list)?)))
        .flat_map(|(at, list)| list.units.iter().map(move |unit| (at, *unit)))
        .take(AHEAD_UNITS_MAX)
        .filter(|(at, unit)| {
            let source: &Source<'_> = &sources[*at];
            let rows = source.part.block.unit_rows.as_slice();
            rows.get(*unit as usize)
                .is_some_and(|row| source.passes(*row))
        })
        .take(wanted)
        .collect();
    units.sort_unstable();
    units.dedup();
    let mut best = BestRows::new(depth, 0.0);
    for part in units.chunk_by(|left, right| left.0 == right.0) {
        let candidates = part.iter().map(|(_, unit)| *unit);
        searches[part[0].0].score_all(candidates, &mut best, workspace);
    }
    best.end_row();
    best.threshold()
}
