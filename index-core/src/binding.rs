//! The Node side: own plain objects, conversion, and nothing clever. Work runs on threads of our own; a panic becomes an
//! error, because one that left an extern "C" function would end the process.

#![expect(
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "the callers are JavaScript, which hands values over and reads native.d.ts"
)]

pub mod answers;
pub mod collection;
pub mod demonstrations;
pub mod graphs;
mod pool;
pub mod queries;
mod rows;

use std::path::Path;

use napi::bindgen_prelude::{Float32Array, Object};
use napi::{Env, Result};
use napi_derive::napi;

use crate::text::{DIMENSIONS, Features, document_vector};
use pool::{Lane, promise};

/// Version of the sources that this library was built from; the facade refuses a library of another one.
#[napi(catch_unwind)]
pub fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The stored `hash-v1` vectors of texts, one after the other; zeros for a text without words.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
pub fn embed(env: &Env, texts: Vec<String>) -> Result<Object<'_>> {
    promise(env, Lane::Query, move || {
        let vectors = texts
            .iter()
            .map(|text| document_vector(&Features::of([text.as_str()])));
        let all: Vec<f32> = vectors
            .flat_map(|vector| vector.unwrap_or_else(|| vec![0.0; DIMENSIONS]))
            .collect();
        Ok(Float32Array::new(all))
    })
}

/// Deletes the index in a folder, and nothing else that is there.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn discard(env: &Env, folder: String) -> Result<Object<'_>> {
    promise(env, Lane::Write, move || {
        crate::storage::discard(Path::new(&folder))
    })
}
