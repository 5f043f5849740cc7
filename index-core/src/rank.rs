//! Order of results. Scores are compared on a grid of 10⁻⁶ and ties are broken by id, so that two replicas on different
//! processors answer identically.

use std::cmp::Ordering;

const GRID: f64 = 1e6;

/// Distance below which two scores may be the same on the grid.
pub(crate) const GRID_STEP: f64 = 1.0 / GRID;

pub(crate) fn on_grid(score: f64) -> f64 {
    (score * GRID).round() / GRID
}

/// Ordered as `on_grid` orders, and comparable for equality.
#[expect(
    clippy::cast_possible_truncation,
    reason = "scores are of the order of 1"
)]
pub(crate) fn grid_steps(score: f64) -> i64 {
    (score * GRID).round() as i64
}

/// Best first.
pub(crate) fn by_score_then_id(left: (f64, &str), right: (f64, &str)) -> Ordering {
    right.0.total_cmp(&left.0).then_with(|| left.1.cmp(right.1))
}
