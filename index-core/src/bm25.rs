//! BM25 (Robertson & Zaragoza 2009) over observations. The unit is one observation, so that a hit says which
//! demonstration matched and where in it. Statistics are those of the live units at the time of the query: a shard that
//! was rebuilt from its log answers like one that lived through every replacement.

use std::collections::HashMap;

use crate::row_set::RowSet;
use crate::tokenizer::each_word;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A long observation is cut to its rarest terms; the common ones would cost most and say least.
const QUERY_TERMS_MAX: usize = 256;

/// Term counts of one observation.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnitTerms {
    counts: HashMap<Box<str>, u32>,
    length: u32,
}

impl UnitTerms {
    pub(crate) fn of(text: &str) -> Self {
        let mut terms = Self::default();
        each_word(text, |word| {
            terms.length += 1;
            match terms.counts.get_mut(word.stem) {
                Some(count) => *count += 1,
                None => {
                    terms.counts.insert(word.stem.into(), 1);
                }
            }
        });
        terms
    }
}

#[derive(Debug, Clone, Copy)]
struct Unit {
    row: u32,
    position: u32,
    length: u32,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    unit: u32,
    count: u32,
}

/// Best observation of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LexicalHit {
    pub(crate) row: u32,
    pub(crate) position: u32,
    pub(crate) score: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Bm25 {
    postings: HashMap<Box<str>, Vec<Posting>>,
    units: Vec<Unit>,
    live_units: u64,
    live_length: u64,
}

impl Bm25 {
    pub(crate) fn add(&mut self, row: u32, observations: &[UnitTerms]) {
        for (position, terms) in (0..).zip(observations) {
            let unit = u32::try_from(self.units.len()).unwrap_or(u32::MAX);
            self.units.push(Unit {
                row,
                position,
                length: terms.length,
            });
            self.live_units += 1;
            self.live_length += u64::from(terms.length);
            for (term, count) in &terms.counts {
                let posting = Posting {
                    unit,
                    count: *count,
                };
                match self.postings.get_mut(term) {
                    Some(postings) => postings.push(posting),
                    None => {
                        self.postings.insert(term.clone(), vec![posting]);
                    }
                }
            }
        }
    }

    /// Takes a row's units out of the statistics. Its postings stay until the shard is compacted; `live` hides them.
    pub(crate) fn retire(&mut self, observations: &[UnitLength]) {
        for UnitLength(length) in observations {
            self.live_units -= 1;
            self.live_length -= u64::from(*length);
        }
    }

    /// Forgets units of rows that have no new number.
    pub(crate) fn renumber(&mut self, rows: &[Option<u32>]) {
        let mut units = Vec::new();
        let moved: Vec<Option<u32>> = self
            .units
            .iter()
            .map(|unit| {
                let row = rows[unit.row as usize]?;
                units.push(Unit { row, ..*unit });
                u32::try_from(units.len() - 1).ok()
            })
            .collect();
        self.units = units;
        self.postings.retain(|_, postings| {
            postings.retain_mut(|posting| match moved[posting.unit as usize] {
                Some(unit) => {
                    posting.unit = unit;
                    true
                }
                None => false,
            });
            !postings.is_empty()
        });
    }

    /// Rows of `passing` that share a term with `text`, each with its best observation (the first of equal ones).
    pub(crate) fn search(&self, text: &str, live: &RowSet, passing: &RowSet) -> Vec<LexicalHit> {
        if self.live_units == 0 {
            return Vec::new();
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "total lengths stay far below 2⁵²"
        )]
        let (units, mean_length) = (
            self.live_units as f64,
            (self.live_length as f64 / self.live_units as f64).max(1.0),
        );
        let mut scores = vec![0_f64; self.units.len()];
        for (postings, frequency) in self.query_terms(text, live) {
            let frequency = f64::from(frequency);
            let weight = (1.0 + (units - frequency + 0.5) / (frequency + 0.5)).ln();
            for posting in postings {
                let unit = self.units[posting.unit as usize];
                if passing.contains(unit.row) {
                    let count = f64::from(posting.count);
                    let length = f64::from(unit.length) / mean_length;
                    scores[posting.unit as usize] +=
                        weight * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                }
            }
        }
        self.best_per_row(&scores)
    }

    /// Postings and live frequency of the query's distinct terms, rarest first, ties in the order of their text.
    fn query_terms(&self, text: &str, live: &RowSet) -> Vec<(&[Posting], u32)> {
        let query = UnitTerms::of(text);
        let are_all_live = self.live_units == self.units.len() as u64;
        let is_live = |posting: &&Posting| live.contains(self.units[posting.unit as usize].row);
        let mut terms: Vec<(u32, &str, &[Posting])> = query
            .counts
            .keys()
            .filter_map(|term| {
                let (term, postings) = self.postings.get_key_value(term)?;
                let found = if are_all_live {
                    postings.len()
                } else {
                    postings.iter().filter(is_live).count()
                };
                let frequency = u32::try_from(found).unwrap_or(u32::MAX);
                (frequency > 0).then_some((frequency, &**term, postings.as_slice()))
            })
            .collect();
        terms.sort_unstable_by_key(|(frequency, term, _)| (*frequency, *term));
        terms.truncate(QUERY_TERMS_MAX);
        terms
            .into_iter()
            .map(|(frequency, _, postings)| (postings, frequency))
            .collect()
    }

    /// Units of a row stand together, in the order of their positions.
    fn best_per_row(&self, scores: &[f64]) -> Vec<LexicalHit> {
        let mut best: Vec<LexicalHit> = Vec::new();
        for (unit, score) in self
            .units
            .iter()
            .zip(scores)
            .filter(|(_, score)| **score > 0.0)
        {
            let hit = LexicalHit {
                row: unit.row,
                position: unit.position,
                score: crate::rank::on_grid(*score),
            };
            match best.last_mut().filter(|last| last.row == hit.row) {
                Some(last) if hit.score > last.score => *last = hit,
                Some(_) => {}
                None => best.push(hit),
            }
        }
        best
    }
}

/// Words in an observation, all that retiring it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnitLength(u32);

impl From<&UnitTerms> for UnitLength {
    fn from(terms: &UnitTerms) -> Self {
        Self(terms.length)
    }
}
