//! The best observation of each row, for the rows that can still be among the best.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::search::LexicalHit;
use crate::rank::{GRID_STEP, on_grid};

pub(crate) struct BestRows {
    depth: usize,
    /// A score that at least `depth` rows are known to have.
    floor: f64,
    /// Bits of the `depth` best scores; of numbers that are not negative the bits are in the order of the numbers.
    best: BinaryHeap<Reverse<u64>>,
    hits: Vec<LexicalHit>,
    /// The row that is being read.
    row: Option<LexicalHit>,
    /// Number of hits at which those that fell behind are swept out.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1_024;

impl BestRows {
    pub(crate) fn new(depth: usize, floor: f64) -> Self {
        Self {
            depth,
            floor,
            best: BinaryHeap::new(),
            hits: Vec::new(),
            row: None,
            sweep_at: SWEEP_MIN,
        }
    }

    /// Units of a row come one after the other, in the order of their positions.
    pub(crate) fn add(&mut self, hit: LexicalHit) {
        let hit = LexicalHit {
            score: on_grid(hit.score),
            ..hit
        };
        match &mut self.row {
            Some(row) if row.part == hit.part && row.row == hit.row => {
                if hit.score > row.score {
                    *row = hit;
                }
            }
            _ => {
                self.end_row();
                self.row = Some(hit);
            }
        }
    }

    pub(crate) fn end_row(&mut self) {
        let Some(hit) = self.row.take().filter(|hit| hit.score >= self.threshold()) else {
            return;
        };
        self.best.push(Reverse(hit.score.to_bits()));
        if self.best.len() > self.depth {
            self.best.pop();
        }
        self.hits.push(hit);
        if self.hits.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = (2 * self.hits.len()).max(SWEEP_MIN);
        }
    }

    /// The least score with which a row is among the best so far.
    pub(crate) fn threshold(&self) -> f64 {
        match self.best.peek() {
            Some(Reverse(bits)) if self.best.len() >= self.depth => {
                f64::from_bits(*bits).max(self.floor)
            }
            _ => self.floor,
        }
    }

    /// A unit whose exact score is below this cannot be among the best: the margin is wider than rounding to the grid
    /// and the error of sums taken in another order.
    pub(crate) fn score_min(&self) -> f64 {
        self.threshold() - 2.0 * GRID_STEP
    }

    fn sweep(&mut self) {
        let threshold = self.threshold();
        self.hits.retain(|hit| hit.score >= threshold);
    }

    /// Best first, then in the order of parts and rows.
    pub(crate) fn into_hits(mut self) -> Vec<LexicalHit> {
        self.end_row();
        self.sweep();
        self.hits.sort_unstable_by(|left, right| {
            right
                .score
                .total_cmp(&left.score)
                .then_with(|| (left.part, left.row).cmp(&(right.part, right.row)))
        });
        self.hits
    }
}
