use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::demonstration::{Demonstration, Prepared};
use crate::error::IndexError;
use crate::filter::Filter;
use crate::graph_tier::GraphTier;
use crate::selection::{Answer, Query};
use crate::shard::Shard;

/// Names every rule that influences an answer. Scores of different versions are not comparable; the same version over
/// the same demonstrations gives the same answer on any machine, as long as no shard uses a graph.
pub const VERSION: &str = "observation-v1+bm25-v1+hash-v1/1024";

/// Most results that one retriever may be asked for.
const RESULTS_MAX: usize = 1_000;
/// Longest text of a query in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// Live demonstrations of one environment from which `build_graphs` gives it a graph. Below, and without that call,
    /// search is exact.
    pub graph_rows_min: usize,
    /// With a graph: the number of rows that pass a filter up to which they are scanned all the same.
    pub scan_rows_max: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            graph_rows_min: 100_000,
            scan_rows_max: 20_000,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexStats {
    pub demonstrations: usize,
    pub by_environment: BTreeMap<String, usize>,
    /// Demonstrations that are searched through a graph.
    pub graph_rows: usize,
}

/// Demonstrations, searchable. Any number of readers and one writer at a time; everything costly about a write happens
/// before the writer's lock is taken.
pub struct DemonstrationIndex {
    options: IndexOptions,
    is_closed: AtomicBool,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    shards: HashMap<Arc<str>, Shard>,
    places: HashMap<Arc<str>, Place>,
}

struct Place {
    environment: Arc<str>,
    row: u32,
}

impl DemonstrationIndex {
    #[must_use]
    pub fn new(options: IndexOptions) -> Self {
        Self {
            options,
            is_closed: AtomicBool::new(false),
            state: RwLock::default(),
        }
    }

    /// Adds demonstrations; one whose id is known replaces the one before, and of equal ids the last wins.
    ///
    /// # Errors
    /// `INDEX_INVALID` naming the first demonstration that breaks a rule: then none of them is added.
    pub fn upsert(&self, demonstrations: Vec<Demonstration>) -> Result<(), IndexError> {
        self.check_open()?;
        let prepared = demonstrations
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let mut state = self.write()?;
        for prepared in &prepared {
            state.remove(&prepared.source.id);
            state.insert(prepared, self.options)?;
        }
        state.sweep();
        Ok(())
    }

    /// Removes demonstrations; unknown ids are ignored. Returns how many there were.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn remove(&self, ids: &[String]) -> Result<usize, IndexError> {
        let mut state = self.write()?;
        let removed = ids.iter().filter(|id| state.remove(id)).count();
        state.sweep();
        Ok(removed)
    }

    /// Answers one query.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a query beyond the stated limits.
    pub fn search(&self, query: &Query) -> Result<Answer, IndexError> {
        check(query)?;
        let state = self.read()?;
        state
            .shards
            .get(query.environment.as_str())
            .map_or_else(|| Ok(Answer::default()), |shard| shard.search(query))
    }

    /// Payloads by id; `None` for an id that is not there.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn get(&self, ids: &[String]) -> Result<Vec<Option<Arc<str>>>, IndexError> {
        let state = self.read()?;
        let payload = |id: &String| {
            let place = state.places.get(id.as_str())?;
            Some(state.shards.get(&place.environment)?.payload(place.row))
        };
        Ok(ids.iter().map(payload).collect())
    }

    /// Builds graphs where shards have grown beyond `graph_rows_min`. Takes as long as it takes; searches and writes go
    /// on meanwhile, and `close` ends it. Returns the number of graphs that were built.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` when the graph library refuses its input.
    pub fn build_graphs(&self) -> Result<usize, IndexError> {
        let environments: Vec<Arc<str>> = self.read()?.shards.keys().cloned().collect();
        let mut built = 0;
        for environment in environments {
            let source = self
                .read()?
                .shards
                .get(&environment)
                .and_then(Shard::graph_source);
            let Some((generation, source)) = source else {
                continue;
            };
            let Some(graph) = GraphTier::build(&source, || self.check_open().is_ok())? else {
                return Err(IndexError::Closed);
            };
            if let Some(shard) = self.write()?.shards.get_mut(&environment) {
                shard.publish_graph(generation, graph);
                built += 1;
            }
        }
        Ok(built)
    }

    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn stats(&self) -> Result<IndexStats, IndexError> {
        let state = self.read()?;
        Ok(IndexStats {
            demonstrations: state.places.len(),
            by_environment: state
                .shards
                .iter()
                .map(|(name, shard)| (name.to_string(), shard.len()))
                .filter(|(_, count)| *count > 0)
                .collect(),
            graph_rows: state.shards.values().map(Shard::graph_rows).sum(),
        })
    }

    /// Frees everything; every later call fails with `INDEX_CLOSED`. Closing twice is fine.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    fn check_open(&self) -> Result<(), IndexError> {
        if self.is_closed.load(Ordering::Acquire) {
            Err(IndexError::Closed)
        } else {
            Ok(())
        }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, State>, IndexError> {
        let guard = self.state.read().map_err(|_| poisoned())?;
        self.check_open().map(|()| guard)
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, IndexError> {
        let guard = self.state.write().map_err(|_| poisoned())?;
        self.check_open().map(|()| guard)
    }
}

fn poisoned() -> IndexError {
    IndexError::Corrupt("a write to the index did not finish".into())
}

fn check(query: &Query) -> Result<(), IndexError> {
    for (name, count) in [
        ("observation_based", query.observation_based),
        ("model_based", query.model_based),
    ] {
        if count > RESULTS_MAX {
            return Err(IndexError::invalid(format!(
                "{name} is {count}; at most {RESULTS_MAX} results can be asked for"
            )));
        }
    }
    if query.per_trajectory_max == 0 {
        return Err(IndexError::invalid(
            "per_trajectory_max is 0; at least 1 is needed to find anything",
        ));
    }
    query.filter.as_ref().map_or(Ok(()), Filter::check_depth)?;
    for (name, text) in [("observation", &query.observation), ("query", &query.query)] {
        let bytes = text.as_ref().map_or(0, String::len);
        if bytes > TEXT_BYTES_MAX {
            return Err(IndexError::invalid(format!(
                "the {name} has {bytes} bytes; at most {TEXT_BYTES_MAX} are allowed"
            )));
        }
    }
    Ok(())
}

impl State {
    fn insert(&mut self, prepared: &Prepared, options: IndexOptions) -> Result<(), IndexError> {
        let id: Arc<str> = prepared.source.id.as_str().into();
        let environment: Arc<str> = prepared.source.environment.as_str().into();
        let row = self
            .shards
            .entry(environment.clone())
            .or_insert_with(|| Shard::new(options))
            .insert(id.clone(), prepared)?;
        self.places.insert(id, Place { environment, row });
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(place) = self.places.remove(id) else {
            return false;
        };
        if let Some(shard) = self.shards.get_mut(&place.environment) {
            shard.remove(place.row);
        }
        true
    }

    fn sweep(&mut self) {
        for (environment, shard) in &mut self.shards {
            for (id, row) in shard.sweep().into_iter().flatten() {
                self.places.insert(
                    id,
                    Place {
                        environment: environment.clone(),
                        row,
                    },
                );
            }
        }
    }
}
