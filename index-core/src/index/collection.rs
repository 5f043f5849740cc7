use std::path::Path;
use std::sync::Arc;

use crate::error::IndexError;
use crate::filter::{RowColumns, Schema};
use crate::index::begun::GraphSchedule;
use crate::index::checkpoint::Checkpoint;
use crate::index::demonstration_index::{SearchCounters, SearchCounts};
use crate::index::passing::{Conditions, passing_parts};
use crate::index::prepared::{PreparedRow, check_dimensions, check_row, unit_vector};
use crate::index::query::{EXPANSION_MAX, RESULTS_MAX};
use crate::index::segment::Layout;
use crate::index::shard::{Shard, ShardOptions, ShardRules};
use crate::index::shards::{Home, Shards};
use crate::index::snapshot::Snapshot;
use crate::index::stats::{IndexStats, stats_of};
use crate::index::vector_query::{VectorAnswer, VectorQuery};
use crate::index::vector_search::{SearchMode, VectorSearch};
use crate::storage::CollectionIdentity;
use crate::vector::QueryVector;
use crate::vector_storage::VectorStorage;

const COLLECTION_VERSION: &str = "collection-v1";
/// A collection has one shard; callers with several environments have several collections.
const ENVIRONMENT: &str = "all";

/// What the vectors of a collection are; vectors of anything else are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionOptions {
    pub embedder: String,
    pub dimensions: usize,
    /// What was embedded: `observation`, `instruction` or `query`.
    pub field: String,
    pub schema: Schema,
    pub graph_rows_min: usize,
    pub storage: VectorStorage,
}

#[derive(Debug, Clone)]
pub struct CollectionRow {
    pub id: String,
    pub columns: RowColumns,
    /// Of any length but 0; scaled to length 1.
    pub vector: Vec<f32>,
}

/// Vectors with ids and columns, searchable by cosine: the index without demonstrations, for use by itself.
pub struct Collection {
    shards: Shards,
    shard: Arc<Shard>,
    dimensions: usize,
    counters: SearchCounters,
}

impl Collection {
    /// Opens the collection in `folder`, or an empty one in memory.
    ///
    /// # Errors
    /// `INDEX_INVALID` for dimensions out of range; otherwise as `DemonstrationIndex::open`.
    pub fn open(folder: Option<&Path>, options: CollectionOptions) -> Result<Self, IndexError> {
        let CollectionOptions {
            embedder,
            dimensions,
            field,
            schema,
            graph_rows_min,
            storage,
        } = options;
        check_dimensions(dimensions)?;
        // Quoted, so that a comma in a name makes no second column, and by kind: a folder is never read as another schema.
        let columns = format!("{:?} {:?}", schema.text(), schema.numbers());
        let layout = Layout {
            schema,
            dimensions: vec![dimensions],
            storage,
            has_text: false,
        };
        let home = Home {
            folder,
            index_version: &format!("{COLLECTION_VERSION}({columns})"),
            identity: CollectionIdentity {
                embedder,
                dimensions,
                field,
                storage,
            },
        };
        let rules = ShardRules {
            options: ShardOptions { graph_rows_min },
            graphs: GraphSchedule::Own,
        };
        let shards = Shards::open(layout, rules, home)?;
        Ok(Self {
            shard: shards.get_or_add(ENVIRONMENT)?,
            shards,
            dimensions,
            counters: SearchCounters::default(),
        })
    }

    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.shards.layout.schema
    }

    /// Of the checkpoint that was opened; 0 without one.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.shards.sequence
    }

    /// Adds rows; one whose id is known replaces the one before, and of equal ids the last wins.
    ///
    /// # Errors
    /// `INDEX_INVALID` naming the first row that breaks a rule: then none is added.
    pub fn upsert(&self, rows: Vec<CollectionRow>) -> Result<(), IndexError> {
        self.shards.all()?;
        let prepared = rows
            .into_iter()
            .map(|row| {
                let vector = unit_vector(&row.id, &row.vector, self.dimensions)?;
                let row = PreparedRow {
                    id: row.id,
                    columns: row.columns,
                    vectors: vec![Some(vector)],
                    text: None,
                };
                check_row(self.schema(), &[self.dimensions], &row)?;
                Ok(row)
            })
            .collect::<Result<Vec<_>, IndexError>>()?;
        self.shard.upsert(&prepared, None)?;
        self.shards.ring();
        Ok(())
    }

    /// Unknown ids are ignored. Returns how many there were.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn remove(&self, ids: &[String]) -> Result<usize, IndexError> {
        self.shards.all()?;
        let removed = self.shard.remove(ids);
        self.shards.ring();
        Ok(removed)
    }

    /// One answer per vector, all from the same snapshot.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a query beyond the stated limits.
    pub fn search(&self, query: &VectorQuery) -> Result<Vec<VectorAnswer>, IndexError> {
        self.search_in(&self.snapshot()?, query)
    }

    /// For calls of several queries that must all see the same.
    pub(crate) fn search_in(
        &self,
        snapshot: &Arc<Snapshot>,
        query: &VectorQuery,
    ) -> Result<Vec<VectorAnswer>, IndexError> {
        self.shards.all()?;
        query.check(self.schema(), self.dimensions)?;
        let answers = query.answer(&self.shards, snapshot, self.dimensions)?;
        for answer in &answers {
            self.counters
                .count(answer.parts.iter().map(|part| part.strategy));
        }
        Ok(answers)
    }

    /// The `ordinals.len()` nearest rows of one vector, without a filter, written into the given arrays. Returns how many
    /// were found.
    ///
    /// # Errors
    /// `INDEX_INVALID` for arrays of different lengths or a query beyond the stated limits.
    pub fn search_into(
        &self,
        vector: &[f32],
        expansion: usize,
        ordinals: &mut [u32],
        scores: &mut [f32],
    ) -> Result<usize, IndexError> {
        if self.shards.is_closed() {
            return Err(IndexError::Closed);
        }
        let k = ordinals.len();
        if k != scores.len() || k > RESULTS_MAX || expansion == 0 || expansion > EXPANSION_MAX {
            return Err(IndexError::invalid(format!(
                "arrays of {k} and {} results with ef {expansion}; equal lengths up to {RESULTS_MAX} and an ef of 1 to {EXPANSION_MAX} are allowed",
                scores.len()
            )));
        }
        let query = QueryVector::new(vector, self.dimensions)?;
        let snapshot = self.snapshot()?;
        let passing = passing_parts(self.schema(), &snapshot, &Conditions::default())?;
        let search = VectorSearch {
            snapshot: &snapshot,
            field: 0,
            passing: &passing,
            mode: SearchMode::Auto,
            expansion,
        };
        let (found, parts) = search.nearest(&query, k);
        self.shards.probe(
            &snapshot,
            &Conditions::default(),
            &query,
            (k, &found, &parts),
        );
        self.counters.count(parts.iter().map(|part| part.strategy));
        for (at, hit) in found.iter().enumerate() {
            ordinals[at] = snapshot.parts[hit.place.part].segment.ordinals[hit.place.row as usize];
            #[expect(clippy::cast_possible_truncation, reason = "a cosine")]
            let score = hit.score as f32;
            scores[at] = score;
        }
        Ok(found.len())
    }

    /// Ids of rows; `None` for one that is no longer there.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn resolve(&self, ordinals: &[u32]) -> Result<Vec<Option<String>>, IndexError> {
        self.shards.all()?;
        let snapshot = self.snapshot()?;
        let id = |ordinal: &u32| {
            let place = snapshot.find_ordinal(*ordinal)?;
            Some(snapshot.parts[place.part].segment.id(place.row).to_owned())
        };
        Ok(ordinals.iter().map(id).collect())
    }

    /// Vectors of ids as they are stored: scaled to length 1, and with [`VectorStorage::Bf16`] rounded, which changes the
    /// length by up to 2⁻⁸. `None` for an id that is not there.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn vectors(&self, ids: &[String]) -> Result<Vec<Option<Vec<f32>>>, IndexError> {
        self.shards.all()?;
        let snapshot = self.snapshot()?;
        let vector = |id: &String| {
            let place = snapshot.find(id)?;
            let block = snapshot.parts[place.part].segment.vectors.first()?;
            Some(block.vector(place.row).into_owned())
        };
        Ok(ids.iter().map(vector).collect())
    }

    /// As `DemonstrationIndex::settle`.
    ///
    /// # Errors
    /// As there.
    pub fn settle(&self) -> Result<usize, IndexError> {
        self.shards.settle()
    }

    /// As `DemonstrationIndex::tend`.
    ///
    /// # Errors
    /// As there.
    pub fn tend(&self) -> Result<usize, IndexError> {
        self.shards.tend()
    }

    /// As `DemonstrationIndex::optimise`.
    ///
    /// # Errors
    /// As there.
    pub fn optimise(&self) -> Result<usize, IndexError> {
        self.shards.optimise()?;
        self.shards.settle()
    }

    /// As `DemonstrationIndex::wait_for_work`.
    #[must_use]
    pub fn wait_for_work(&self) -> bool {
        self.shards.wait_for_work()
    }

    /// As `DemonstrationIndex::checkpoint`.
    ///
    /// # Errors
    /// As there.
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
        self.shard.clear();
    }

    /// Why an older checkpoint than the last one was opened.
    #[must_use]
    pub fn fallback(&self) -> Option<&IndexError> {
        self.shards.fallback.as_ref()
    }

    /// Looks again whether it is open: what a closed collection has left must not look like an answer.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>, IndexError> {
        let snapshot = self.shard.snapshot();
        self.shards.check_open()?;
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_collection_holds_no_rows() {
        let options = CollectionOptions {
            embedder: "none".into(),
            dimensions: 4,
            field: "observation".into(),
            schema: Schema::default(),
            graph_rows_min: 1_000,
            storage: VectorStorage::F32,
        };
        let Ok(collection) = Collection::open(None, options) else {
            panic!("a collection in memory opens");
        };
        let row = CollectionRow {
            id: "one".into(),
            columns: RowColumns::default(),
            vector: vec![1.0; 4],
        };
        assert!(collection.upsert(vec![row]).is_ok());
        let held = Arc::downgrade(&collection.shard.snapshot());
        collection.close();
        assert_eq!(held.strong_count(), 0);
    }
}
