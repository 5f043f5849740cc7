//! Last pass of every search: rows with a proven upper bound of their score, best bound first, are scored exactly until
//! no bound reaches the k-th best score any more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::block::VectorBlock;
use super::query::QueryVector;
use crate::rank::GRID_STEP;

/// A row and its score on the grid of 10⁻⁶.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub row: u32,
    pub score: f64,
}

/// How much a search had to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visited {
    /// Rows whose codes were read.
    pub rows: usize,
    /// Rows of these whose 8-bit codes were read as well, because the 4-bit ones could not rule them out.
    pub again: usize,
    /// Rows whose stored numbers were read.
    pub scored: usize,
}

/// A row that may be among the best: its score is at most `upper`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) upper: f32,
    pub(super) row: u32,
}

/// The `k` largest of the numbers shown to it.
pub(super) struct Largest {
    k: usize,
    kept: BinaryHeap<Reverse<u64>>,
}

impl Largest {
    pub(super) fn new(k: usize, rows: usize) -> Self {
        Self {
            k,
            kept: BinaryHeap::with_capacity(k.min(rows).saturating_add(1)),
        }
    }

    pub(super) fn push(&mut self, value: f64) {
        self.kept.push(Reverse(ordered(value)));
        if self.kept.len() > self.k {
            self.kept.pop();
        }
    }

    /// The k-th largest, once there are k.
    pub(super) fn threshold(&self) -> Option<f64> {
        (self.kept.len() == self.k)
            .then(|| self.kept.peek().map(|Reverse(bits)| value_of(*bits)))?
    }
}

/// Bits that compare like the number.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

fn value_of(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 {
        bits & !(1 << 63)
    } else {
        !bits
    })
}

/// The candidates whose score is at least that of the k-th best and at least `floor`; best first, equal ones by row. Adds
/// those that it scored to `visited`. `known`: scores that were computed before, by row.
pub(super) fn refine(
    block: &VectorBlock,
    query: &QueryVector,
    (k, floor): (usize, Option<f64>),
    (candidates, known): (&mut [Candidate], &[Scored]),
    visited: &mut Visited,
) -> Vec<Scored> {
    candidates.sort_unstable_by(|left, right| {
        right
            .upper
            .total_cmp(&left.upper)
            .then(left.row.cmp(&right.row))
    });
    let floor = floor.unwrap_or(f64::NEG_INFINITY);
    let mut largest = Largest::new(k, candidates.len());
    let mut scored: Vec<Scored> = Vec::with_capacity(k.min(candidates.len()));
    let known_score = |row: u32| {
        let at = known.binary_search_by_key(&row, |seed| seed.row).ok()?;
        Some(known[at].score)
    };
    for (at, candidate) in candidates.iter().enumerate() {
        let needed = largest.threshold().unwrap_or(f64::NEG_INFINITY).max(floor);
        if f64::from(candidate.upper) < needed - GRID_STEP {
            break;
        }
        if let Some(next) = candidates.get(at + 1)
            && known_score(next.row).is_none()
        {
            block.prefetch(next.row);
        }
        let score = known_score(candidate.row).unwrap_or_else(|| {
            visited.scored += 1;
            block.score(query, candidate.row)
        });
        if score >= needed {
            largest.push(score);
            scored.push(Scored {
                row: candidate.row,
                score,
            });
        }
    }
    let needed = largest.threshold().unwrap_or(f64::NEG_INFINITY);
    scored.retain(|hit| hit.score >= needed);
    scored.sort_unstable_by(|left, right| {
        right
            .score
            .total_cmp(&left.score)
            .then(left.row.cmp(&right.row))
    });
    scored
}
