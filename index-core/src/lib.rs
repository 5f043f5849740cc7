//! Retrieval over demonstrations for learning agents: observation-based (exact hash, then BM25) and model-based (dense
//! vectors), filtered, de-duplicated, ranked, capped and packed to a token budget. [`Collection`] is the vector core by
//! itself:
//!
//! ```
//! use hindcast_index_core::{
//!     Collection, CollectionOptions, CollectionRow, Exclusions, Filter, IndexError, RowColumns, Schema, SearchMode,
//!     VectorQuery, VectorStorage,
//! };
//!
//! # fn main() -> Result<(), IndexError> {
//! let collection = Collection::open(
//!     None, // in memory; with a folder, `checkpoint` keeps it
//!     CollectionOptions {
//!         embedder: "my-model".into(),
//!         dimensions: 3,
//!         field: "instruction".into(),
//!         schema: Schema::new(&["task"], &["length"]),
//!         graph_rows_min: 131_072,
//!         storage: VectorStorage::F32, // or Bf16: rows take half the bytes and are rounded
//!     },
//! )?;
//! let row = |id: &str, task: &str, length: f64, vector: [f32; 3]| CollectionRow {
//!     id: id.into(),
//!     columns: RowColumns { text: vec![vec![task.into()]], numbers: vec![length] },
//!     vector: vector.into(),
//! };
//! collection.upsert(vec![
//!     row("tag", "git", 2.0, [1.0, 0.1, 0.0]),
//!     row("branch", "git", 9.0, [0.9, 0.3, 0.1]),
//!     row("mkdir", "files", 1.0, [0.0, 0.2, 1.0]),
//! ])?;
//! let answers = collection.search(&VectorQuery {
//!     vectors: vec![1.0, 0.0, 0.0],
//!     k: 10,
//!     expansion: None,
//!     filter: Some(Filter::All(vec![
//!         Filter::In("task".into(), vec!["git".into()]),
//!         Filter::Range("length".into(), None, Some(5.0)),
//!     ])),
//!     exclude: Exclusions::default(),
//!     mode: SearchMode::Auto,
//! })?;
//! assert_eq!(answers[0].ids, ["tag"]);
//! // Merges and graphs are made when the caller says: here, or in a thread that waits with `wait_for_work`.
//! collection.settle()?;
//! # Ok(())
//! # }
//! ```
//!
//! The core is pure Rust. Unsafe code stands in two places, each with its reason: vector instructions in
//! `vector::kernels` and the mapping of files in `storage`; and in what a macro of `binding` (feature `node`) expands to.
#![deny(unsafe_code)]

mod error;
mod filter;
mod index;
pub mod lexical;
mod rank;
mod row_set;
pub mod storage;
pub mod text;
pub mod vector;
mod vector_storage;

#[cfg(feature = "node")]
pub mod binding;

pub use error::IndexError;
pub use filter::{Filter, RowColumns, Schema};
pub use index::{
    Answer, Checkpoint, Collection, CollectionOptions, CollectionRow, Demonstration,
    DemonstrationIndex, Dropped, Embedder, Exclusions, Explanation, GraphNews, GraphOrder,
    GraphSchedule, Hit, IndexOptions, IndexStats, PartExplanation, Query, Ranking, Recall,
    Retriever, SearchCounts, SearchMode, ShardOptions, ShownGraph, StageTimes, Strategy, VERSION,
    VectorAnswer, VectorQuery, Window,
};
pub use row_set::{Passing, RowSet};
pub use vector_storage::VectorStorage;
