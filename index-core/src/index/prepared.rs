//! A row on its way into a shard, with everything computed that does not depend on other rows, so that it happens
//! outside of the writer's lock.

use crate::error::IndexError;
use crate::filter::{RowColumns, Schema};
use crate::index::demonstration::Likeness;
use crate::lexical::UnitTerms;
use crate::text::Features;

/// Longest id or column value, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 256;
/// Largest vectors: four times what embedding services return.
const DIMENSIONS_MAX: usize = 16_384;
/// Length of a vector may differ from 1 by this much: f32 sums of thousands of squares.
const UNIT_TOLERANCE: f64 = 1e-3;

#[derive(Debug, Clone)]
pub(crate) struct PreparedRow {
    pub(crate) id: String,
    pub(crate) columns: RowColumns,
    /// Per field; `None` where the row has nothing to embed.
    pub(crate) vectors: Vec<Option<Vec<f32>>>,
    /// Rows of a bare collection have none.
    pub(crate) text: Option<PreparedText>,
}

#[derive(Debug, Clone)]
pub(crate) struct PreparedText {
    /// Returned with every hit; never looked into.
    pub(crate) payload: String,
    pub(crate) observation_hashes: Vec<Option<u128>>,
    /// Per observation.
    pub(crate) units: Vec<UnitTerms>,
    pub(crate) features: Features,
    pub(crate) dense_text: String,
    pub(crate) likeness: Likeness,
    /// Of the text form: what stands above the first step, then each step.
    pub(crate) tokens: Vec<u32>,
}

/// # Errors
/// `INDEX_INVALID` for none and for more than 16,384.
pub(crate) fn check_dimensions(dimensions: usize) -> Result<(), IndexError> {
    if (1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Ok(());
    }
    Err(IndexError::invalid(format!(
        "{dimensions} dimensions; 1 to {DIMENSIONS_MAX} are allowed"
    )))
}

/// # Errors
/// `INDEX_INVALID` naming the row and what is wrong with it.
pub(crate) fn check_row(
    schema: &Schema,
    dimensions: &[usize],
    row: &PreparedRow,
) -> Result<(), IndexError> {
    check_name(&row.id, "id", &row.id)?;
    if row.columns.text.len() != schema.text().len()
        || row.columns.numbers.len() != schema.numbers().len()
        || row.vectors.len() != dimensions.len()
    {
        return Err(IndexError::invalid(format!(
            "{:?} does not have the columns and vectors of the index",
            row.id
        )));
    }
    for (column, values) in schema.text().iter().zip(&row.columns.text) {
        for value in values {
            check_name(&row.id, column, value)?;
        }
        if values.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(IndexError::invalid(format!(
                "{:?} has values of {column} that are not sorted",
                row.id
            )));
        }
    }
    for (column, value) in schema.numbers().iter().zip(&row.columns.numbers) {
        if !value.is_finite() {
            return Err(IndexError::invalid(format!(
                "{:?} has the {column} {value}; it must be finite",
                row.id
            )));
        }
    }
    for (vector, dimensions) in row.vectors.iter().zip(dimensions) {
        if let Some(vector) = vector {
            check_unit(&row.id, vector, *dimensions)?;
        }
    }
    Ok(())
}

fn check_name(id: &str, column: &str, value: &str) -> Result<(), IndexError> {
    if value.is_empty() || value.len() > NAME_BYTES_MAX {
        let shown: String = id.chars().take(64).collect();
        return Err(IndexError::invalid(format!(
            "{shown:?} has a {column} of {} bytes; 1 to {NAME_BYTES_MAX} are allowed",
            value.len()
        )));
    }
    Ok(())
}

fn check_unit(id: &str, vector: &[f32], dimensions: usize) -> Result<(), IndexError> {
    if vector.len() != dimensions {
        return Err(IndexError::invalid(format!(
            "{id:?} has a vector of {} dimensions, not {dimensions}",
            vector.len()
        )));
    }
    let norm = vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    if (norm - 1.0).abs() <= UNIT_TOLERANCE {
        return Ok(());
    }
    Err(IndexError::invalid(format!(
        "{id:?} has a vector of length {norm}; it must be 1"
    )))
}

/// Scales a vector to length 1.
///
/// # Errors
/// `INDEX_INVALID` for a wrong dimension, a component that is not finite (named), or a vector of length 0.
pub(crate) fn unit_vector(
    name: &str,
    vector: &[f32],
    dimensions: usize,
) -> Result<Vec<f32>, IndexError> {
    if vector.len() != dimensions {
        return Err(IndexError::invalid(format!(
            "the vector of {name} has {} dimensions, not {dimensions}",
            vector.len()
        )));
    }
    if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
        return Err(IndexError::invalid(format!(
            "component {at} of the vector of {name} is {}",
            vector[at]
        )));
    }
    let norm = vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm < 1e-12 {
        return Err(IndexError::invalid(format!(
            "the vector of {name} has length 0 and so no direction"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a quotient of magnitude at most 1"
    )]
    Ok(vector
        .iter()
        .map(|value| (f64::from(*value) / norm) as f32)
        .collect())
}
