use crate::error::IndexError;
use crate::row_set::RowSet;

/// Where vectors are searched. A tier narrows a shard down to few rows; their scores are then computed exactly, by the
/// same kernel whatever the tier. `FlatTier` misses none of the best, `GraphTier` trades that for time on large shards.
pub trait VectorTier: Send + Sync {
    /// Rows of `passing` that are, or may be, the `k` with the largest inner product with `query`; in no order, never
    /// fewer than `min(k, rows of passing that this tier covers)`.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a query of the wrong dimension, that is not finite, or of length zero.
    fn candidates(&self, query: &[f32], k: usize, passing: &RowSet)
    -> Result<Vec<u32>, IndexError>;
}

/// Length of a vector as f64; refuses what would poison a comparison.
pub(crate) fn checked_norm(vector: &[f32], dimensions: usize) -> Result<f64, IndexError> {
    if vector.len() != dimensions {
        return Err(IndexError::invalid(format!(
            "a vector has {} dimensions; this index has {dimensions}",
            vector.len()
        )));
    }
    if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
        return Err(IndexError::invalid(format!(
            "dimension {at} of a vector is {}; only finite numbers can be compared",
            vector[at]
        )));
    }
    let norm = vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm < crate::hash_embedding::NORM_MIN {
        return Err(IndexError::invalid(
            "a vector of length zero has no direction and cannot be compared",
        ));
    }
    Ok(norm)
}
