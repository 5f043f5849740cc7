//! All demonstrations of one environment. Rows are appended and marked dead, never changed; when most are dead the
//! shard is written anew. What a shard answers depends on its live demonstrations only, not on how they came about.

mod search;

use std::collections::HashMap;
use std::sync::Arc;

use crate::bm25::{Bm25, UnitLength};
use crate::columns::{ColumnValues, Dictionary};
use crate::demonstration::{Likeness, Prepared};
use crate::error::IndexError;
use crate::flat_tier::FlatTier;
use crate::graph_tier::{GraphSource, GraphTier};
use crate::hash_embedding::{DIMENSIONS, Features, Frequencies};
use crate::index::IndexOptions;
use crate::row_set::RowSet;

/// Dead rows are swept when they outnumber the live ones and are at least this many.
const SWEEP_ROWS_MIN: usize = 1_024;

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
