//! All demonstrations of one environment. Rows are appended and marked dead, never changed; when most are dead the
//! shard is written anew. What a shard answers depends on its live demonstrations only, not on how they came about.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bm25::{Bm25, UnitLength};
use crate::columns::{ColumnValues, Dictionary};
use crate::demonstration::{Likeness, Prepared};
use crate::error::IndexError;
use crate::filter::{Column, CompiledFilter};
use crate::flat_tier::FlatTier;
use crate::graph_tier::{GraphSource, GraphTier};
use crate::hash_embedding::{DIMENSIONS, Features, Frequencies, query_vector};
use crate::index::IndexOptions;
use crate::observation_hash::observation_hash;
use crate::rank::{by_score_then_id, on_grid};
use crate::row_set::RowSet;
use crate::selection::{Answer, Exclusions, Hit, Proposal, Query, Retriever, Selection};
use crate::vector_tier::VectorTier;

/// Dead rows are swept when they outnumber the live ones and are at least this many.
const SWEEP_ROWS_MIN: usize = 1_024;

/// First depth of the dense list per asked hit; deeper lists are fetched when duplicates and caps used it up.
const DENSE_DEPTH: usize = 4;

struct Row {
    id: Arc<str>,
    columns: ColumnValues,
    likeness: Likeness,
    observation_hashes: Box<[Option<u128>]>,
    unit_lengths: Box<[UnitLength]>,
    /// Kept to take its features out of the frequencies again; the features themselves would be ten times as large.
    dense_text: Box<str>,
    tokens: u32,
    payload: Arc<str>,
}

pub(crate) struct Shard {
    options: IndexOptions,
    dictionary: Dictionary,
    rows: Vec<Row>,
    live: Vec<bool>,
    live_count: usize,
    exact: HashMap<u128, Vec<(u32, u32)>>,
    lexical: Bm25,
    frequencies: Frequencies,
    flat: FlatTier,
    graph: Option<Arc<GraphTier>>,
    /// Changes whenever rows are renumbered, which makes graphs of before useless.
    generation: u64,
}

impl Shard {
    pub(crate) fn new(options: IndexOptions) -> Self {
        Self {
            options,
            dictionary: Dictionary::default(),
            rows: Vec::new(),
            live: Vec::new(),
            live_count: 0,
            exact: HashMap::new(),
            lexical: Bm25::default(),
            frequencies: Frequencies::default(),
            flat: FlatTier::new(DIMENSIONS),
            graph: None,
            generation: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live_count
    }

    pub(crate) fn payload(&self, row: u32) -> Arc<str> {
        self.rows[row as usize].payload.clone()
    }

    /// Appends a row and returns its number.
    pub(crate) fn insert(&mut self, id: Arc<str>, prepared: &Prepared) -> Result<u32, IndexError> {
        let row = u32::try_from(self.rows.len())
            .map_err(|_| IndexError::invalid("a shard holds at most 2³² demonstrations"))?;
        self.flat.push(prepared.vector.as_deref())?;
        self.frequencies.add(&prepared.features);
        self.lexical.add(row, &prepared.units);
        for (position, hash) in (0..).zip(&prepared.observation_hashes) {
            if let Some(hash) = hash {
                self.exact.entry(*hash).or_default().push((row, position));
            }
        }
        self.rows.push(Row {
            id,
            columns: ColumnValues::of(&prepared.source, &mut self.dictionary),
            likeness: prepared.likeness.clone(),
            observation_hashes: prepared.observation_hashes.as_slice().into(),
            unit_lengths: prepared.units.iter().map(UnitLength::from).collect(),
            dense_text: prepared.source.dense_text().into(),
            tokens: prepared.source.tokens,
            payload: prepared.source.payload.as_str().into(),
        });
        self.live.push(true);
        self.live_count += 1;
        Ok(row)
    }

    /// Marks a row dead. The numbers of other rows stay as they are; see `sweep`.
    pub(crate) fn remove(&mut self, row: u32) {
        let source = &self.rows[row as usize];
        for hash in source.observation_hashes.iter().flatten() {
            if let Some(places) = self.exact.get_mut(hash) {
                places.retain(|(other, _)| *other != row);
                if places.is_empty() {
                    self.exact.remove(hash);
                }
            }
        }
        self.lexical.retire(&source.unit_lengths);
        self.frequencies
            .remove(&Features::of([&*source.dense_text]));
        self.live[row as usize] = false;
        self.live_count -= 1;
    }

    /// Drops dead rows once they outnumber the live ones. Returns the new numbers of the live rows, or `None` when
    /// nothing moved.
    pub(crate) fn sweep(&mut self) -> Option<Vec<(Arc<str>, u32)>> {
        let dead = self.rows.len() - self.live_count;
        if dead < SWEEP_ROWS_MIN || dead <= self.live_count {
            return None;
        }
        let live = std::mem::take(&mut self.live);
        let mut next = 0..;
        let renumbered: Vec<Option<u32>> = live
            .iter()
            .map(|live| live.then(|| next.next()).flatten())
            .collect();
        let mut flags = live.iter();
        self.rows.retain(|_| flags.next().copied().unwrap_or(false));
        self.live = vec![true; self.rows.len()];
        for (row, _) in self.exact.values_mut().flatten() {
            *row = renumbered[*row as usize].unwrap_or_default();
        }
        self.lexical.renumber(&renumbered);
        self.flat.retain(&live);
        self.graph = None;
        self.generation += 1;
        Some(
            (0..)
                .zip(&self.rows)
                .map(|(number, row)| (row.id.clone(), number))
                .collect(),
        )
    }

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

    /// What to build a graph from, if the shard is large enough and its graph, if any, misses more than a quarter of it.
    pub(crate) fn graph_source(&self) -> Option<(u64, GraphSource)> {
        let covered = self
            .graph
            .as_ref()
            .map_or(0, |graph| graph.covered() as usize);
        if self.live_count < self.options.graph_rows_min
            || (self.rows.len() - covered) * 4 <= self.rows.len()
        {
            return None;
        }
        let live = RowSet::of(self.rows.len(), |row| self.live[row as usize]);
        Some((self.generation, GraphSource::of(&self.flat, &live)))
    }

    /// Starts to use a graph; one of an older generation is forgotten.
    pub(crate) fn publish_graph(&mut self, generation: u64, graph: GraphTier) {
        if generation == self.generation {
            self.graph = Some(Arc::new(graph));
        }
    }

    pub(crate) fn graph_rows(&self) -> usize {
        self.graph.as_ref().map_or(0, |graph| graph.len())
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
