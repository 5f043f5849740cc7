//! Several ranked lists become one: reciprocal rank fusion, the prior of utility, and diversity.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::index::selection::{Proposal, Rows, Selection};
use crate::index::snapshot::Place;
use crate::rank::{by_score_then_id, grid_steps, on_grid};

pub(crate) struct Fusion {
    pub(crate) rrf_k: u32,
    pub(crate) mmr_lambda: Option<f64>,
    pub(crate) utility_weight: f64,
    /// The number column that holds utilities.
    pub(crate) utility_column: usize,
}

impl Fusion {
    /// One list, best first. Each row keeps the place in the list where it stands highest; the earlier list counts in a
    /// tie.
    pub(crate) fn fuse(&self, lists: &[Vec<Proposal>], rows: &Rows<'_>) -> Vec<Proposal> {
        let mut fused: BTreeMap<Place, (Proposal, f64)> = BTreeMap::new();
        for proposal in lists.iter().flatten() {
            #[expect(clippy::cast_precision_loss, reason = "ranks stay far below 2⁵²")]
            let share = 1.0 / (f64::from(self.rrf_k) + proposal.rank as f64 + 1.0);
            let (best, sum) = fused.entry(proposal.place).or_insert((*proposal, 0.0));
            *sum += share;
            if proposal.rank < best.rank {
                *best = *proposal;
            }
        }
        let mut list: Vec<Proposal> = fused
            .into_values()
            .map(|(proposal, sum)| {
                let utility = self.utility(proposal.place, rows);
                let weight = 1.0 - self.utility_weight + self.utility_weight * utility;
                Proposal {
                    fused: Some(on_grid(sum * weight)),
                    ..proposal
                }
            })
            .collect();
        let key =
            |proposal: &Proposal| (proposal.fused.unwrap_or_default(), rows.id(proposal.place));
        list.sort_by(|left, right| by_score_then_id(key(left), key(right)));
        list
    }

    fn utility(&self, place: Place, rows: &Rows<'_>) -> f64 {
        rows.snapshot.parts[place.part].segment.columns.numbers[self.utility_column]
            [place.row as usize]
    }

    /// Fills the selection from a fused list: in its order, or by maximal marginal relevance.
    pub(crate) fn select<'a>(
        &self,
        selection: &mut Selection<'a>,
        most: usize,
        mut list: Vec<Proposal>,
        rows: &Rows<'a>,
    ) {
        let Some(lambda) = self.mmr_lambda else {
            selection.fill(most, list, rows);
            return;
        };
        let highest = list.first().and_then(|first| first.fused).unwrap_or(1.0);
        let mut nearest = vec![0.0_f64; list.len()];
        while selection.kept.len() < most && !list.is_empty() {
            let value = |at: usize| {
                let relevance = list[at].fused.unwrap_or_default() / highest.max(f64::MIN_POSITIVE);
                grid_steps(lambda * relevance - (1.0 - lambda) * nearest[at])
            };
            // The earlier of equal ones: the list is ordered by relevance and id. What is refused changes no value, so one
            // heap serves until something is kept.
            let mut best_first: BinaryHeap<_> =
                (0..list.len()).map(|at| (value(at), Reverse(at))).collect();
            let before = selection.kept.len();
            let mut is_left = vec![true; list.len()];
            let mut kept = None;
            while let Some((_, Reverse(at))) = best_first.pop() {
                is_left[at] = false;
                selection.offer(list[at], rows);
                if selection.kept.len() > before {
                    kept = Some(list[at].place);
                    break;
                }
            }
            let Some(kept) = kept else { return };
            let mut left = is_left.iter();
            list.retain(|_| left.next().copied().unwrap_or_default());
            let mut left = is_left.iter();
            nearest.retain(|_| left.next().copied().unwrap_or_default());
            for (similarity, other) in nearest.iter_mut().zip(&list) {
                *similarity = similarity.max(cosine(kept, other.place, rows));
            }
        }
    }
}

/// Of two rows' first vectors; 0 where one has none.
fn cosine(left: Place, right: Place, rows: &Rows<'_>) -> f64 {
    let block = |place: Place| rows.snapshot.parts[place.part].segment.vectors.first();
    match (block(left), block(right)) {
        (Some(own), Some(other)) => own.similarity(left.row, (other, right.row)),
        _ => 0.0,
    }
}
