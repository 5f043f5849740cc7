//! Nearest rows to vectors: the query of a bare collection, and of agents that bring their own embeddings.

use std::sync::Arc;

use crate::error::IndexError;
use crate::filter::{Filter, Schema};
use crate::index::explain::PartExplanation;
use crate::index::passing::{Conditions, PassingPart, passing_parts};
use crate::index::query::{EXPANSION_MAX, Exclusions, RESULTS_MAX};
use crate::index::shards::Shards;
use crate::index::snapshot::Snapshot;
use crate::index::vector_search::{EXPANSION, Found, SearchMode, VectorSearch};
use crate::vector::QueryVector;

/// Vectors of one call; a message of 1 MiB holds 682 of 384 dimensions.
pub(crate) const VECTORS_MAX: usize = 10_000;

#[derive(Debug, Clone)]
pub struct VectorQuery {
    /// One after the other.
    pub vectors: Vec<f32>,
    pub k: usize,
    /// Candidates that a walk through a graph keeps; 64 unless given.
    pub expansion: Option<usize>,
    pub filter: Option<Filter>,
    pub exclude: Exclusions,
    pub mode: SearchMode,
}

/// Nearest first, ties by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VectorAnswer {
    pub ids: Vec<String>,
    /// Number of each row among all that were ever inserted into its shard; stays the same as long as the row lives.
    pub ordinals: Vec<u32>,
    /// Cosines, on a grid of 10⁻⁶.
    pub scores: Vec<f64>,
    pub passing: usize,
    pub epoch: u64,
    pub parts: Vec<PartExplanation>,
}

impl VectorQuery {
    pub(crate) fn check(&self, schema: &Schema, dimensions: usize) -> Result<(), IndexError> {
        if self.k == 0 || self.k > RESULTS_MAX {
            return Err(IndexError::invalid(format!(
                "k is {}; 1 to {RESULTS_MAX} are allowed",
                self.k
            )));
        }
        if let Some(expansion) = self.expansion.filter(|ef| *ef == 0 || *ef > EXPANSION_MAX) {
            return Err(IndexError::invalid(format!(
                "ef is {expansion}; 1 to {EXPANSION_MAX} are allowed"
            )));
        }
        if !self.vectors.len().is_multiple_of(dimensions)
            || self.vectors.len() / dimensions > VECTORS_MAX
        {
            return Err(IndexError::invalid(format!(
                "{} numbers are no vectors of {dimensions} dimensions, at most {VECTORS_MAX}",
                self.vectors.len()
            )));
        }
        self.filter
            .as_ref()
            .map_or(Ok(()), |filter| filter.check(schema))
    }

    /// One answer per vector, all from the same snapshot.
    pub(crate) fn answer(
        &self,
        shards: &Shards,
        snapshot: &Arc<Snapshot>,
        dimensions: usize,
    ) -> Result<Vec<VectorAnswer>, IndexError> {
        let layout = &shards.layout;
        let exclude = &self.exclude;
        let conditions = Conditions {
            filter: self.filter.clone(),
            excluded_values: vec![
                ("task", exclude.tasks.clone()),
                ("document", exclude.documents.clone()),
                ("episode", exclude.episodes.clone()),
            ],
            excluded_ids: exclude.demonstrations.clone(),
        };
        let queries = self
            .vectors
            .chunks_exact(dimensions)
            .enumerate()
            .map(|(at, vector)| {
                QueryVector::new(vector, dimensions)
                    .map_err(|error| error.within(&format!("query {at}")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let passing = passing_parts(&layout.schema, snapshot, &conditions)?;
        let search = VectorSearch {
            snapshot,
            field: 0,
            passing: &passing,
            mode: self.mode,
            expansion: self.expansion.unwrap_or(EXPANSION),
        };
        let answer = |query| {
            let (found, parts) = search.nearest(query, self.k);
            shards.probe(snapshot, &conditions, query, (self.k, &found, &parts));
            answer_of(&search, &found, parts)
        };
        Ok(queries.iter().map(answer).collect())
    }
}

fn answer_of(
    search: &VectorSearch<'_>,
    found: &[Found],
    parts: Vec<PartExplanation>,
) -> VectorAnswer {
    let segment = |part: usize| &search.snapshot.parts[part].segment;
    VectorAnswer {
        ids: found
            .iter()
            .map(|hit| segment(hit.place.part).id(hit.place.row).to_owned())
            .collect(),
        ordinals: found
            .iter()
            .map(|hit| segment(hit.place.part).ordinals[hit.place.row as usize])
            .collect(),
        scores: found.iter().map(|hit| hit.score).collect(),
        passing: search.passing.iter().map(PassingPart::len).sum(),
        epoch: search.snapshot.epoch(),
        parts,
    }
}
