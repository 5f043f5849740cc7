use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::IndexError;
use crate::index::checkpoint::Checkpoint;
use crate::index::columns::demonstration_schema;
use crate::index::demonstration::Demonstration;
use crate::index::demonstration_search;
use crate::index::embedder::Embedder;
use crate::index::explain::Strategy;
use crate::index::prepared::{PreparedRow, check_dimensions};
use crate::index::query::{Answer, Query};
use crate::index::segment::Layout;
use crate::index::shard::ShardOptions;
use crate::index::shards::{Home, Shards};
use crate::index::stats::{IndexStats, stats_of};
use crate::index::vector_query::{VectorAnswer, VectorQuery};
use crate::storage::CollectionIdentity;
use crate::vector::QueryVector;
use crate::vector_storage::VectorStorage;

/// Names every rule that influences an answer but the embedder. Scores of different versions are not comparable.
pub const VERSION: &str = "observation-v1+bm25-v1+walk-v2";

pub struct IndexOptions {
    pub shard: ShardOptions,
    pub embedder: Embedder,
    pub storage: VectorStorage,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            shard: ShardOptions::default(),
            embedder: Embedder::HashV1,
            storage: VectorStorage::F32,
        }
    }
}

/// Demonstrations, searchable. Readers take no lock; writers of one environment wait for each other.
pub struct DemonstrationIndex {
    shards: Shards,
    embedder: Embedder,
    version: String,
    counters: SearchCounters,
}

/// Parts that were searched, by strategy, since the index was opened.
#[derive(Debug, Default)]
pub(crate) struct SearchCounters {
    exact: AtomicU64,
    graph: AtomicU64,
    fallback: AtomicU64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchCounts {
    pub exact: u64,
    pub graph: u64,
    pub fallback: u64,
}

impl DemonstrationIndex {
    /// Opens the index in `folder`, or an empty one in memory.
    ///
    /// # Errors
    /// `INDEX_LOCKED` when another process has the folder; `INDEX_CORRUPT`, `INDEX_FOREIGN`, `INDEX_NEWER` for what
    /// cannot be read; `INDEX_IO`; `INDEX_INVALID` for an embedder of 0 or more than 16,384 dimensions.
    pub fn open(folder: Option<&Path>, options: IndexOptions) -> Result<Self, IndexError> {
        let IndexOptions {
            shard,
            embedder,
            storage,
        } = options;
        check_dimensions(embedder.dimensions())?;
        let mut version = format!("{VERSION}+{}/{}", embedder.name(), embedder.dimensions());
        // Rounding changes scores. Indexes of before have no such ending, and are f32.
        if storage != VectorStorage::F32 {
            version = format!("{version}+{storage}");
        }
        let layout = Layout {
            schema: demonstration_schema(),
            dimensions: vec![embedder.dimensions()],
            storage,
            has_text: true,
        };
        let home = Home {
            folder,
            index_version: &version,
            identity: CollectionIdentity {
                embedder: embedder.name().to_owned(),
                dimensions: embedder.dimensions(),
                field: "instruction".to_owned(),
                storage,
            },
        };
        Ok(Self {
            shards: Shards::open(layout, shard, home)?,
            embedder,
            version,
            counters: SearchCounters::default(),
        })
    }

    /// Rules, embedder and, unless it is f32, the storage of rows; the same version at the same sequence and epoch gives the same answers on any machine.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sequence of the log up to which the folder held everything when it was opened.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.shards.sequence
    }

    #[must_use]
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// How rows are kept.
    #[must_use]
    pub fn storage(&self) -> VectorStorage {
        self.shards.layout.storage
    }

    /// Adds demonstrations; one whose id is known replaces the one before, and of equal ids the last wins.
    ///
    /// # Errors
    /// `INDEX_INVALID` naming the first demonstration that breaks a rule: then none of them is added.
    pub fn upsert(&self, demonstrations: Vec<Demonstration>) -> Result<(), IndexError> {
        self.shards.all()?;
        let mut rows = Vec::with_capacity(demonstrations.len());
        for demonstration in demonstrations {
            let environment = demonstration.environment.clone();
            let row = demonstration.prepare(&self.shards.layout.schema, &self.embedder)?;
            rows.push((environment, row));
        }
        let mut piece = Piece::default();
        for (environment, row) in rows {
            if piece.has_elsewhere(&row.id, &environment)
                || self.lives_elsewhere(&row.id, &environment)?
            {
                self.write(std::mem::take(&mut piece))?;
                self.move_row(&environment, row)?;
            } else {
                piece.push(environment, row);
            }
        }
        self.write(piece)?;
        self.shards.ring();
        Ok(())
    }

    fn lives_elsewhere(&self, id: &str, environment: &str) -> Result<bool, IndexError> {
        let shards = self.shards.all()?;
        let mut others = shards.iter().filter(|(other, _)| ***other != *environment);
        Ok(others.any(|(_, shard)| shard.snapshot().find(id).is_some()))
    }

    fn write(&self, piece: Piece) -> Result<(), IndexError> {
        for (environment, rows) in piece.by_environment {
            self.shards.get_or_add(&environment)?.upsert(&rows)?;
        }
        Ok(())
    }

    /// An id lives in one environment at a time.
    fn move_row(&self, environment: &str, row: PreparedRow) -> Result<(), IndexError> {
        let id = std::slice::from_ref(&row.id);
        for (other, shard) in self.shards.all()?.iter() {
            if **other != *environment {
                shard.remove(id);
            }
        }
        self.shards.get_or_add(environment)?.upsert(&[row])
    }

    /// Removes demonstrations; unknown ids are ignored. Returns how many there were.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn remove(&self, ids: &[String]) -> Result<usize, IndexError> {
        let removed = self
            .shards
            .all()?
            .values()
            .map(|shard| shard.remove(ids))
            .sum();
        self.shards.ring();
        Ok(removed)
    }

    /// Answers one query.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a query beyond the stated limits.
    pub fn search(&self, query: &Query) -> Result<Answer, IndexError> {
        query.check(&self.shards.layout.schema)?;
        let Some(shard) = self.shards.get(&query.environment)? else {
            return Ok(Answer::default());
        };
        let snapshot = shard.snapshot();
        let dimensions = self.embedder.dimensions();
        let vector = match (&query.vector, &query.query) {
            (Some(vector), _) => Some(QueryVector::new(vector, dimensions)?),
            (None, Some(text)) => self
                .embedder
                .query(text, snapshot.live_rows, |hash| snapshot.frequency(hash))?
                .map(|vector| QueryVector::new(&vector, dimensions))
                .transpose()?,
            (None, None) => None,
        };
        let answer = demonstration_search::search(&self.shards, &snapshot, query, vector.as_ref())?;
        self.counters
            .count(answer.explanation.parts.iter().map(|part| part.strategy));
        Ok(answer)
    }

    /// Nearest demonstrations to vectors.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a query beyond the stated limits.
    pub fn search_vectors(
        &self,
        environment: &str,
        query: &VectorQuery,
    ) -> Result<Vec<VectorAnswer>, IndexError> {
        query.check(&self.shards.layout.schema, self.embedder.dimensions())?;
        let Some(shard) = self.shards.get(environment)? else {
            let count = query.vectors.len() / self.embedder.dimensions();
            return Ok(vec![VectorAnswer::default(); count]);
        };
        let answers = query.answer(&self.shards, &shard.snapshot(), self.embedder.dimensions())?;
        for answer in &answers {
            self.counters
                .count(answer.parts.iter().map(|part| part.strategy));
        }
        Ok(answers)
    }

    /// Payloads by id; `None` for an id that is not there.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn get(&self, ids: &[String]) -> Result<Vec<Option<String>>, IndexError> {
        let snapshots: Vec<_> = self
            .shards
            .all()?
            .values()
            .map(|shard| shard.snapshot())
            .collect();
        let payload = |id: &String| {
            snapshots.iter().find_map(|snapshot| {
                let place = snapshot.find(id)?;
                let text = snapshot.parts[place.part].segment.text.as_ref()?;
                Some(text.payload(place.row).to_owned())
            })
        };
        Ok(ids.iter().map(payload).collect())
    }

    /// Does background work until there is none: merges, and graphs for ranges that have outgrown the scan. Searches and
    /// writes go on meanwhile, and `close` ends it. Returns the number of jobs.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` when the graph library refuses its input; `INDEX_CLOSED`.
    pub fn settle(&self) -> Result<usize, IndexError> {
        self.shards.settle()
    }

    /// As `settle`, for a thread that does nothing else: a graph over rows that are still being replaced waits until they
    /// have rested. Returns when nothing is due; `wait_for_work` returns when something is again.
    ///
    /// # Errors
    /// As `settle`.
    pub fn tend(&self) -> Result<usize, IndexError> {
        self.shards.tend()
    }

    /// One segment and one graph per environment, whatever its size: for a corpus that is loaded once.
    ///
    /// # Errors
    /// As `settle`.
    pub fn optimise(&self) -> Result<usize, IndexError> {
        self.shards.optimise()?;
        self.shards.settle()
    }

    /// Blocks until there may be background work; `false` once the index is closed.
    #[must_use]
    pub fn wait_for_work(&self) -> bool {
        self.shards.wait_for_work()
    }

    /// Writes the index to its folder, as of `sequence` of the log; everything applied by now is in it.
    ///
    /// # Errors
    /// `INDEX_IO`: then the checkpoint of before stays valid. `INDEX_INVALID` without a folder.
    pub fn checkpoint(&self, sequence: u64) -> Result<Checkpoint, IndexError> {
        self.shards.checkpoint(sequence)
    }

    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn stats(&self) -> Result<IndexStats, IndexError> {
        stats_of(&self.shards)
    }

    #[must_use]
    pub fn search_counts(&self) -> SearchCounts {
        self.counters.read()
    }

    /// Frees everything; every later call fails with `INDEX_CLOSED`. Closing twice is fine.
    pub fn close(&self) {
        self.shards.close();
    }
}

/// Rows that may be written one environment after the other, because none of them touches another's: so the order of
/// environments decides nothing, and a shard sees its writes in the order of the log however they are put into batches.
#[derive(Default)]
struct Piece {
    by_environment: BTreeMap<String, Vec<PreparedRow>>,
    environments: HashMap<String, String>,
}

impl Piece {
    fn has_elsewhere(&self, id: &str, environment: &str) -> bool {
        self.environments
            .get(id)
            .is_some_and(|other| other != environment)
    }

    fn push(&mut self, environment: String, row: PreparedRow) {
        self.environments
            .insert(row.id.clone(), environment.clone());
        self.by_environment
            .entry(environment)
            .or_default()
            .push(row);
    }
}

impl SearchCounters {
    pub(crate) fn count(&self, strategies: impl Iterator<Item = Strategy>) {
        for strategy in strategies {
            let counter = match strategy {
                Strategy::Skip => continue,
                Strategy::Exact => &self.exact,
                Strategy::Graph => &self.graph,
                Strategy::Fallback => &self.fallback,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> SearchCounts {
        SearchCounts {
            exact: self.exact.load(Ordering::Relaxed),
            graph: self.graph.load(Ordering::Relaxed),
            fallback: self.fallback.load(Ordering::Relaxed),
        }
    }
}
