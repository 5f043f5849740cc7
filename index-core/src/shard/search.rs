//! One query against one shard: the two retrievers of Algorithm 2, then selection and packing.

use std::collections::HashMap;

use super::Shard;
use crate::columns::{ColumnValues, Dictionary};
use crate::error::IndexError;
use crate::filter::{Column, CompiledFilter};
use crate::hash_embedding::{Features, query_vector};
use crate::observation_hash::observation_hash;
use crate::rank::{by_score_then_id, on_grid};
use crate::row_set::RowSet;
use crate::selection::{Answer, Exclusions, Hit, Proposal, Query, Retriever, Selection};
use crate::vector_tier::VectorTier;

/// First depth of the dense list per asked hit; deeper lists are fetched when duplicates and caps used it up.
const DENSE_DEPTH: usize = 4;

impl Shard {
    pub(crate) fn search(&self, query: &Query) -> Result<Answer, IndexError> {
        let live = RowSet::of(self.rows.len(), |row| self.live[row as usize]);
        let passing = self.passing(query);
        let vector = query
            .query
            .as_deref()
            .and_then(|text| self.embed_query(text));
        let mut selection = Selection::new(query.per_trajectory_max);
        if let Some(observation) = query
            .observation
            .as_deref()
            .filter(|_| query.observation_based > 0)
        {
            let exact = self.exact_proposals(observation, &passing, vector.as_deref());
            self.fill(&mut selection, query.observation_based, exact);
            if selection.kept.len() < query.observation_based {
                let lexical = self.lexical_proposals(observation, &live, &passing);
                self.fill(&mut selection, query.observation_based, lexical);
            }
        }
        if let Some(vector) = vector.filter(|_| query.model_based > 0) {
            self.fill_dense(&mut selection, query.model_based, &vector, &passing)?;
        }
        selection.pack(query.token_budget, |row| self.rows[row as usize].tokens);
        let hits = selection.kept.iter().map(|kept| self.hit(kept)).collect();
        Ok(Answer {
            hits,
            dropped: selection.dropped,
        })
    }

    fn passing(&self, query: &Query) -> RowSet {
        let filter = query
            .filter
            .as_ref()
            .map(|filter| CompiledFilter::new(filter, &self.dictionary));
        let excluded = ExcludedValues::new(&query.exclude, &self.dictionary);
        RowSet::of(self.rows.len(), |number| {
            let row = &self.rows[number as usize];
            self.live[number as usize]
                && filter
                    .as_ref()
                    .is_none_or(|filter| filter.passes(&row.columns))
                && !excluded.has(&row.columns)
                && !query
                    .exclude
                    .demonstrations
                    .iter()
                    .any(|id| **id == *row.id)
        })
    }

    fn embed_query(&self, text: &str) -> Option<Vec<f32>> {
        query_vector(&Features::of([text]), self.live_count, |hash| {
            self.frequencies.get(hash)
        })
    }

    /// Demonstrations that contain exactly this observation, at its first place in each. They are equal as far as the
    /// observation goes, so those whose instruction and effects are nearest to the query come first.
    fn exact_proposals(
        &self,
        observation: &str,
        passing: &RowSet,
        vector: Option<&[f32]>,
    ) -> Vec<Proposal> {
        let places = observation_hash(observation).and_then(|hash| self.exact.get(&hash));
        let mut first: HashMap<u32, u32> = HashMap::new();
        for (row, position) in places
            .into_iter()
            .flatten()
            .filter(|(row, _)| passing.contains(*row))
        {
            first
                .entry(*row)
                .and_modify(|kept| *kept = (*kept).min(*position))
                .or_insert(*position);
        }
        let nearness =
            |row: u32| vector.map_or(0.0, |vector| on_grid(self.flat.score(vector, row)));
        let mut found: Vec<(f64, u32, u32)> = first
            .into_iter()
            .map(|(row, position)| (nearness(row), row, position))
            .collect();
        found.sort_unstable_by(|left, right| {
            by_score_then_id((left.0, self.id(left.1)), (right.0, self.id(right.1)))
        });
        found
            .into_iter()
            .enumerate()
            .map(|(rank, (_, row, position))| Proposal {
                row,
                position: Some(position),
                retriever: Retriever::ObservationExact,
                rank,
                score: 1.0,
            })
            .collect()
    }

    fn lexical_proposals(
        &self,
        observation: &str,
        live: &RowSet,
        passing: &RowSet,
    ) -> Vec<Proposal> {
        let mut found = self.lexical.search(observation, live, passing);
        found.sort_unstable_by(|left, right| {
            by_score_then_id(
                (left.score, self.id(left.row)),
                (right.score, self.id(right.row)),
            )
        });
        found
            .into_iter()
            .enumerate()
            .map(|(rank, hit)| Proposal {
                row: hit.row,
                position: Some(hit.position),
                retriever: Retriever::ObservationBm25,
                rank,
                score: hit.score,
            })
            .collect()
    }

    /// Adds up to `most` from the dense list, fetching it deeper while duplicates and caps leave the answer short.
    fn fill_dense(
        &self,
        selection: &mut Selection,
        most: usize,
        vector: &[f32],
        passing: &RowSet,
    ) -> Result<(), IndexError> {
        let wanted = selection.kept.len() + most;
        let before = selection.clone();
        let mut depth = wanted.saturating_mul(DENSE_DEPTH);
        loop {
            let proposals = self.dense_proposals(vector, depth, passing)?;
            self.fill(selection, wanted, proposals);
            if selection.kept.len() >= wanted || depth >= passing.len() {
                return Ok(());
            }
            selection.clone_from(&before);
            depth = depth.saturating_mul(DENSE_DEPTH);
        }
    }

    fn dense_proposals(
        &self,
        vector: &[f32],
        depth: usize,
        passing: &RowSet,
    ) -> Result<Vec<Proposal>, IndexError> {
        let rows = self.dense_candidates(vector, depth, passing)?;
        let mut scored: Vec<(f64, u32)> = rows
            .into_iter()
            .map(|row| (on_grid(self.flat.score(vector, row)), row))
            .collect();
        scored.sort_unstable_by(|left, right| {
            by_score_then_id((left.0, self.id(left.1)), (right.0, self.id(right.1)))
        });
        scored.truncate(depth);
        Ok(scored
            .into_iter()
            .enumerate()
            .map(|(rank, (score, row))| Proposal {
                row,
                position: None,
                retriever: Retriever::ModelDense,
                rank,
                score,
            })
            .collect())
    }

    /// The graph where it is cheaper, plus a scan of what it does not cover; a scan of everything where the graph comes
    /// back short. A filter never makes an answer short.
    fn dense_candidates(
        &self,
        vector: &[f32],
        depth: usize,
        passing: &RowSet,
    ) -> Result<Vec<u32>, IndexError> {
        let graph = self
            .graph
            .as_ref()
            .filter(|_| passing.len() > self.options.scan_rows_max);
        let Some(graph) = graph else {
            return self.flat.candidates(vector, depth, passing);
        };
        let newer = RowSet::of(self.rows.len(), |row| {
            row >= graph.covered() && passing.contains(row)
        });
        // A graph that is busy or broken is answered by the scan, which needs neither.
        let mut rows = graph.candidates(vector, depth, passing).unwrap_or_default();
        if rows.len() < depth.min(passing.len() - newer.len()) {
            return self.flat.candidates(vector, depth, passing);
        }
        rows.extend(self.flat.candidates(vector, depth, &newer)?);
        Ok(rows)
    }

    fn fill(&self, selection: &mut Selection, most: usize, proposals: Vec<Proposal>) {
        let trajectory_of = |row: u32| self.rows[row as usize].columns.get(Column::Episode)[0];
        let is_duplicate = |left: u32, right: u32| {
            self.rows[left as usize]
                .likeness
                .is_duplicate_of(&self.rows[right as usize].likeness)
        };
        selection.fill(most, proposals, trajectory_of, is_duplicate);
    }

    fn hit(&self, kept: &Proposal) -> Hit {
        Hit {
            id: self.id(kept.row).to_owned(),
            position: kept.position,
            retriever: kept.retriever,
            rank: kept.rank,
            score: kept.score,
            tokens: self.rows[kept.row as usize].tokens,
            payload: self.rows[kept.row as usize].payload.clone(),
        }
    }

    fn id(&self, row: u32) -> &str {
        &self.rows[row as usize].id
    }
}

/// Exclusion lists as numbers of the shard's dictionary.
struct ExcludedValues([(Column, Vec<u32>); 3]);

impl ExcludedValues {
    fn new(exclude: &Exclusions, dictionary: &Dictionary) -> Self {
        let numbers = |values: &[String]| {
            values
                .iter()
                .filter_map(|value| dictionary.get(value))
                .collect()
        };
        Self([
            (Column::Task, numbers(&exclude.tasks)),
            (Column::Document, numbers(&exclude.documents)),
            (Column::Episode, numbers(&exclude.episodes)),
        ])
    }

    fn has(&self, row: &ColumnValues) -> bool {
        self.0
            .iter()
            .any(|(column, values)| row.get(*column).iter().any(|value| values.contains(value)))
    }
}
