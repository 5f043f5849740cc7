//! One part of a search, read in windows of units (`MaxScore`: Turtle & Flood 1995). Terms stand rarest first. The
//! first of them are *essential*: a unit with none of these cannot reach the score that is needed. Their postings are
//! added up for a whole window; the others are only looked up for the units that were found.

use super::best_rows::BestRows;
use super::block::PostingList;
use super::cursor::seek;
use super::search::LexicalHit;
use super::statistics::{Source, Statistics, WeightedTerm};
use crate::row_set::Passing;

/// Units of one window: its sums fit the first-level cache. A row with more units gets a larger one.
const WINDOW_UNITS: u32 = 2_048;

/// Looking a unit up in a list costs about as much as reading this many postings.
const LOOK_UP_POSTINGS: usize = 8;

/// Units that a filter leaves are scored in portions, so that the first raise the bar for the next.
const PORTION_UNITS: usize = 256;

#[derive(Clone, Copy)]
struct Candidate {
    unit: u32,
    row: u32,
    score: f64,
}

/// Memory of one thread's searches; between searches all sums and marks are zero.
#[derive(Default)]
pub(crate) struct Workspace {
    sums: Vec<f64>,
    marks: Vec<u64>,
    candidates: Vec<Candidate>,
}

struct PartTerm<'a> {
    list: PostingList<'a>,
    weight: f64,
    /// First posting that has not been passed.
    at: usize,
}

pub(crate) struct PartSearch<'a> {
    source: &'a Source<'a>,
    statistics: &'a Statistics,
    terms: Vec<PartTerm<'a>>,
    /// The most that a unit can get from the term and those after it; one entry more than terms.
    rests: Vec<f64>,
}

impl<'a> PartSearch<'a> {
    pub(crate) fn new(
        source: &'a Source<'a>,
        at: usize,
        terms: &[WeightedTerm<'a>],
        statistics: &'a Statistics,
    ) -> Self {
        let terms: Vec<PartTerm<'a>> = terms
            .iter()
            .filter_map(|term| {
                Some(PartTerm {
                    list: (*term.lists.get(at)?)?,
                    weight: term.weight,
                    at: 0,
                })
            })
            .collect();
        let mut rests = vec![0.0; terms.len() + 1];
        for (index, term) in terms.iter().enumerate().rev() {
            rests[index] = rests[index + 1] + statistics.bound(term.weight, &term.list);
        }
        Self {
            source,
            statistics,
            terms,
            rests,
        }
    }

    pub(crate) fn run(&mut self, best: &mut BestRows, workspace: &mut Workspace) {
        if let Some(units) = self.few_passing_units() {
            for portion in units.chunks(PORTION_UNITS) {
                self.score_all(portion.iter().copied(), best, workspace);
            }
        } else {
            while self.read_window(best, workspace).is_some() {}
        }
        best.end_row();
    }

    /// The units that pass, where looking each up is cheaper than reading the postings.
    fn few_passing_units(&self) -> Option<Vec<u32>> {
        let Passing::Rows(rows) = self.source.part.passing else {
            return None;
        };
        let postings: usize = self.terms.iter().map(|term| term.list.units.len()).sum();
        let units_max = postings / (LOOK_UP_POSTINGS * self.terms.len().max(1));
        if rows.len() > units_max {
            return None;
        }
        let block = self.source.part.block;
        let mut units = Vec::new();
        for row in rows.iter().filter(|row| self.source.passes(*row)) {
            units.extend(block.units_of(row));
            if units.len() > units_max {
                return None;
            }
        }
        Some(units)
    }

    /// Scores the given units, ascending, whether they can reach the needed score or not.
    pub(crate) fn score_all(
        &self,
        units: impl Iterator<Item = u32>,
        best: &mut BestRows,
        workspace: &mut Workspace,
    ) {
        let rows = self.source.part.block.unit_rows.as_slice();
        let candidates = &mut workspace.candidates;
        candidates.clear();
        candidates.extend(units.filter_map(|unit| {
            Some(Candidate {
                unit,
                row: *rows.get(unit as usize)?,
                score: 0.0,
            })
        }));
        let mut cursors: Vec<usize> = vec![0; self.terms.len()];
        self.look_up(0, &mut cursors, best.score_min(), candidates);
        self.report(candidates, best);
    }

    /// Number of essential terms for this score.
    fn essential(&self, score_min: f64) -> usize {
        self.rests
            .iter()
            .position(|rest| *rest < score_min)
            .unwrap_or(self.terms.len())
    }

    /// `None` where no unit that is left can reach the needed score.
    fn read_window(&mut self, best: &mut BestRows, workspace: &mut Workspace) -> Option<()> {
        let score_min = best.score_min();
        let essential = self.essential(score_min);
        let (start, end) = self.next_window(essential)?;
        self.add_up(essential, start..end, workspace);
        self.collect(essential, start, score_min, workspace);
        let rest = essential..self.terms.len();
        let mut cursors: Vec<usize> = self.terms[rest].iter().map(|term| term.at).collect();
        self.look_up(
            essential,
            &mut cursors,
            score_min,
            &mut workspace.candidates,
        );
        for (term, cursor) in self.terms[essential..].iter_mut().zip(cursors) {
            term.at = cursor;
        }
        self.report(&workspace.candidates, best);
        best.end_row();
        Some(())
    }

    /// Whole rows, from that of the next essential posting on.
    fn next_window(&self, essential: usize) -> Option<(u32, u32)> {
        let block = self.source.part.block;
        let next = self.terms[..essential]
            .iter()
            .filter_map(|term| term.list.units.get(term.at))
            .min()?;
        let starts = block.row_starts.as_slice();
        let row = *block.unit_rows.as_slice().get(*next as usize)?;
        let start = *starts.get(row as usize)?;
        let rest = starts.get(row as usize + 1..)?;
        let whole = rest.partition_point(|end| end - start <= WINDOW_UNITS);
        let end = *rest.get(whole.saturating_sub(1))?;
        Some((start, end))
    }

    fn add_up(
        &mut self,
        essential: usize,
        window: std::ops::Range<u32>,
        workspace: &mut Workspace,
    ) {
        let units = (window.end - window.start) as usize;
        if workspace.sums.len() < units {
            workspace.sums.resize(units, 0.0);
            workspace.marks.resize(units.div_ceil(64), 0);
        }
        let lengths = self.source.part.block.unit_lengths.as_slice();
        let lengths = lengths
            .get(window.start as usize..window.end as usize)
            .unwrap_or_default();
        for term in &mut self.terms[..essential] {
            let end = seek(term.list.units, term.at, window.end);
            for index in term.at..end {
                let slot = term.list.units[index].wrapping_sub(window.start) as usize;
                let (Some(sum), Some(length)) = (workspace.sums.get_mut(slot), lengths.get(slot))
                else {
                    continue;
                };
                *sum += self
                    .statistics
                    .score(term.weight, term.list.count(index), *length);
                workspace.marks[slot / 64] |= 1 << (slot % 64);
            }
            term.at = end;
        }
    }

    /// Takes the marked units that pass and can reach the needed score, and clears sums and marks.
    fn collect(&self, essential: usize, start: u32, score_min: f64, workspace: &mut Workspace) {
        let rows = self.source.part.block.unit_rows.as_slice();
        let needed = score_min - self.rests[essential];
        workspace.candidates.clear();
        for (word, base) in workspace.marks.iter_mut().zip((0_u32..).step_by(64)) {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let slot = base + rest.trailing_zeros();
                rest &= rest - 1;
                let score = std::mem::take(&mut workspace.sums[slot as usize]);
                let unit = start + slot;
                if score < needed {
                    continue;
                }
                let Some(row) = rows.get(unit as usize).copied() else {
                    continue;
                };
                if self.source.passes(row) {
                    workspace.candidates.push(Candidate { unit, row, score });
                }
            }
        }
    }

    /// Adds what the terms from `first` on give to the candidates, ascending; those that fall behind are dropped.
    /// `cursors` are the places in the lists of these terms.
    fn look_up(
        &self,
        first: usize,
        cursors: &mut [usize],
        score_min: f64,
        candidates: &mut Vec<Candidate>,
    ) {
        let lengths = self.source.part.block.unit_lengths.as_slice();
        let rests = &self.rests[first + 1..];
        for ((term, rest), cursor) in self.terms[first..].iter().zip(rests).zip(cursors) {
            let needed = score_min - rest;
            let mut at = *cursor;
            candidates.retain_mut(|candidate| {
                at = seek(term.list.units, at, candidate.unit);
                if term.list.units.get(at) == Some(&candidate.unit) {
                    let length = lengths.get(candidate.unit as usize).copied();
                    candidate.score += self.statistics.score(
                        term.weight,
                        term.list.count(at),
                        length.unwrap_or_default(),
                    );
                }
                candidate.score >= needed
            });
            *cursor = at;
        }
    }

    fn report(&self, candidates: &[Candidate], best: &mut BestRows) {
        let block = self.source.part.block;
        for candidate in candidates.iter().filter(|found| found.score > 0.0) {
            best.add(LexicalHit {
                part: self.source.index,
                row: candidate.row,
                position: candidate.unit - block.units_of(candidate.row).start,
                score: candidate.score,
            });
        }
    }
}
