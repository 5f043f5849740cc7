//! Exact search. With `q = q̂ + e` and `v = v̂ + r`, `r` orthogonal to `v̂` (see `quantise`):
//! `⟨q,v⟩ = ⟨q̂,v̂⟩ + ⟨e,v̂⟩ + ⟨q,r⟩`, and by Cauchy–Schwarz `|⟨e,v̂⟩| ≤ |e|·|v̂|` and `|⟨q,r⟩| ≤ |q⊥|·|r|`, where `q⊥` is
//! the part of `q` orthogonal to `v̂`. Scoring the best estimates exactly gives a score that k rows reach; only rows whose
//! bound reaches it too are looked at again.

use std::cell::RefCell;

use super::UNIT_TOLERANCE;
use super::best::{Best, LANES, largest};
use super::block::VectorBlock;
use super::kernels::{AHEAD, Set, dots4, dots8};
use super::query::QueryVector;
use super::refine::{Candidate, Largest, Scored, Visited, refine};
use crate::rank::GRID_STEP;
use crate::row_set::Passing;
use crate::row_set::RowSet;

/// Rows per step of a scan: their dots stay in the first-level cache.
const CHUNK: usize = 512;

/// Up to this many rows (or `k`) the codes would save nothing, unless a floor rules rows out from the start.
const DIRECT_MAX: usize = 32;

/// A scan of all rows costs less than gathering when at least one row in this many passes.
const DENSE_SHARE: usize = 6;

/// So many times `k` of the best estimates are scored exactly. The k-th of these scores is what all others must reach, and
/// `k` alone would often miss one of the true ones, which are cheaper to score than the rows that they rule out.
const SEEDS: usize = 4;

/// Of fewer rows only the `k` best estimates are seeds, none beside a floor, and the 4-bit codes are passed over: what
/// they would rule out costs less than they do.
const FEW: usize = 16_384;

/// Stored vectors are at most this long.
#[expect(clippy::cast_possible_truncation, reason = "a constant")]
const LENGTH_MAX: f32 = (1.0 + UNIT_TOLERANCE) as f32;

/// Covers the rounding of estimates in f32, that of residuals' orthogonality, and the grid.
#[expect(clippy::cast_possible_truncation, reason = "a constant")]
const SLACK: f32 = (5.0 * GRID_STEP) as f32;

/// Reused by the searches of a thread; grows to the largest block it has seen.
#[derive(Default)]
struct Scratch {
    rows: Vec<u32>,
    estimates: Vec<f32>,
    candidates: Vec<Candidate>,
    /// By row.
    seeded: Vec<Scored>,
    dots: Vec<i32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Most that the score can be, given the estimate from the codes.
#[inline]
pub(super) fn upper_bound(query: &QueryVector, estimate: f32, residual: f32) -> f32 {
    let error = query.residual * LENGTH_MAX;
    let along = (estimate.abs() - error).max(0.0) / LENGTH_MAX;
    let across = (1.0 + SLACK - along * along).max(0.0).sqrt();
    estimate + error + across * residual + SLACK
}

impl VectorBlock {
    /// Every row whose score on the grid is at least that of the `k`-th best, unless it is below `floor`; best first,
    /// equal ones by row. Nothing for a query of another dimension.
    #[must_use]
    pub fn search_exact(
        &self,
        query: &QueryVector,
        k: usize,
        passing: Passing<'_>,
        floor: Option<f64>,
    ) -> (Vec<Scored>, Visited) {
        if k == 0 || query.unit().len() != self.dimensions {
            return (Vec::new(), Visited::default());
        }
        let both;
        let rows = match passing {
            Passing::All => &self.present,
            Passing::Rows(rows) if self.is_within(rows) => rows,
            Passing::Rows(rows) => {
                both = rows.and(&self.present);
                &both
            }
        };
        let mut visited = Visited {
            rows: rows.len(),
            ..Visited::default()
        };
        if rows.is_empty() {
            return (Vec::new(), visited);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.candidates.clear();
            scratch.seeded.clear();
            if floor.is_none() && rows.len() <= k.max(DIRECT_MAX) {
                let all = rows.iter().map(|row| Candidate {
                    upper: f32::MAX,
                    row,
                });
                scratch.candidates.extend(all);
            } else {
                self.survivors(query, (k, floor), rows, scratch, &mut visited);
            }
            let (candidates, seeded) = (&mut scratch.candidates, &scratch.seeded);
            let best = refine(self, query, (k, floor), (candidates, seeded), &mut visited);
            (best, visited)
        })
    }

    /// Leaves in `scratch.candidates` the rows that may be among the best; there are more than `k` rows, or a floor.
    fn survivors(
        &self,
        query: &QueryVector,
        (k, floor): (usize, Option<f64>),
        rows: &RowSet,
        scratch: &mut Scratch,
        visited: &mut Visited,
    ) {
        let Scratch {
            rows: listed,
            estimates,
            candidates,
            seeded,
            dots,
        } = scratch;
        dots.resize(CHUNK, 0);
        listed.clear();
        let is_dense = rows.len() >= self.len() / DENSE_SHARE;
        let is_few = rows.len() < FEW;
        let reads_codes4 = self.reads_codes4 && !is_few;
        if !is_dense {
            listed.extend(rows.iter());
        }
        let mut scan = Scan {
            block: self,
            query,
            rows,
            set: Set::best(),
            dots,
            best: Best::new(match floor {
                Some(_) if is_few => 0,
                _ if is_few => k,
                _ => SEEDS * k,
            }),
        };
        estimates.clear();
        if is_dense {
            scan.all(reads_codes4, estimates);
        } else {
            scan.listed(reads_codes4, listed, estimates);
        }
        // At least k rows have a score that on the grid is no less than this, if there are seeds.
        let mut reached = Largest::new(k, rows.len());
        let row_at = |at: u32| if is_dense { at } else { listed[at as usize] };
        let seeds = scan.best.take();
        for (step, (_, at)) in seeds.iter().enumerate() {
            if let Some((_, next)) = seeds.get(step + 1) {
                self.prefetch(row_at(*next));
            }
            let (row, score) = (row_at(*at), self.score(query, row_at(*at)));
            reached.push(score);
            seeded.push(Scored { row, score });
            visited.scored += 1;
        }
        seeded.sort_unstable_by_key(|seed| seed.row);
        let reached = reached.threshold().unwrap_or(f64::NEG_INFINITY);
        #[expect(clippy::cast_possible_truncation, reason = "SLACK covers the rounding")]
        let needed = reached.max(floor.unwrap_or(f64::NEG_INFINITY)) as f32 - SLACK;
        let (residuals, residual_max) = if reads_codes4 {
            (&*self.residuals4, self.residual4_max)
        } else {
            (&*self.residuals8, self.residual8_max)
        };
        let bounded = |row: usize, estimate: f32| {
            let upper = upper_bound(query, estimate, residuals[row]);
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            (upper >= needed).then_some(Candidate { upper, row })
        };
        if is_dense {
            let needed = hopeless(query, needed, 0.0);
            collect_dense((needed, residuals), estimates, candidates, bounded);
        } else {
            let hopeless = hopeless(query, needed, residual_max);
            collect((hopeless, estimates), candidates, |at, estimate| {
                bounded(listed[at] as usize, estimate)
            });
        }
        if reads_codes4 {
            listed.clear();
            listed.extend(candidates.iter().map(|candidate| candidate.row));
            visited.again = listed.len();
            candidates.clear();
            estimates.clear();
            scan.listed(false, listed, estimates);
            collect(
                (f32::NEG_INFINITY, estimates),
                candidates,
                |at, estimate| {
                    let row = listed[at];
                    let upper = upper_bound(query, estimate, self.residuals8[row as usize]);
                    (upper >= needed).then_some(Candidate { upper, row })
                },
            );
        }
    }
}

/// Below this estimate no row's bound reaches `needed`.
fn hopeless(query: &QueryVector, needed: f32, residual_max: f32) -> f32 {
    needed - query.residual * LENGTH_MAX - (1.0 + SLACK) * residual_max - 2.0 * SLACK
}

/// Candidates among the places whose estimate is not hopeless.
fn collect(
    (hopeless, estimates): (f32, &[f32]),
    candidates: &mut Vec<Candidate>,
    candidate: impl Fn(usize, f32) -> Option<Candidate>,
) {
    for (step, chunk) in estimates.chunks(LANES).enumerate() {
        if largest(chunk) < hopeless {
            continue;
        }
        for (at, estimate) in (step * LANES..).zip(chunk) {
            if *estimate >= hopeless {
                candidates.extend(candidate(at, *estimate));
            }
        }
    }
}

/// As `collect`, for estimates of all rows in order: each row's own residual says whether its bound is worth its square
/// root, where the largest of all residuals would let most rows through.
fn collect_dense(
    (needed, residuals): (f32, &[f32]),
    estimates: &[f32],
    candidates: &mut Vec<Candidate>,
    candidate: impl Fn(usize, f32) -> Option<Candidate>,
) {
    let mut most = [0.0; LANES];
    for (step, (estimates, residuals)) in estimates
        .chunks(LANES)
        .zip(residuals.chunks(LANES))
        .enumerate()
    {
        let most = &mut most[..estimates.len()];
        for ((most, estimate), residual) in most.iter_mut().zip(estimates).zip(residuals) {
            *most = estimate + (1.0 + SLACK) * residual;
        }
        if largest(most) < needed {
            continue;
        }
        for (at, (most, estimate)) in most.iter().zip(estimates).enumerate() {
            if *most >= needed {
                candidates.extend(candidate(step * LANES + at, *estimate));
            }
        }
    }
}

struct Scan<'a> {
    block: &'a VectorBlock,
    query: &'a QueryVector,
    rows: &'a RowSet,
    set: Set,
    dots: &'a mut Vec<i32>,
    best: Best,
}

impl Scan<'_> {
    /// Estimates of all rows of the block in order; −∞ for those that do not pass.
    fn all(&mut self, is_four: bool, estimates: &mut Vec<f32>) {
        let scales = if is_four {
            &*self.block.scales4
        } else {
            &*self.block.scales8
        };
        let is_masked = self.rows.len() < self.block.len();
        for start in (0..scales.len()).step_by(CHUNK) {
            let end = (start + CHUNK).min(scales.len());
            self.multiply::<0>(is_four, start..end);
            let dots = self.dots.iter().zip(&scales[start..end]);
            estimates.extend(dots.map(|(dot, scale)| estimate(*dot, *scale, self.query.scale)));
            if is_masked {
                self.rows.mask(start, &mut estimates[start..end]);
            }
            self.best.see(start, &estimates[start..end]);
        }
    }

    /// Estimates of the listed rows.
    fn listed(&mut self, is_four: bool, listed: &[u32], estimates: &mut Vec<f32>) {
        let scales = if is_four {
            &*self.block.scales4
        } else {
            &*self.block.scales8
        };
        for (step, chunk) in listed.chunks(CHUNK).enumerate() {
            self.multiply::<AHEAD>(is_four, chunk.iter().map(|row| *row as usize));
            let dots = self
                .dots
                .iter()
                .zip(chunk)
                .map(|(dot, row)| (dot, scales[*row as usize]));
            estimates.extend(dots.map(|(dot, scale)| estimate(*dot, scale, self.query.scale)));
            let start = step * CHUNK;
            self.best.see(start, &estimates[start..start + chunk.len()]);
        }
    }

    /// Dots of a part of the rows. Rows in order need no look-ahead: the processor sees the stream.
    fn multiply<const LOOK: usize>(
        &mut self,
        is_four: bool,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) {
        let codes = &self.query.codes;
        let dots = &mut self.dots[..rows.len()];
        if is_four {
            dots4::<LOOK>(self.set, codes, self.block.rows4(), rows, dots);
        } else {
            dots8::<LOOK>(self.set, codes, self.block.rows8(), rows, dots);
        }
    }
}

#[inline]
#[expect(clippy::cast_precision_loss, reason = "SLACK covers the rounding")]
pub(super) fn estimate(dot: i32, scale: f32, query_scale: f32) -> f32 {
    dot as f32 * (scale * query_scale)
}
