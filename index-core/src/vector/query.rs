use super::DIMENSIONS_MAX;
use super::kernels::QUERY_PAD;
use super::quantise::codes8;
use crate::error::IndexError;

/// Below this length a vector has no direction.
const NORM_MIN: f64 = 1e-12;

/// A query, checked, of length one, with its codes.
#[derive(Debug, Clone)]
pub struct QueryVector {
    unit: Vec<f32>,
    /// Padded with zeros to a multiple of 128.
    pub(crate) codes: Vec<i8>,
    pub(crate) scale: f32,
    pub(crate) residual: f32,
}

impl QueryVector {
    /// # Errors
    /// `INDEX_INVALID` for a query of the wrong dimension, that is not finite, or of length zero.
    pub fn new(vector: &[f32], dimensions: usize) -> Result<Self, IndexError> {
        let norm = checked_norm(vector, dimensions)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "stored vectors are f32 too"
        )]
        let unit: Vec<f32> = vector
            .iter()
            .map(|value| (f64::from(*value) / norm) as f32)
            .collect();
        let mut codes = vec![0; dimensions.next_multiple_of(QUERY_PAD)];
        let quantised = codes8(&unit, &mut codes[..dimensions]);
        Ok(Self {
            unit,
            codes,
            scale: quantised.scale,
            residual: quantised.residual,
        })
    }

    /// The query, normalised.
    #[must_use]
    pub fn unit(&self) -> &[f32] {
        &self.unit
    }
}

/// Length of a vector as f64; refuses what would poison a comparison.
pub(crate) fn checked_norm(vector: &[f32], dimensions: usize) -> Result<f64, IndexError> {
    if dimensions == 0 || dimensions > DIMENSIONS_MAX {
        return Err(IndexError::invalid(format!(
            "{dimensions} dimensions; an index has 1 to {DIMENSIONS_MAX}"
        )));
    }
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
    if norm < NORM_MIN {
        return Err(IndexError::invalid(
            "a vector of length zero has no direction and cannot be compared",
        ));
    }
    Ok(norm)
}
