//! `Collection` for Node.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{
    Float32Array, Float32ArraySlice, Object, Uint32Array, Uint32ArraySlice,
};
use napi::{Env, Result};
use napi_derive::napi;

use super::answers::{NativeCheckpoint, count, native_stats, vector_answer};
use super::demonstrations::vector_queries;
use super::pool::{Lane, maintain, promise, promise_all, timed, to_js, untimed};
use super::queries::{NativeVectorQuery, sequence_of, storage_of};
use crate::filter::{RowColumns, Schema};
use crate::{Collection, CollectionOptions, CollectionRow, IndexError};

#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeCollectionOptions {
    /// Null: in memory.
    pub folder: Option<String>,
    pub embedder: String,
    pub dimensions: u32,
    pub field: String,
    pub text_columns: Vec<String>,
    pub number_columns: Vec<String>,
    pub graph_rows_min: u32,
    #[napi(ts_type = "'f32' | 'bf16'")]
    pub storage: String,
}

/// Of the ids that are there, one after the other; `areThere` says of each id whether it is.
#[napi(object, object_from_js = false)]
pub struct NativeVectors {
    pub values: Float32Array,
    pub are_there: Vec<bool>,
}

#[napi]
pub struct NativeCollection {
    collection: Arc<Collection>,
    problem: Arc<Mutex<String>>,
}

/// Opens a collection and starts its background work.
#[napi(catch_unwind, ts_return_type = "Promise<NativeCollection>")]
pub fn open_collection(env: &Env, options: NativeCollectionOptions) -> Result<Object<'_>> {
    promise(env, Lane::Write, move || {
        let schema = Schema::of(options.text_columns, options.number_columns)?;
        let folder = options.folder.as_deref().map(Path::new);
        let collection = Arc::new(Collection::open(
            folder,
            CollectionOptions {
                embedder: options.embedder,
                dimensions: options.dimensions as usize,
                field: options.field,
                schema,
                graph_rows_min: options.graph_rows_min as usize,
                storage: storage_of(&options.storage)?,
            },
        )?);
        let fallback = collection.fallback().map(ToString::to_string);
        let problem = Arc::new(Mutex::new(fallback.unwrap_or_default()));
        let (waits, settles, reports) = (collection.clone(), collection.clone(), problem.clone());
        maintain(
            move || waits.wait_for_work(),
            move || settles.tend(),
            move |error| {
                *reports.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
            },
        )?;
        Ok(NativeCollection {
            collection,
            problem,
        })
    })
}

#[napi]
impl NativeCollection {
    /// Of the checkpoint that was opened.
    #[napi(getter, catch_unwind)]
    pub fn sequence(&self) -> f64 {
        super::answers::number(self.collection.sequence())
    }

    /// `text` and `numbers`: per column, one value per row.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn upsert<'env>(
        &self,
        env: &'env Env,
        ids: Vec<String>,
        vectors: Float32Array,
        text: Vec<Vec<Option<String>>>,
        numbers: Vec<Vec<f64>>,
    ) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        // A copy: the caller may change the array while the work waits.
        let vectors = vectors.to_vec();
        promise(env, Lane::Write, move || {
            let dimensions = collection.dimensions();
            check_lengths(&ids, &vectors, dimensions, &text, &numbers)?;
            let rows = ids.into_iter().enumerate().map(|(row, id)| CollectionRow {
                id,
                columns: RowColumns {
                    text: text
                        .iter()
                        .map(|column| column[row].iter().cloned().collect())
                        .collect(),
                    numbers: numbers.iter().map(|column| column[row]).collect(),
                },
                vector: vectors[row * dimensions..(row + 1) * dimensions].to_vec(),
            });
            collection.upsert(rows.collect())
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn remove<'env>(&self, env: &'env Env, ids: Vec<String>) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Write, move || collection.remove(&ids).map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeVectorAnswer>")]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        vectors: Float32Array,
        query: NativeVectorQuery,
    ) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        let queries = vector_queries(&vectors, collection.dimensions(), query)
            .map_err(|error| to_js(&error))?;
        let snapshot = collection.snapshot().map_err(|error| to_js(&error))?;
        promise_all(
            env,
            queries,
            None,
            move |query| timed(|| collection.search_in(&snapshot, query)),
            |answers| {
                let (answers, took) = untimed(answers);
                vector_answer(answers, false, took)
            },
        )
    }

    /// Runs in the calling thread and makes nothing for the garbage collector. Returns how many rows were found.
    #[napi(catch_unwind)]
    pub fn search_into(
        &self,
        vector: Float32ArraySlice<'_>,
        ef: u32,
        mut rows: Uint32ArraySlice<'_>,
        mut scores: Float32ArraySlice<'_>,
    ) -> Result<u32> {
        check_apart(&vector, &rows, &scores).map_err(|error| to_js(&error))?;
        #[expect(unsafe_code, reason = "the results go where the caller wants them")]
        // SAFETY: the three arrays do not overlap, as was just checked, and JavaScript does not run meanwhile; the facade
        // refuses memory that is shared with other threads.
        let (rows, scores) = unsafe { (rows.as_mut(), scores.as_mut()) };
        self.collection
            .search_into(&vector, ef as usize, rows, scores)
            .map(count)
            .map_err(|error| to_js(&error))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<(string | null)[]>")]
    pub fn resolve<'env>(&self, env: &'env Env, rows: Uint32Array) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        let rows = rows.to_vec();
        promise(env, Lane::Query, move || collection.resolve(&rows))
    }

    /// As they are stored.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeVectors>")]
    pub fn vectors<'env>(&self, env: &'env Env, ids: Vec<String>) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Query, move || {
            let vectors = collection.vectors(&ids)?;
            Ok(NativeVectors {
                are_there: vectors.iter().map(Option::is_some).collect(),
                values: Float32Array::new(vectors.into_iter().flatten().flatten().collect()),
            })
        })
    }

    /// Until no background work is left.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn settle<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Build, move || collection.settle().map(count))
    }

    /// One segment with one graph.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn optimise<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Build, move || collection.optimise().map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeCheckpoint>")]
    pub fn checkpoint<'env>(&self, env: &'env Env, sequence: f64) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Write, move || {
            collection
                .checkpoint(sequence_of(sequence)?)
                .map(NativeCheckpoint::from)
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeStats>")]
    pub fn stats<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (collection, problem) = (self.collection.clone(), self.problem.clone());
        promise(env, Lane::Query, move || {
            let problem = problem
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            Ok(native_stats(
                collection.stats()?,
                collection.search_counts(),
                problem,
            ))
        })
    }

    /// Frees the collection; every later call fails with `INDEX_CLOSED`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let collection = self.collection.clone();
        promise(env, Lane::Query, move || {
            collection.close();
            Ok(())
        })
    }
}

fn check_lengths(
    ids: &[String],
    vectors: &[f32],
    dimensions: usize,
    text: &[Vec<Option<String>>],
    numbers: &[Vec<f64>],
) -> std::result::Result<(), IndexError> {
    let rows = ids.len();
    if vectors.len() != rows * dimensions {
        return Err(IndexError::invalid(format!(
            "{} numbers are not {rows} vectors of {dimensions} dimensions",
            vectors.len()
        )));
    }
    let lengths = text
        .iter()
        .map(Vec::len)
        .chain(numbers.iter().map(Vec::len));
    match lengths.into_iter().find(|length| *length != rows) {
        None => Ok(()),
        Some(length) => Err(IndexError::invalid(format!(
            "a column has {length} values for {rows} rows"
        ))),
    }
}

/// Views of one buffer may overlap, which neither the search nor Rust could bear.
fn check_apart(
    vector: &[f32],
    rows: &[u32],
    scores: &[f32],
) -> std::result::Result<(), IndexError> {
    let spans = [
        vector.as_ptr_range().start.addr()..vector.as_ptr_range().end.addr(),
        rows.as_ptr_range().start.addr()..rows.as_ptr_range().end.addr(),
        scores.as_ptr_range().start.addr()..scores.as_ptr_range().end.addr(),
    ];
    let overlap = |left: &std::ops::Range<usize>, right: &std::ops::Range<usize>| {
        left.start < right.end && right.start < left.end
    };
    if overlap(&spans[0], &spans[1])
        || overlap(&spans[0], &spans[2])
        || overlap(&spans[1], &spans[2])
    {
        return Err(IndexError::invalid(
            "vector, rows and scores overlap in one buffer; give each its own",
        ));
    }
    Ok(())
}
