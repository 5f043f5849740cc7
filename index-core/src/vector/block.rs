use std::borrow::Cow;
use std::sync::Arc;

use super::UNIT_TOLERANCE;
use super::graph::Graph;
use super::kernels::{CodeRows, LINE, ZERO4, ZERO8};
use super::quantise::{encode, stride4, stride8};
use super::query::{QueryVector, checked_norm};
use super::rows::StoredRows;
use super::section::{Line, Section};
use crate::error::IndexError;
use crate::rank::on_grid;
use crate::row_set::RowSet;
use crate::vector_storage::VectorStorage;

/// Mean length of the 4-bit residuals up to which they are worth reading first; beyond it they exclude too few rows.
const RESIDUAL4_MAX: f32 = 0.25;

/// Vectors of one segment; immutable.
pub struct VectorBlock {
    pub(super) dimensions: usize,
    pub(super) vectors: StoredRows,
    pub(super) codes8: Arc<Section<Line>>,
    pub(super) scales8: Arc<Section<f32>>,
    pub(super) residuals8: Section<f32>,
    pub(super) codes4: Section<Line>,
    pub(super) scales4: Section<f32>,
    pub(super) residuals4: Section<f32>,
    /// The longest residual.
    pub(super) residual8_max: f32,
    pub(super) residual4_max: f32,
    /// Rows that have a vector.
    pub(super) present: RowSet,
    pub(super) reads_codes4: bool,
    pub(super) graph: Option<Graph>,
}

/// What a block takes of memory, and what of it is only mapped from a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryBytes {
    pub resident: usize,
    pub mapped: usize,
    /// Of either, what the rows that scores are made of take; the rest are codes and links.
    pub rows: usize,
}

/// The arrays of a block while it is being put together.
struct Parts {
    dimensions: usize,
    vectors: StoredRows,
    codes8: Vec<Line>,
    codes4: Vec<Line>,
    eight: (Vec<f32>, Vec<f32>),
    four: (Vec<f32>, Vec<f32>),
    present: Vec<bool>,
}

impl Parts {
    fn new(dimensions: usize, storage: VectorStorage, rows: usize) -> Self {
        Self {
            dimensions,
            vectors: StoredRows::new(dimensions, storage, rows),
            codes8: Vec::with_capacity(rows * stride8(dimensions) / LINE),
            codes4: Vec::with_capacity(rows * stride4(dimensions) / LINE),
            eight: (Vec::with_capacity(rows), Vec::with_capacity(rows)),
            four: (Vec::with_capacity(rows), Vec::with_capacity(rows)),
            present: Vec::with_capacity(rows),
        }
    }

    fn push(&mut self, vector: Option<&[f32]>) -> Result<(), IndexError> {
        if let Some(vector) = vector {
            let norm = checked_norm(vector, self.dimensions)?;
            if (norm - 1.0).abs() > UNIT_TOLERANCE {
                return Err(IndexError::invalid(format!(
                    "a stored vector has length {norm}; normalise it to 1"
                )));
            }
        }
        let (at8, at4) = (self.codes8.len(), self.codes4.len());
        self.codes8
            .resize(at8 + stride8(self.dimensions) / LINE, Line::of(ZERO8));
        self.codes4.resize(
            at4 + stride4(self.dimensions) / LINE,
            Line::of(ZERO4 | ZERO4 << 4),
        );
        let (mut eight, mut four) = ((0.0, 0.0), (0.0, 0.0));
        self.vectors.push(vector);
        if vector.is_some() {
            let vector = self.vectors.unit(self.present.len());
            let row8 = bytemuck::cast_slice_mut(&mut self.codes8[at8..]);
            let row4 = bytemuck::cast_slice_mut(&mut self.codes4[at4..]);
            let codes = encode(&vector, row8, row4);
            eight = (codes.0.scale, codes.0.residual);
            four = (codes.1.scale, codes.1.residual);
        }
        self.eight.0.push(eight.0);
        self.eight.1.push(eight.1);
        self.four.0.push(four.0);
        self.four.1.push(four.1);
        self.present.push(vector.is_some());
        Ok(())
    }

    fn copy(&mut self, block: &VectorBlock, row: u32) {
        let at = row as usize;
        self.vectors.copy(&block.vectors, at);
        self.codes8
            .extend_from_slice(bytemuck::cast_slice(block.rows8().row(at)));
        self.codes4
            .extend_from_slice(bytemuck::cast_slice(block.rows4().row(at)));
        self.eight.0.push(block.scales8[at]);
        self.eight.1.push(block.residuals8[at]);
        self.four.0.push(block.scales4[at]);
        self.four.1.push(block.residuals4[at]);
        self.present.push(block.present.contains(row));
    }

    fn finish(self) -> VectorBlock {
        let present = RowSet::of(self.present.len(), |row| self.present[row as usize]);
        VectorBlock {
            dimensions: self.dimensions,
            vectors: self.vectors,
            codes8: Arc::new(Section::Owned(self.codes8)),
            scales8: Arc::new(Section::Owned(self.eight.0)),
            residual8_max: longest(&self.eight.1),
            residuals8: Section::Owned(self.eight.1),
            codes4: Section::Owned(self.codes4),
            scales4: Section::Owned(self.four.0),
            reads_codes4: worth_reading(&self.four.1, present.len()),
            residual4_max: longest(&self.four.1),
            residuals4: Section::Owned(self.four.1),
            present,
            graph: None,
        }
    }
}

/// Whether the 4-bit codes exclude enough rows to pay for a pass of their own.
pub(super) fn worth_reading(residuals4: &[f32], present: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a mean of lengths")]
    let limit = RESIDUAL4_MAX * present as f32;
    residuals4.iter().sum::<f32>() <= limit
}

pub(super) fn longest(residuals: &[f32]) -> f32 {
    residuals
        .iter()
        .fold(0.0, |longest, value| value.max(longest))
}

impl VectorBlock {
    /// `None` is a row that no query finds.
    ///
    /// # Errors
    /// `INDEX_INVALID` for a vector of the wrong dimension, that is not finite, or not of length one (± 10⁻³).
    pub fn from_rows<'a>(
        dimensions: usize,
        storage: VectorStorage,
        rows: impl ExactSizeIterator<Item = Option<&'a [f32]>>,
    ) -> Result<Self, IndexError> {
        if dimensions == 0 || dimensions > super::DIMENSIONS_MAX {
            return Err(IndexError::invalid(format!(
                "{dimensions} dimensions; an index has 1 to {}",
                super::DIMENSIONS_MAX
            )));
        }
        let mut parts = Parts::new(dimensions, storage, rows.len());
        for row in rows {
            parts.push(row)?;
        }
        Ok(parts.finish())
    }

    /// The listed rows of `parts`, in this order; codes are copied, graphs are not.
    ///
    /// Rows that a part does not have, and parts of another dimension or storage, are left without a vector.
    #[must_use]
    pub fn concat(
        dimensions: usize,
        storage: VectorStorage,
        parts: &[(&VectorBlock, &[u32])],
    ) -> Self {
        let rows = parts.iter().map(|(_, rows)| rows.len()).sum();
        let mut joined = Parts::new(dimensions, storage, rows);
        for (block, rows) in parts {
            let is_alike = block.dimensions == dimensions && block.storage() == storage;
            for row in *rows {
                if is_alike && (*row as usize) < block.len() {
                    joined.copy(block, *row);
                } else {
                    // A row without a vector is never refused.
                    let _ = joined.push(None);
                }
            }
        }
        joined.finish()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.scales8.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How the rows are kept.
    #[must_use]
    pub fn storage(&self) -> VectorStorage {
        self.vectors.storage()
    }

    /// Whether the row has a vector.
    #[must_use]
    pub fn has(&self, row: u32) -> bool {
        self.present.contains(row)
    }

    /// Rows that have a vector.
    #[must_use]
    pub fn present(&self) -> &RowSet {
        &self.present
    }

    /// As it is stored: of length 1, but for rounding to bf16, which changes it by up to 2⁻⁸. Empty for a row without a
    /// vector.
    #[must_use]
    pub fn vector(&self, row: u32) -> Cow<'_, [f32]> {
        if self.has(row) {
            self.vectors.row(row as usize)
        } else {
            Cow::Borrowed(&[])
        }
    }

    /// Cosine with the stored row, on the grid; zero for a row without a vector.
    #[must_use]
    pub fn score(&self, query: &QueryVector, row: u32) -> f64 {
        self.cosine(query.unit(), row)
    }

    /// Cosine of a row and one of another block, on the grid; zero where one has no vector.
    #[must_use]
    pub fn similarity(&self, row: u32, (block, other): (&Self, u32)) -> f64 {
        if self.has(row) {
            block.cosine(&self.vectors.unit(row as usize), other)
        } else {
            0.0
        }
    }

    fn cosine(&self, unit: &[f32], row: u32) -> f64 {
        if self.has(row) {
            on_grid(self.vectors.dot(unit, row as usize))
        } else {
            0.0
        }
    }

    /// Asks for a row that has a vector from memory without waiting.
    pub(super) fn prefetch(&self, row: u32) {
        self.vectors.prefetch(row as usize);
    }

    /// A graph that was not built of these rows is dropped.
    #[must_use]
    pub fn with_graph(mut self, graph: Graph) -> Self {
        self.graph = graph.is_of(&self.present, self.len()).then_some(graph);
        self
    }

    #[must_use]
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    #[must_use]
    pub fn memory(&self) -> MemoryBytes {
        let rows = self.vectors.bytes();
        let codes = self.codes8.bytes().len() + self.codes4.bytes().len();
        let graph = self.graph.as_ref().map_or(0, Graph::bytes);
        let resident = codes + graph + self.len() * 16 + self.len().div_ceil(8);
        if self.vectors.is_shared() {
            MemoryBytes {
                resident,
                mapped: rows,
                rows,
            }
        } else {
            MemoryBytes {
                resident: resident + rows,
                mapped: 0,
                rows,
            }
        }
    }

    /// Whether all of `rows` certainly have a vector, so that the two sets need not be joined.
    pub(super) fn is_within(&self, rows: &RowSet) -> bool {
        let last = || rows.words().last().copied().unwrap_or(0);
        let has_spare_bits = rows.words().len() * 64 > self.len();
        self.present.len() == self.len()
            && rows.words().len() <= self.present.words().len()
            && (!has_spare_bits || last() >> (self.len() % 64) == 0)
    }

    pub(super) fn rows8(&self) -> CodeRows<'_> {
        CodeRows {
            bytes: self.codes8.bytes(),
            stride: stride8(self.dimensions),
        }
    }

    pub(super) fn rows4(&self) -> CodeRows<'_> {
        CodeRows {
            bytes: self.codes4.bytes(),
            stride: stride4(self.dimensions),
        }
    }
}
