//! From text to what the index compares: words, stable hashes, normalised observations and embeddings. Nothing here
//! knows of rows or segments, and the same text gives the same bits on every machine.

mod features;
pub(crate) mod hash_embedding;
#[cfg(feature = "model2vec")]
mod model2vec;
pub(crate) mod observation_hash;
pub(crate) mod stable_hash;
pub(crate) mod tokenizer;

pub use features::Features;
pub use hash_embedding::{DIMENSIONS, document_vector, query_vector};
#[cfg(feature = "model2vec")]
pub use model2vec::Model2Vec;
pub use observation_hash::{normalise_observation, observation_hash};
pub(crate) use stable_hash::{StableHash64, stable_hash128};
pub use tokenizer::{Word, each_word, stem};
