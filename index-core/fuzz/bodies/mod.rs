//! What the fuzz targets for whole indexes do with their input; `tests/fuzzed.rs` runs the same with random input. Each
//! must return whatever the input is: a typed error is an answer, a panic is a fault.

mod index_folder;
mod input;
mod queries;
mod sample;
mod vectors;

pub(crate) use index_folder::index_folder;
pub(crate) use queries::queries;
pub(crate) use vectors::vectors;
