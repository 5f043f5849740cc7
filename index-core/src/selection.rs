use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::filter::Filter;

/// Which of Algorithm 2's retrievers found a demonstration, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retriever {
    ObservationExact,
    ObservationBm25,
    ModelDense,
}

/// Values that must not appear in the answer: the leakage guard.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    pub demonstrations: Vec<String>,
    pub tasks: Vec<String>,
    pub documents: Vec<String>,
    pub episodes: Vec<String>,
}

/// One query: both retrievers of Algorithm 2 (lines 4 and 6).
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub environment: String,
    pub observation: Option<String>,
    pub query: Option<String>,
    /// m1.
    pub observation_based: usize,
    /// m2.
    pub model_based: usize,
    pub filter: Option<Filter>,
    pub exclude: Exclusions,
    pub per_trajectory_max: usize,
    pub token_budget: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub id: String,
    /// The observation that matched; `None` when the demonstration as a whole did.
    pub position: Option<u32>,
    pub retriever: Retriever,
    /// Place in the retriever's own list of rows that pass the filter, from 0, before duplicates and caps.
    pub rank: usize,
    pub score: f64,
    pub tokens: u32,
    pub payload: Arc<str>,
}

/// Demonstrations that were found and left out, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    pub duplicate: u32,
    pub per_trajectory: u32,
    pub token_budget: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub hits: Vec<Hit>,
    pub dropped: Dropped,
}

/// A row that a retriever proposes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proposal {
    pub(crate) row: u32,
    pub(crate) position: Option<u32>,
    pub(crate) retriever: Retriever,
    pub(crate) rank: usize,
    pub(crate) score: f64,
}

/// Takes proposals in order and keeps those that are new, not near-duplicates of a kept one, and within the cap of
/// their trajectory.
#[derive(Clone)]
pub(crate) struct Selection {
    per_trajectory_max: usize,
    pub(crate) kept: Vec<Proposal>,
    refused: HashSet<u32>,
    by_trajectory: HashMap<u32, usize>,
    pub(crate) dropped: Dropped,
}

impl Selection {
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
        trajectory_of: impl Fn(u32) -> u32,
        is_duplicate: impl Fn(u32, u32) -> bool,
    ) {
        for proposal in proposals {
            if self.kept.len() >= most {
                return;
            }
            self.offer(proposal, trajectory_of(proposal.row), &is_duplicate);
        }
    }

    fn offer(
        &mut self,
        proposal: Proposal,
        trajectory: u32,
        is_duplicate: &impl Fn(u32, u32) -> bool,
    ) {
        let row = proposal.row;
        if self.refused.contains(&row) || self.kept.iter().any(|kept| kept.row == row) {
            return;
        }
        if self.kept.iter().any(|kept| is_duplicate(kept.row, row)) {
            self.refused.insert(row);
            self.dropped.duplicate += 1;
            return;
        }
        let of_trajectory = self.by_trajectory.entry(trajectory).or_default();
        if *of_trajectory >= self.per_trajectory_max {
            self.refused.insert(row);
            self.dropped.per_trajectory += 1;
            return;
        }
        *of_trajectory += 1;
        self.kept.push(proposal);
    }

    /// Keeps, in order, what fits into the budget; a large hit does not keep a smaller later one out.
    pub(crate) fn pack(&mut self, budget: u64, tokens_of: impl Fn(u32) -> u32) {
        let mut left = budget;
        let before = self.kept.len();
        self.kept.retain(|kept| {
            let tokens = u64::from(tokens_of(kept.row));
            let fits = tokens <= left;
            if fits {
                left -= tokens;
            }
            fits
        });
        self.dropped.token_budget += u32::try_from(before - self.kept.len()).unwrap_or(u32::MAX);
    }
}
