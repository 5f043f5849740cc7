//! What BM25 needs to know of all live observations, and the arithmetic itself.

use super::block::PostingList;
use super::dead_units::DeadUnits;
use super::search::LexicalPart;
use super::unit_terms::query_terms;
use crate::row_set::Passing;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A long observation is cut to its rarest terms; the common ones would cost most and say least.
const QUERY_TERMS_MAX: usize = 256;

/// Length factors of units up to this many words are computed once per query.
const TABLE_LENGTHS: u32 = 256;

/// One part with what follows from its live rows.
pub(crate) struct Source<'a> {
    pub(crate) index: usize,
    pub(crate) part: &'a LexicalPart<'a>,
    dead: Dead<'a>,
}

enum Dead<'a> {
    None,
    Kept(&'a DeadUnits),
    Counted(DeadUnits),
}

impl Source<'_> {
    fn dead(&self) -> Option<&DeadUnits> {
        match &self.dead {
            Dead::None => None,
            Dead::Kept(dead) => Some(dead),
            Dead::Counted(dead) => Some(dead),
        }
    }

    pub(crate) fn passes(&self, row: u32) -> bool {
        let is_live = self.part.is_all_live || self.part.live.contains(row);
        is_live
            && match self.part.passing {
                Passing::All => true,
                Passing::Rows(rows) => rows.contains(row),
            }
    }

    fn live_postings(&self, list: &PostingList<'_>) -> usize {
        let dead = self.dead().map_or(0, |dead| dead.count(list));
        list.units.len().saturating_sub(dead)
    }
}

pub(crate) fn sources<'a>(parts: &'a [LexicalPart<'a>]) -> Vec<Source<'a>> {
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| Source {
            index,
            part,
            dead: match part.dead {
                _ if part.is_all_live => Dead::None,
                Some(dead) => Dead::Kept(dead),
                None => Dead::Counted(DeadUnits::of(part.block, part.live)),
            },
        })
        .collect()
}

/// Number and mean length of the live units.
pub(crate) struct Statistics {
    units: f64,
    mean_length: f64,
    /// Length factor by length.
    table: Vec<f64>,
}

impl Statistics {
    /// `None` where nothing is live.
    pub(crate) fn of(sources: &[Source<'_>]) -> Option<Self> {
        let (mut units, mut length) = (0_u64, 0_u64);
        for source in sources {
            let block = source.part.block;
            let (dead_units, dead_length) = source
                .dead()
                .map_or((0, 0), |dead| (dead.len(), dead.length()));
            units += block.unit_count().saturating_sub(dead_units) as u64;
            length += block.length.saturating_sub(dead_length);
        }
        if units == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "total lengths stay far below 2⁵²"
        )]
        let (units, mean_length) = (units as f64, (length as f64 / units as f64).max(1.0));
        let mut statistics = Self {
            units,
            mean_length,
            table: Vec::new(),
        };
        statistics.table = (0..TABLE_LENGTHS)
            .map(|length| statistics.length_factor(length))
            .collect();
        Some(statistics)
    }

    /// Weight of a term that this many live units have.
    fn weight(&self, frequency: u32) -> f64 {
        let frequency = f64::from(frequency);
        (1.0 + (self.units - frequency + 0.5) / (frequency + 0.5)).ln()
    }

    fn length_factor(&self, length: u32) -> f64 {
        K1 * (1.0 - B + B * (f64::from(length) / self.mean_length))
    }

    /// Share of one term in the score of a unit.
    #[inline]
    pub(crate) fn score(&self, weight: f64, count: u32, length: u32) -> f64 {
        let factor = match self.table.get(length as usize) {
            Some(factor) => *factor,
            None => self.length_factor(length),
        };
        let count = f64::from(count);
        weight * count * (K1 + 1.0) / (count + factor)
    }

    /// No unit gets more from a term.
    pub(crate) fn bound(&self, weight: f64, list: &PostingList<'_>) -> f64 {
        list.bound().map_or(weight * (K1 + 1.0), |bound| {
            bound.maximum(|count, length| self.score(weight, count, length))
        })
    }
}

/// A term of the query with its postings by source.
pub(crate) struct WeightedTerm<'a> {
    pub(crate) weight: f64,
    pub(crate) lists: Box<[Option<PostingList<'a>>]>,
}

/// The query's distinct terms that a live unit has, rarest first, ties in the order of their text: the order in which
/// shares are summed, which must not depend on where postings lie.
pub(crate) fn weighted_terms<'a>(
    text: &str,
    sources: &[Source<'a>],
    statistics: &Statistics,
) -> Vec<WeightedTerm<'a>> {
    let mut found: Vec<_> = query_terms(text)
        .into_iter()
        .filter_map(|term| {
            let lists: Box<[Option<PostingList<'a>>]> = sources
                .iter()
                .map(|source| source.part.block.find(term.hash))
                .collect();
            let frequency: usize = sources
                .iter()
                .zip(&lists)
                .filter_map(|(source, list)| Some(source.live_postings(list.as_ref()?)))
                .sum();
            let frequency = u32::try_from(frequency).unwrap_or(u32::MAX);
            (frequency > 0).then_some((frequency, term.text, lists))
        })
        .collect();
    found.sort_unstable_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
    found.truncate(QUERY_TERMS_MAX);
    found
        .into_iter()
        .map(|(frequency, _, lists)| WeightedTerm {
            weight: statistics.weight(frequency),
            lists,
        })
        .collect()
}
