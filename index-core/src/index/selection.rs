//! From ranked proposals to what is returned: no near-duplicates, a cap per source trajectory, a token budget.

use std::collections::{HashMap, HashSet};

use crate::index::query::{Dropped, Retriever, Window};
use crate::index::snapshot::{Place, Snapshot};
use crate::index::text_part::TextPart;

/// A row that a retriever proposes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proposal {
    pub(crate) place: Place,
    pub(crate) position: Option<u32>,
    pub(crate) retriever: Retriever,
    pub(crate) rank: usize,
    pub(crate) score: f64,
    pub(crate) fused: Option<f64>,
}

/// What selection must know of rows.
pub(crate) struct Rows<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// The text column that names the source trajectory.
    pub(crate) trajectory: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn text(&self, place: Place) -> Option<&'a TextPart> {
        self.snapshot.parts[place.part].segment.text.as_ref()
    }

    pub(crate) fn id(&self, place: Place) -> &'a str {
        self.snapshot.parts[place.part].segment.id(place.row)
    }

    fn trajectory(&self, place: Place) -> &'a str {
        self.snapshot.parts[place.part].segment.columns.text[self.trajectory].first_of(place.row)
    }

    fn are_duplicates(&self, left: Place, right: Place) -> bool {
        let likeness = |place: Place| self.text(place).map(|text| text.likeness(place.row));
        match (likeness(left), likeness(right)) {
            (Some(left), Some(right)) => left.is_duplicate_of(&right),
            _ => false,
        }
    }
}

/// Takes proposals in order and keeps those that are new, not near-duplicates of a kept one, and within the cap of
/// their trajectory.
#[derive(Clone)]
pub(crate) struct Selection<'a> {
    per_trajectory_max: usize,
    pub(crate) kept: Vec<Proposal>,
    refused: HashSet<Place>,
    by_trajectory: HashMap<&'a str, usize>,
    pub(crate) dropped: Dropped,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(per_trajectory_max: usize) -> Self {
        Self {
            per_trajectory_max,
            kept: Vec::new(),
            refused: HashSet::new(),
            by_trajectory: HashMap::new(),
            dropped: Dropped::default(),
        }
    }

    /// Offers proposals until `most` are kept in all.
    pub(crate) fn fill(
        &mut self,
        most: usize,
        proposals: impl IntoIterator<Item = Proposal>,
        rows: &Rows<'a>,
    ) {
        for proposal in proposals {
            if self.kept.len() >= most {
                return;
            }
            self.offer(proposal, rows);
        }
    }

    pub(crate) fn offer(&mut self, proposal: Proposal, rows: &Rows<'a>) {
        let place = proposal.place;
        if self.refused.contains(&place) || self.kept.iter().any(|kept| kept.place == place) {
            return;
        }
        if self
            .kept
            .iter()
            .any(|kept| rows.are_duplicates(kept.place, place))
        {
            self.refused.insert(place);
            self.dropped.duplicate += 1;
            return;
        }
        let of_trajectory = self
            .by_trajectory
            .entry(rows.trajectory(place))
            .or_default();
        if *of_trajectory >= self.per_trajectory_max {
            self.refused.insert(place);
            self.dropped.per_trajectory += 1;
            return;
        }
        *of_trajectory += 1;
        self.kept.push(proposal);
    }

    /// Keeps, in order, what fits into the budget; a large hit does not keep a smaller later one out.
    pub(crate) fn pack(&mut self, budget: u64, tokens_of: impl Fn(&Proposal) -> u32) {
        let mut left = budget;
        let before = self.kept.len();
        self.kept.retain(|kept| {
            let tokens = u64::from(tokens_of(kept));
            let fits = tokens <= left;
            if fits {
                left -= tokens;
            }
            fits
        });
        self.dropped.token_budget += u32::try_from(before - self.kept.len()).unwrap_or(u32::MAX);
    }
}

/// Token counts of a demonstration with `n` steps: the whole text form; what every window has (instruction, answer);
/// each of the `n + 1` observations; each of the `n` actions with their reasons.
pub(crate) fn tokens_len(steps: usize) -> usize {
    2 * steps + 3
}

/// The observations of the window around a match, and its tokens. Without a match, or without a wish for a window, the
/// whole.
pub(crate) fn window_of(
    tokens: &[u32],
    position: Option<u32>,
    window: Option<Window>,
) -> (Option<(u32, u32)>, u32) {
    let whole = (None, tokens.first().copied().unwrap_or_default());
    let (Some(position), Some(window)) = (position, window) else {
        return whole;
    };
    let steps = tokens.len().saturating_sub(3) / 2;
    let position = (position as usize).min(steps);
    let mut from = position.saturating_sub(window.before);
    let mut to = position.saturating_add(window.after).min(steps);
    // A window has an action at least.
    if from == to {
        if to < steps {
            to += 1;
        } else {
            from = from.saturating_sub(1);
        }
    }
    if from == 0 && to == steps {
        return whole;
    }
    let observations = &tokens[2..=2 + steps];
    let actions = &tokens[2 + steps + 1..];
    let sum = |counts: &[u32]| {
        counts
            .iter()
            .fold(0_u32, |sum, count| sum.saturating_add(*count))
    };
    let tokens = tokens[1]
        .saturating_add(sum(&observations[from..=to]))
        .saturating_add(sum(&actions[from..to]));
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (Some((number(from), number(to))), tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lies_around_the_match_and_has_an_action() {
        // Three steps: whole 100, fixed 5, observations 1 2 3 4, actions 10 20 30.
        let tokens = [100, 5, 1, 2, 3, 4, 10, 20, 30];
        let of = |position, before, after| {
            window_of(&tokens, Some(position), Some(Window { before, after }))
        };
        assert_eq!(of(1, 0, 1), (Some((1, 2)), 5 + 2 + 3 + 20));
        assert_eq!(of(3, 0, 0), (Some((2, 3)), 5 + 3 + 4 + 30));
        assert_eq!(of(0, 9, 0), (Some((0, 1)), 5 + 1 + 2 + 10));
        assert_eq!(of(1, 5, 5), (None, 100));
        assert_eq!(of(99, 1, 0), (Some((2, 3)), 42));
        assert_eq!(
            window_of(
                &tokens,
                None,
                Some(Window {
                    before: 0,
                    after: 0
                })
            ),
            (None, 100)
        );
        assert_eq!(window_of(&tokens, Some(1), None), (None, 100));
        assert_eq!(tokens.len(), tokens_len(3));
    }
}
