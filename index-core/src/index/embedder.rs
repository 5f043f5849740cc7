//! Where the vectors of demonstrations and queries come from.

#[cfg(feature = "model2vec")]
use std::sync::Arc;

use crate::error::IndexError;
#[cfg(feature = "model2vec")]
use crate::text::Model2Vec;
use crate::text::{DIMENSIONS, Features, document_vector, query_vector};

/// The embedder of an index. Vectors of different embedders cannot be compared: an index has one for its whole life.
#[derive(Clone)]
pub enum Embedder {
    /// Signed feature hashing; needs no model.
    HashV1,
    /// Static token vectors from a user's folder.
    #[cfg(feature = "model2vec")]
    Model2Vec(Arc<Model2Vec>),
    /// The caller brings the vectors.
    External { name: String, dimensions: usize },
}

impl Embedder {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::HashV1 => "hash-v1",
            #[cfg(feature = "model2vec")]
            Self::Model2Vec(model) => model.name(),
            Self::External { name, .. } => name,
        }
    }

    #[must_use]
    pub fn dimensions(&self) -> usize {
        match self {
            Self::HashV1 => DIMENSIONS,
            #[cfg(feature = "model2vec")]
            Self::Model2Vec(model) => model.dimensions(),
            Self::External { dimensions, .. } => *dimensions,
        }
    }

    /// Of what is stored; `None` for a text without words.
    #[cfg_attr(
        not(feature = "model2vec"),
        expect(unused_variables, reason = "only a model reads the text")
    )]
    pub(crate) fn document(
        &self,
        id: &str,
        text: &str,
        features: &Features,
    ) -> Result<Option<Vec<f32>>, IndexError> {
        match self {
            Self::HashV1 => Ok(document_vector(features)),
            #[cfg(feature = "model2vec")]
            Self::Model2Vec(model) => model.embed(text),
            Self::External { name, .. } => Err(IndexError::invalid(format!(
                "demonstration {id:?} has no vector; the embedder {name:?} of this index is outside of it"
            ))),
        }
    }

    /// Of a query; `frequency` is the number of stored texts, out of `texts`, that have a feature.
    pub(crate) fn query(
        &self,
        text: &str,
        texts: usize,
        frequency: impl Fn(u64) -> u32,
    ) -> Result<Option<Vec<f32>>, IndexError> {
        match self {
            Self::HashV1 => Ok(query_vector(&Features::of([text]), texts, frequency)),
            #[cfg(feature = "model2vec")]
            Self::Model2Vec(model) => model.embed(text),
            Self::External { name, .. } => Err(IndexError::invalid(format!(
                "the query has no vector; the embedder {name:?} of this index is outside of it"
            ))),
        }
    }
}
