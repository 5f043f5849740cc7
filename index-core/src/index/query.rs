//! What is asked of an index of demonstrations, and what it answers.

use crate::error::IndexError;
use crate::filter::{Filter, Schema};
use crate::index::explain::Explanation;
use crate::index::vector_search::SearchMode;

/// Most results that one retriever may be asked for.
pub(crate) const RESULTS_MAX: usize = 1_000;
/// Longest text of a query in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most candidates that a walk through a graph keeps.
pub(crate) const EXPANSION_MAX: usize = 10_000;

/// Which of Algorithm 2's retrievers found a demonstration, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retriever {
    ObservationExact,
    ObservationBm25,
    ModelDense,
}

impl Retriever {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ObservationExact => "observation-exact",
            Self::ObservationBm25 => "observation-bm25",
            Self::ModelDense => "model-dense",
        }
    }
}

/// Values that must not appear in the answer: the leakage guard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    pub demonstrations: Vec<String>,
    pub tasks: Vec<String>,
    pub documents: Vec<String>,
    pub episodes: Vec<String>,
}

/// How the lists of the retrievers become one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Ranking {
    /// Algorithm 2 of the paper: observation-based up to m1, then model-based up to m2 more.
    #[default]
    Paper,
    /// Reciprocal rank fusion (Cormack et al. 2009) of all lists, m1 + m2 in all.
    Fused {
        /// Added to every rank; 60 in the publication.
        rrf_k: u32,
        /// Maximal marginal relevance (Carbonell & Goldstein 1998): 1 is relevance alone, 0 novelty alone.
        mmr_lambda: Option<f64>,
        /// Share of the score that a demonstration's utility decides, 0 to 1.
        utility_weight: f64,
    },
}

/// Steps around the matched observation that are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub before: usize,
    pub after: usize,
}

/// One query: both retrievers of Algorithm 2 (lines 4 and 6).
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub environment: String,
    pub observation: Option<String>,
    pub query: Option<String>,
    /// The query's vector where the index has an embedder outside of it.
    pub vector: Option<Vec<f32>>,
    /// m1.
    pub observation_based: usize,
    /// m2.
    pub model_based: usize,
    pub filter: Option<Filter>,
    pub exclude: Exclusions,
    pub per_trajectory_max: usize,
    pub token_budget: u64,
    pub ranking: Ranking,
    pub window: Option<Window>,
    pub mode: SearchMode,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub id: String,
    /// The observation that matched; `None` when the demonstration as a whole did.
    pub position: Option<u32>,
    pub retriever: Retriever,
    /// Place in the retriever's own list of rows that pass the filter, from 0, before duplicates and caps.
    pub rank: usize,
    /// The retriever's own.
    pub score: f64,
    /// What it was ordered by, where lists were fused.
    pub fused: Option<f64>,
    /// First and last observation of what is returned; `None`: all.
    pub window: Option<(u32, u32)>,
    pub tokens: u32,
    pub payload: String,
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
    /// Demonstrations that pass filter and exclusions.
    pub passing: usize,
    /// Names the graphs that took part; 0 where search was exact.
    pub epoch: u64,
    pub explanation: Explanation,
}

impl Query {
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), IndexError> {
        for (name, count) in [
            ("observation_based", self.observation_based),
            ("model_based", self.model_based),
        ] {
            if count > RESULTS_MAX {
                return Err(IndexError::invalid(format!(
                    "{name} is {count}; at most {RESULTS_MAX} results can be asked for"
                )));
            }
        }
        if self.per_trajectory_max == 0 {
            return Err(IndexError::invalid(
                "per_trajectory_max is 0; at least 1 is needed to find anything",
            ));
        }
        if let Some(filter) = &self.filter {
            filter.check(schema)?;
        }
        for (name, text) in [("observation", &self.observation), ("query", &self.query)] {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > TEXT_BYTES_MAX {
                return Err(IndexError::invalid(format!(
                    "the {name} has {bytes} bytes; at most {TEXT_BYTES_MAX} are allowed"
                )));
            }
        }
        self.ranking.check()
    }
}

impl Ranking {
    fn check(self) -> Result<(), IndexError> {
        let Self::Fused {
            mmr_lambda,
            utility_weight,
            ..
        } = self
        else {
            return Ok(());
        };
        for (name, share) in [
            ("mmr_lambda", mmr_lambda.unwrap_or_default()),
            ("utility_weight", utility_weight),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(IndexError::invalid(format!(
                    "{name} is {share}; it must lie between 0 and 1"
                )));
            }
        }
        Ok(())
    }
}
