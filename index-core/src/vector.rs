//! Vectors of one segment. A block holds each row three times: as f32 or bf16, as 8-bit codes and as 4-bit codes. Codes are
//! read first because a scan is bound by memory; what they leave out is known per row, so an exact search discards a row only
//! on proof. A graph over the 8-bit codes may be added for large blocks.
//!
//! Whatever the way to a row, its score is the exact inner product with the stored row, `kernels::exact_dot` or
//! `exact_dot_bf16`, on the grid of `rank`, hence the same on every machine.

mod best;
mod bf16;
mod block;
mod graph;
mod graph_build;
mod kernels;
mod quantise;
mod query;
mod refine;
mod rows;
mod scan;
mod section;
mod stored;
#[cfg(test)]
mod tests;
mod walk;

pub use crate::row_set::Passing;
pub use block::{MemoryBytes, VectorBlock};
pub use graph::{BuildReport, Graph, GraphOptions};
pub use kernels::exact_dot;
pub use query::QueryVector;
pub use refine::{Scored, Visited};
pub use section::SharedBytes;
pub use walk::Breadth;

/// A row of codes then takes 16 KiB, and an inner product of codes stays far within i32.
pub const DIMENSIONS_MAX: usize = 16_384;

/// How far the length of a stored vector may be from one.
pub(crate) const UNIT_TOLERANCE: f64 = 1e-3;
