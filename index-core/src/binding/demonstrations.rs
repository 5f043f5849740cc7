//! `DemonstrationIndex` for Node.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Float32ArraySlice, Object, Uint32ArraySlice};
use napi::{Env, Result};
use napi_derive::napi;

use super::answers::{
    NativeAnswer, NativeCheckpoint, NativeFoundIds, count, found_ids, native_stats, vector_answer,
};
use super::graphs::{NativeGraphNews, NativeGraphOrder, fingerprint_of, shown_text};
use super::pool::{Lane, maintain, promise, promise_all, timed, to_js, until, untimed};
use super::queries::{
    NativeExclusions, NativeQuery, NativeVectorQuery, filter_of, mode_of, sequence_of, storage_of,
};
use super::rows::demonstrations_of;
use crate::index::vector_query::VECTORS_MAX;
use crate::text::Model2Vec;
use crate::{
    DemonstrationIndex, Embedder, GraphOrder, GraphSchedule, IndexError, IndexOptions, Query,
    ShardOptions, VectorQuery,
};

#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeIndexOptions {
    /// Null: in memory.
    pub folder: Option<String>,
    pub graph_rows_min: u32,
    /// Whether `beginGraph` and `showGraph` decide which graphs there are, instead of the index itself.
    pub graphs_follow_log: bool,
    /// `hash-v1`; `model2vec:<folder>`; anything else names an embedder outside of the index.
    pub embedder: String,
    /// Of an embedder outside of the index.
    pub dimensions: u32,
    #[napi(ts_type = "'f32' | 'bf16'")]
    pub storage: String,
}

#[napi]
pub struct NativeIndex {
    index: Arc<DemonstrationIndex>,
    problem: Arc<Mutex<String>>,
}

/// Opens an index and starts its background work.
#[napi(catch_unwind, ts_return_type = "Promise<NativeIndex>")]
pub fn open_index(env: &Env, options: NativeIndexOptions) -> Result<Object<'_>> {
    promise(env, Lane::Write, move || {
        let embedder = match options.embedder.strip_prefix("model2vec:") {
            Some(folder) => Embedder::Model2Vec(Arc::new(Model2Vec::open(Path::new(folder))?)),
            None if options.embedder == "hash-v1" => Embedder::HashV1,
            None => Embedder::External {
                name: options.embedder,
                dimensions: options.dimensions as usize,
            },
        };
        let index_options = IndexOptions {
            shard: ShardOptions {
                graph_rows_min: options.graph_rows_min as usize,
            },
            embedder,
            storage: storage_of(&options.storage)?,
            graphs: if options.graphs_follow_log {
                GraphSchedule::Log
            } else {
                GraphSchedule::Own
            },
        };
        let folder = options.folder.as_deref().map(Path::new);
        let index = Arc::new(DemonstrationIndex::open(folder, index_options)?);
        let fallback = index.fallback().map(ToString::to_string);
        let problem = Arc::new(Mutex::new(fallback.unwrap_or_default()));
        let (waits, settles, reports) = (index.clone(), index.clone(), problem.clone());
        maintain(
            move || waits.wait_for_work(),
            move || settles.tend(),
            move |error| {
                *reports.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
            },
        )?;
        Ok(NativeIndex { index, problem })
    })
}

#[napi]
impl NativeIndex {
    /// Names every rule that influences an answer.
    #[napi(getter, catch_unwind)]
    pub fn version(&self) -> String {
        self.index.version().to_owned()
    }

    /// Of the checkpoint that was opened.
    #[napi(getter, catch_unwind)]
    pub fn sequence(&self) -> f64 {
        super::answers::number(self.index.sequence())
    }

    #[napi(getter, catch_unwind)]
    pub fn embedder(&self) -> String {
        self.index.embedder().name().to_owned()
    }

    /// How rows are kept.
    #[napi(getter, catch_unwind, ts_return_type = "'f32' | 'bf16'")]
    pub fn storage(&self) -> String {
        self.index.storage().name().to_owned()
    }

    #[napi(getter, catch_unwind)]
    pub fn dimensions(&self) -> u32 {
        count(self.index.embedder().dimensions())
    }

    /// `rows`: JSON, arrays of `NativeDemonstration` of `native-values.ts`. `vectors`: of all rows, where the embedder is
    /// outside of the index; otherwise none. `sequences`: of all rows in the log; none where there is no log.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn upsert<'env>(
        &self,
        env: &'env Env,
        rows: Vec<String>,
        vectors: Float32ArraySlice<'_>,
        sequences: Vec<f64>,
    ) -> Result<Object<'env>> {
        let index = self.index.clone();
        // A copy: the caller may change the array while the work waits.
        let vectors = vectors.to_vec();
        promise(env, Lane::Write, move || {
            let dimensions = index.embedder().dimensions();
            let demonstrations = demonstrations_of(&rows, &vectors, dimensions)?;
            if sequences.is_empty() {
                return index.upsert(demonstrations);
            }
            let sequences = sequences.into_iter().map(sequence_of);
            index.upsert_at(
                demonstrations,
                &sequences.collect::<std::result::Result<Vec<_>, _>>()?,
            )
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn remove<'env>(&self, env: &'env Env, ids: Vec<String>) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Write, move || index.remove(&ids).map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeAnswer[]>")]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        queries: Vec<NativeQuery>,
        within_ms: Option<f64>,
    ) -> Result<Object<'env>> {
        let index = self.index.clone();
        let queries = queries
            .into_iter()
            .map(Query::try_from)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| to_js(&error))?;
        promise_all(
            env,
            queries,
            until(within_ms),
            move |query| index.search(query),
            |answers| {
                answers
                    .into_iter()
                    .map(NativeAnswer::from)
                    .collect::<Vec<_>>()
            },
        )
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeVectorAnswer>")]
    pub fn search_vectors<'env>(
        &self,
        env: &'env Env,
        environment: String,
        vectors: Float32ArraySlice<'_>,
        query: NativeVectorQuery,
        within_ms: Option<f64>,
    ) -> Result<Object<'env>> {
        let index = self.index.clone();
        let dimensions = index.embedder().dimensions();
        let queries = vector_queries(&vectors, dimensions, query).map_err(|error| to_js(&error))?;
        let snapshot = index
            .snapshot_of(&environment)
            .map_err(|error| to_js(&error))?;
        promise_all(
            env,
            queries,
            until(within_ms),
            move |query| timed(|| index.search_vectors_in(snapshot.as_ref(), query)),
            |answers| {
                let (answers, took) = untimed(answers);
                vector_answer(answers, true, took)
            },
        )
    }

    /// In the calling thread, which waits: for searches that take less time than the way to another thread and back.
    /// `scores` has room for `k` hits of each query, `counts` for how many each has.
    #[napi(catch_unwind)]
    pub fn search_vectors_here(
        &self,
        environment: String,
        vectors: Float32ArraySlice<'_>,
        query: NativeVectorQuery,
        mut scores: Float32ArraySlice<'_>,
        mut counts: Uint32ArraySlice<'_>,
    ) -> Result<NativeFoundIds> {
        let k = query.k as usize;
        let queries = vector_queries(&vectors, self.index.embedder().dimensions(), query)
            .and_then(|queries| check_room(queries, k, (&scores, &counts)))
            .map_err(|error| to_js(&error))?;
        let snapshot = self
            .index
            .snapshot_of(&environment)
            .map_err(|error| to_js(&error))?;
        let answers = queries
            .iter()
            .map(|query| self.index.search_vectors_in(snapshot.as_ref(), query))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| to_js(&error))?;
        #[expect(unsafe_code, reason = "the results go where the caller wants them")]
        // SAFETY: the facade makes both arrays for this call, each with memory of its own, and JavaScript does not run
        // meanwhile.
        let (scores, counts) = unsafe { (scores.as_mut(), counts.as_mut()) };
        Ok(found_ids(
            answers.into_iter().flatten().collect(),
            scores,
            counts,
        ))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<(string | null)[]>")]
    pub fn get<'env>(&self, env: &'env Env, ids: Vec<String>) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Query, move || index.get(&ids))
    }

    /// What the log should be told of graphs.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeGraphNews[]>")]
    pub fn graph_news<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Query, move || {
            let news = index.graph_news()?.into_iter();
            Ok(news.map(NativeGraphNews::from).collect::<Vec<_>>())
        })
    }

    /// For an entry of the log. `at` is its sequence, `after` that which its writer had applied. `false`: another was first,
    /// or nothing is there.
    #[napi(catch_unwind, ts_return_type = "Promise<boolean>")]
    pub fn begin_graph<'env>(
        &self,
        env: &'env Env,
        order: NativeGraphOrder,
        at: f64,
    ) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Write, move || {
            let after = sequence_of(order.after)?;
            let graph = GraphOrder {
                from: order.from,
                to: order.to,
                has_graph: order.has_graph,
                after,
            };
            index.begin_graph(&order.environment, &graph, sequence_of(at)?)
        })
    }

    /// `absent`; `awaited`, where it is not built yet; or `searched`.
    #[napi(
        catch_unwind,
        ts_return_type = "Promise<'absent' | 'awaited' | 'searched'>"
    )]
    pub fn show_graph<'env>(
        &self,
        env: &'env Env,
        environment: String,
        begun_at: f64,
        fingerprint: String,
    ) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Write, move || {
            let expected = fingerprint_of(&fingerprint)?;
            let shown = index.show_graph(&environment, sequence_of(begun_at)?, Some(expected))?;
            Ok(shown_text(shown).to_owned())
        })
    }

    /// Until no background work is left.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn settle<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Build, move || index.settle().map(count))
    }

    /// One segment and one graph per environment.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn optimise<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Build, move || index.optimise().map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeCheckpoint>")]
    pub fn checkpoint<'env>(&self, env: &'env Env, sequence: f64) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Write, move || {
            index
                .checkpoint(sequence_of(sequence)?)
                .map(NativeCheckpoint::from)
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeStats>")]
    pub fn stats<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (index, problem) = (self.index.clone(), self.problem.clone());
        promise(env, Lane::Query, move || {
            let problem = problem
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            Ok(native_stats(index.stats()?, index.search_counts(), problem))
        })
    }

    /// Frees the index; every later call fails with `INDEX_CLOSED`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let index = self.index.clone();
        promise(env, Lane::Query, move || {
            index.close();
            Ok(())
        })
    }
}

/// One question per vector, so that all threads take part.
pub(super) fn vector_queries(
    vectors: &[f32],
    dimensions: usize,
    query: NativeVectorQuery,
) -> std::result::Result<Vec<VectorQuery>, IndexError> {
    if !vectors.len().is_multiple_of(dimensions) || vectors.len() / dimensions > VECTORS_MAX {
        return Err(IndexError::invalid(format!(
            "{} numbers are no vectors of {dimensions} dimensions, at most {VECTORS_MAX}",
            vectors.len()
        )));
    }
    let filter = query.filter.map(filter_of).transpose()?;
    let exclude = exclusions(query.exclude);
    let mode = mode_of(&query.mode)?;
    let one = |vector: &[f32]| VectorQuery {
        vectors: vector.to_vec(),
        k: query.k as usize,
        expansion: query.ef.map(|ef| ef as usize),
        filter: filter.clone(),
        exclude: exclude.clone(),
        mode,
    };
    Ok(vectors.chunks_exact(dimensions).map(one).collect())
}

fn check_room(
    queries: Vec<VectorQuery>,
    k: usize,
    (scores, counts): (&[f32], &[u32]),
) -> std::result::Result<Vec<VectorQuery>, IndexError> {
    if counts.len() == queries.len() && scores.len() == queries.len().saturating_mul(k) {
        return Ok(queries);
    }
    Err(IndexError::invalid(format!(
        "arrays of {} scores and {} counts are not those of {} queries for {k} hits",
        scores.len(),
        counts.len(),
        queries.len()
    )))
}

fn exclusions(native: NativeExclusions) -> crate::Exclusions {
    native.into()
}
