//! The rows that scores are made of, as they are stored. A search reads few of them, so of a file they are only mapped.

use std::borrow::Cow;

use super::bf16::Bf16;
use super::kernels::{exact_dot, exact_dot_bf16, prefetch};
use super::section::{Section, SharedBytes};
use crate::error::IndexError;
use crate::vector_storage::VectorStorage;

const F32: &str = "vectors";
const BF16: &str = "vectors-bf16";
const LENGTHS: &str = "lengths";

/// How far the length of a rounded row may be from one: 2⁻⁸ by rounding, and what the vector was off before.
const ROUNDED_TOLERANCE: f32 = 1.0 / 128.0;

/// Rows of `dimensions` components each; zeros for a row without a vector.
pub(super) struct StoredRows {
    dimensions: usize,
    values: Values,
}

enum Values {
    F32(Section<f32>),
    /// Rounding changes the length of a row, by which scores are divided: they are cosines with the rounded row, and its
    /// own is 1.
    Bf16 {
        values: Section<Bf16>,
        lengths: Section<f32>,
    },
}

impl StoredRows {
    pub(super) fn new(dimensions: usize, storage: VectorStorage, rows: usize) -> Self {
        let values = match storage {
            VectorStorage::F32 => {
                Values::F32(Section::Owned(Vec::with_capacity(rows * dimensions)))
            }
            VectorStorage::Bf16 => Values::Bf16 {
                values: Section::Owned(Vec::with_capacity(rows * dimensions)),
                lengths: Section::Owned(Vec::with_capacity(rows)),
            },
        };
        Self { dimensions, values }
    }

    pub(super) fn storage(&self) -> VectorStorage {
        match &self.values {
            Values::F32(_) => VectorStorage::F32,
            Values::Bf16 { .. } => VectorStorage::Bf16,
        }
    }

    /// A vector of length one, or a row without one.
    pub(super) fn push(&mut self, vector: Option<&[f32]>) {
        let dimensions = self.dimensions;
        match (&mut self.values, vector) {
            (Values::F32(values), Some(vector)) => values.to_mut().extend_from_slice(vector),
            (Values::F32(values), None) => grow(values.to_mut(), dimensions, 0.0),
            (Values::Bf16 { values, lengths }, Some(vector)) => {
                let values = values.to_mut();
                values.extend(vector.iter().map(|value| Bf16::round(*value)));
                let length = length_of(&values[values.len() - dimensions..]);
                lengths.to_mut().push(length);
            }
            (Values::Bf16 { values, lengths }, None) => {
                grow(values.to_mut(), dimensions, Bf16::round(0.0));
                lengths.to_mut().push(1.0);
            }
        }
    }

    /// A row of others as it is stored there; it is rounded again only where the storage is another.
    pub(super) fn copy(&mut self, other: &Self, row: usize) {
        match (&mut self.values, &other.values) {
            (
                Values::Bf16 { values, lengths },
                Values::Bf16 {
                    values: from,
                    lengths: other_lengths,
                },
            ) => {
                values
                    .to_mut()
                    .extend_from_slice(&from[other.range_of(row)]);
                lengths.to_mut().push(other_lengths[row]);
            }
            _ => self.push(Some(&other.unit(row))),
        }
    }

    /// As it is stored.
    pub(super) fn row(&self, row: usize) -> Cow<'_, [f32]> {
        let range = self.range_of(row);
        match &self.values {
            Values::F32(values) => Cow::Borrowed(&values[range]),
            Values::Bf16 { values, .. } => {
                Cow::Owned(values[range].iter().map(|value| value.widen()).collect())
            }
        }
    }

    /// What scores are the inner products with: of length one.
    pub(super) fn unit(&self, row: usize) -> Cow<'_, [f32]> {
        let mut unit = self.row(row);
        if let Values::Bf16 { lengths, .. } = &self.values {
            for value in unit.to_mut() {
                *value /= lengths[row];
            }
        }
        unit
    }

    /// The inner product with a row's unit vector.
    #[inline]
    pub(super) fn dot(&self, query: &[f32], row: usize) -> f64 {
        let range = self.range_of(row);
        match &self.values {
            Values::F32(values) => exact_dot(query, &values[range]),
            Values::Bf16 { values, lengths } => {
                exact_dot_bf16(query, &values[range]) / f64::from(lengths[row])
            }
        }
    }

    /// Asks for a row from memory without waiting.
    #[inline]
    pub(super) fn prefetch(&self, row: usize) {
        let range = self.range_of(row);
        match &self.values {
            Values::F32(values) => prefetch(&values[range]),
            Values::Bf16 { values, lengths } => {
                prefetch(&values[range]);
                prefetch(&lengths[row..=row]);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match &self.values {
            Values::F32(values) => values.bytes().len(),
            Values::Bf16 { values, lengths } => values.bytes().len() + lengths.bytes().len(),
        }
    }

    /// Whether the rows are those of a file, which may be mapped.
    pub(super) fn is_shared(&self) -> bool {
        match &self.values {
            Values::F32(values) => values.is_shared(),
            Values::Bf16 { values, .. } => values.is_shared(),
        }
    }

    pub(super) fn to_sections(&self) -> Vec<(&'static str, Cow<'_, [u8]>)> {
        match &self.values {
            Values::F32(values) => vec![(F32, Cow::Borrowed(values.bytes()))],
            Values::Bf16 { values, lengths } => vec![
                (BF16, Cow::Borrowed(values.bytes())),
                (LENGTHS, Cow::Borrowed(lengths.bytes())),
            ],
        }
    }

    /// # Errors
    /// `INDEX_CORRUPT` for sections of another length, and for what is no length of a row.
    pub(super) fn from_sections(
        dimensions: usize,
        storage: VectorStorage,
        rows: usize,
        find: impl Fn(&str) -> Result<SharedBytes, IndexError>,
    ) -> Result<Self, IndexError> {
        let length = rows * dimensions;
        let values = match storage {
            VectorStorage::F32 => Values::F32(Section::of(F32, find(F32)?, length)?),
            VectorStorage::Bf16 => Values::Bf16 {
                values: Section::of(BF16, find(BF16)?, length)?,
                lengths: Section::of(LENGTHS, find(LENGTHS)?, rows)?,
            },
        };
        if let Values::Bf16 { lengths, .. } = &values {
            let is_length = |length: &f32| (length - 1.0).abs() <= ROUNDED_TOLERANCE;
            if !lengths.iter().all(is_length) {
                return Err(IndexError::Corrupt(format!(
                    "section {LENGTHS} holds what is no length of a row"
                )));
            }
        }
        Ok(Self { dimensions, values })
    }

    #[inline]
    fn range_of(&self, row: usize) -> std::ops::Range<usize> {
        row * self.dimensions..(row + 1) * self.dimensions
    }
}

fn grow<T: Clone>(values: &mut Vec<T>, by: usize, with: T) {
    values.resize(values.len() + by, with);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what is divided by is what is stored"
)]
fn length_of(row: &[Bf16]) -> f32 {
    let square = |value: &Bf16| f64::from(value.widen()).powi(2);
    row.iter().map(square).sum::<f64>().sqrt() as f32
}
