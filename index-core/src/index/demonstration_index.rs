use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::IndexError;
use crate::index::begun::{GraphNews, GraphSchedule, ShownGraph};
use crate::index::checkpoint::Checkpoint;
use crate::index::columns::demonstration_schema;
use crate::index::demonstration_search;
use crate::index::embedder::Embedder;
use crate::index::explain::Strategy;
use crate::index::prepared::check_dimensions;
use crate::index::query::{Answer, Query};
use crate::index::ranges::GraphOrder;
use crate::index::segment::Layout;
use crate::index::shard::{ShardOptions, ShardRules};
use crate::index::shards::{Home, Shards};
use crate::index::snapshot::Snapshot;
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
    pub graphs: GraphSchedule,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            shard: ShardOptions::default(),
            embedder: Embedder::HashV1,
            storage: VectorStorage::F32,
            graphs: GraphSchedule::Own,
        }
    }
}

/// Demonstrations, searchable. Readers take no lock; writers of one environment wait for each other.
pub struct DemonstrationIndex {
    pub(super) shards: Shards,
    pub(super) embedder: Embedder,
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
            graphs,
        } = options;
        check_dimensions(embedder.dimensions())?;
        let mut version = format!("{VERSION}+{}/{}", embedder.name(), embedder.dimensions());
        // Rounding changes scores. Indexes of before have no such ending, and are f32.
        if storage != VectorStorage::F32 {
            version = format!("{version}+{storage}");
        }
        // Rows are numbered otherwise, and other graphs come of it.
        if graphs == GraphSchedule::Log {
            version.push_str("+graphs-v1");
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
            shards: Shards::open(
                layout,
                ShardRules {
                    options: shard,
                    graphs,
                },
                home,
            )?,
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
        self.search_vectors_in(self.snapshot_of(environment)?.as_ref(), query)
    }

    /// For calls of several queries that must all see the same; `None` for an environment that is not there.
    pub(crate) fn snapshot_of(
        &self,
        environment: &str,
    ) -> Result<Option<Arc<Snapshot>>, IndexError> {
        Ok(self.shards.get(environment)?.map(|shard| shard.snapshot()))
    }

    pub(crate) fn search_vectors_in(
        &self,
        snapshot: Option<&Arc<Snapshot>>,
        query: &VectorQuery,
    ) -> Result<Vec<VectorAnswer>, IndexError> {
        query.check(&self.shards.layout.schema, self.embedder.dimensions())?;
        let Some(snapshot) = snapshot else {
            let count = query.vectors.len() / self.embedder.dimensions();
            return Ok(vec![VectorAnswer::default(); count]);
        };
        let answers = query.answer(&self.shards, snapshot, self.embedder.dimensions())?;
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

    /// What the log should be told of graphs, by environment: for whoever writes entries that `begin_graph` and
    /// `show_graph` are then called for, in every replica.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn graph_news(&self) -> Result<Vec<(String, GraphNews)>, IndexError> {
        let mut all = Vec::new();
        for (environment, shard) in self.shards.all()?.iter() {
            let news = shard.news().into_iter();
            all.extend(news.map(|one| (environment.to_string(), one)));
        }
        Ok(all)
    }

    /// The entry `at` of the log begins a graph of the rows that are alive in a range now. `false`: it changes nothing,
    /// because none is, or another entry was first.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn begin_graph(
        &self,
        environment: &str,
        order: &GraphOrder,
        at: u64,
    ) -> Result<bool, IndexError> {
        let shard = self.shards.get(environment)?;
        let has_begun = shard.is_some_and(|shard| shard.begin_graph(order, at));
        self.shards.ring();
        Ok(has_begun)
    }

    /// From now on the graph that the entry `begun_at` began is searched; at the latest when it is built, which `settle`
    /// waits for. One whose fingerprint is not the expected one is counted as diverged.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn show_graph(
        &self,
        environment: &str,
        begun_at: u64,
        expected: Option<u64>,
    ) -> Result<ShownGraph, IndexError> {
        let shard = self.shards.get(environment)?;
        let shown = shard.map_or(ShownGraph::Unknown, |shard| {
            shard.show_graph(begun_at, expected)
        });
        self.shards.ring();
        Ok(shown)
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

    /// Why an older checkpoint than the last one was opened.
    #[must_use]
    pub fn fallback(&self) -> Option<&IndexError> {
        self.shards.fallback.as_ref()
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
