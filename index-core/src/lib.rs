//! Retrieval over demonstrations for learning agents: observation-based (exact hash, then BM25) and model-based (a
//! hashed n-gram embedding, searched exactly), filtered, de-duplicated, capped and packed to a token budget.
//!
//! The core is pure and safe Rust; `binding` (feature `node`) is a thin layer for Node and the only place where the
//! expansion of a macro contains unsafe code.
#![cfg_attr(not(feature = "node"), forbid(unsafe_code))]
#![cfg_attr(feature = "node", deny(unsafe_code))]

mod bm25;
mod columns;
mod demonstration;
mod error;
mod filter;
mod flat_tier;
mod graph_tier;
mod hash_embedding;
mod index;
mod kernels;
mod observation_hash;
mod rank;
mod row_set;
mod selection;
mod shard;
mod stable_hash;
mod tokenizer;
mod vector_tier;

#[cfg(feature = "node")]
pub mod binding;

pub use demonstration::Demonstration;
pub use error::IndexError;
pub use filter::{Column, Filter};
pub use flat_tier::FlatTier;
pub use graph_tier::{GraphSource, GraphTier};
pub use hash_embedding::{DIMENSIONS, Features, document_vector, query_vector};
pub use index::{DemonstrationIndex, IndexOptions, IndexStats, VERSION};
pub use observation_hash::{normalise_observation, observation_hash};
pub use row_set::RowSet;
pub use selection::{Answer, Dropped, Exclusions, Hit, Query, Retriever};
pub use tokenizer::{Word, each_word, stem};
pub use vector_tier::VectorTier;
