//! The Node side: own plain objects, conversion, and nothing clever. Work runs on libuv's pool; a panic becomes an error
//! there as well, because one that left an extern "C" function would end the process.
//!
//! Errors carry a message of the form `CODE: text`; the TypeScript facade turns it into an error with that code.

#![expect(
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    reason = "the callers are JavaScript and read native.d.ts"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Float32Array};
use napi::{Env, Error, Result, Status, Task};
use napi_derive::napi;

use crate::{
    Answer, Column, DIMENSIONS, Demonstration, DemonstrationIndex, Exclusions, Features, Filter,
    Hit, IndexError, IndexOptions, Query, Retriever, VERSION, document_vector,
};

#[napi(object, object_to_js = false)]
pub struct NativeDemonstration {
    pub id: String,
    pub environment: String,
    pub campaign: String,
    pub document: String,
    pub task: String,
    pub episode: String,
    pub kind: String,
    pub replay: String,
    pub models: Vec<String>,
    pub instruction: String,
    pub actions: Vec<String>,
    pub observations: Vec<String>,
    pub summaries: Vec<String>,
    pub tokens: u32,
    pub payload: String,
}

/// `in` (column, values), `and`, `or` (filters) or `not` (filters[0]).
#[napi(object, object_to_js = false)]
pub struct NativeFilter {
    pub operator: String,
    pub column: String,
    pub values: Vec<String>,
    pub filters: Vec<NativeFilter>,
}

#[napi(object, object_to_js = false)]
pub struct NativeExclusions {
    pub demonstrations: Vec<String>,
    pub tasks: Vec<String>,
    pub documents: Vec<String>,
    pub episodes: Vec<String>,
}

#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeQuery {
    pub environment: String,
    pub observation: Option<String>,
    pub query: Option<String>,
    pub observation_based: u32,
    pub model_based: u32,
    pub filter: Option<NativeFilter>,
    pub exclude: NativeExclusions,
    pub per_trajectory_max: u32,
    pub token_budget: u32,
}

#[napi(object, object_from_js = false)]
pub struct NativeHit {
    pub id: String,
    /// -1 where the demonstration as a whole matched.
    pub position: i32,
    #[napi(ts_type = "'observation-exact' | 'observation-bm25' | 'model-dense'")]
    pub retriever: String,
    pub rank: u32,
    pub score: f64,
    pub tokens: u32,
    pub payload: String,
}

#[napi(object, object_from_js = false)]
pub struct NativeAnswer {
    pub hits: Vec<NativeHit>,
    pub duplicate: u32,
    pub per_trajectory: u32,
    pub token_budget: u32,
}

#[napi(object, object_from_js = false)]
pub struct NativeStats {
    pub demonstrations: u32,
    pub environments: Vec<String>,
    pub counts: Vec<u32>,
    pub graph_rows: u32,
}

/// Names every rule that influences an answer.
#[napi(catch_unwind)]
pub fn version() -> String {
    VERSION.to_owned()
}

/// The stored vectors of texts, one after the other; zeros for a text without words.
#[napi(catch_unwind, ts_return_type = "Promise<Float32Array>")]
pub fn embed(texts: Vec<String>) -> AsyncTask<Work<Float32Array>> {
    Work::new(move || {
        let vectors = texts
            .iter()
            .map(|text| document_vector(&Features::of([text.as_str()])));
        let all: Vec<f32> = vectors
            .flat_map(|vector| vector.unwrap_or_else(|| vec![0.0; DIMENSIONS]))
            .collect();
        Ok(Float32Array::new(all))
    })
}

#[napi]
pub struct NativeIndex {
    index: Arc<DemonstrationIndex>,
}

#[napi]
impl NativeIndex {
    #[napi(constructor, catch_unwind)]
    pub fn new(graph_rows_min: u32) -> Self {
        let options = IndexOptions {
            graph_rows_min: graph_rows_min as usize,
            ..IndexOptions::default()
        };
        Self {
            index: Arc::new(DemonstrationIndex::new(options)),
        }
    }

    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn upsert(&self, demonstrations: Vec<NativeDemonstration>) -> AsyncTask<Work<()>> {
        let index = self.index.clone();
        let demonstrations = demonstrations
            .into_iter()
            .map(Demonstration::from)
            .collect();
        Work::new(move || index.upsert(demonstrations))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn remove(&self, ids: Vec<String>) -> AsyncTask<Work<u32>> {
        let index = self.index.clone();
        Work::new(move || index.remove(&ids).map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeAnswer[]>")]
    pub fn search(&self, queries: Vec<NativeQuery>) -> Result<AsyncTask<Work<Vec<NativeAnswer>>>> {
        let index = self.index.clone();
        let queries = queries
            .into_iter()
            .map(Query::try_from)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| to_js(&error))?;
        Ok(Work::new(move || {
            let answers = queries.iter().map(|query| index.search(query));
            answers
                .map(|answer| answer.map(NativeAnswer::from))
                .collect()
        }))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<(string | null)[]>")]
    pub fn get(&self, ids: Vec<String>) -> AsyncTask<Work<Vec<Option<String>>>> {
        let index = self.index.clone();
        Work::new(move || {
            let payloads = index.get(&ids)?;
            Ok(payloads
                .into_iter()
                .map(|found| found.map(|payload| payload.as_ref().to_owned()))
                .collect())
        })
    }

    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn build_graphs(&self) -> AsyncTask<Work<u32>> {
        let index = self.index.clone();
        Work::new(move || index.build_graphs().map(count))
    }

    #[napi(catch_unwind, ts_return_type = "Promise<NativeStats>")]
    pub fn stats(&self) -> AsyncTask<Work<NativeStats>> {
        let index = self.index.clone();
        Work::new(move || {
            let stats = index.stats()?;
            let (environments, counts) = stats
                .by_environment
                .into_iter()
                .map(|(name, rows)| (name, count(rows)))
                .unzip();
            Ok(NativeStats {
                demonstrations: count(stats.demonstrations),
                environments,
                counts,
                graph_rows: count(stats.graph_rows),
            })
        })
    }

    /// Frees the index; every later call fails with `INDEX_CLOSED`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close(&self) -> AsyncTask<Work<()>> {
        let index = self.index.clone();
        Work::new(move || {
            index.close();
            Ok(())
        })
    }
}

type Computation<T> = Box<dyn FnOnce() -> std::result::Result<T, IndexError> + Send>;

/// One computation on libuv's pool.
pub struct Work<T>(Option<Computation<T>>);

impl<T> Work<T> {
    fn new(
        compute: impl FnOnce() -> std::result::Result<T, IndexError> + Send + 'static,
    ) -> AsyncTask<Self>
    where
        Self: Task,
    {
        AsyncTask::new(Self(Some(Box::new(compute))))
    }
}

impl<T> Task for Work<T>
where
    T: Send + napi::bindgen_prelude::ToNapiValue + napi::bindgen_prelude::TypeName + 'static,
{
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> Result<T> {
        let Some(compute) = self.0.take() else {
            return Err(to_js(&IndexError::Corrupt("a task ran twice".into())));
        };
        catch_unwind(AssertUnwindSafe(compute))
            .unwrap_or_else(|_| Err(IndexError::Corrupt("the native index panicked".into())))
            .map_err(|error| to_js(&error))
    }

    fn resolve(&mut self, _: Env, output: T) -> Result<T> {
        Ok(output)
    }
}

fn to_js(error: &IndexError) -> Error {
    Error::new(Status::GenericFailure, format!("{}: {error}", error.code()))
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl From<NativeDemonstration> for Demonstration {
    fn from(native: NativeDemonstration) -> Self {
        Self {
            id: native.id,
            environment: native.environment,
            campaign: native.campaign,
            document: native.document,
            task: native.task,
            episode: native.episode,
            kind: native.kind,
            replay: native.replay,
            models: native.models,
            instruction: native.instruction,
            actions: native.actions,
            observations: native.observations,
            summaries: native.summaries,
            tokens: native.tokens,
            payload: native.payload,
        }
    }
}

impl TryFrom<NativeQuery> for Query {
    type Error = IndexError;

    fn try_from(native: NativeQuery) -> std::result::Result<Self, IndexError> {
        let exclude = native.exclude;
        Ok(Self {
            environment: native.environment,
            observation: native.observation,
            query: native.query,
            observation_based: native.observation_based as usize,
            model_based: native.model_based as usize,
            filter: native.filter.map(filter_of).transpose()?,
            exclude: Exclusions {
                demonstrations: exclude.demonstrations,
                tasks: exclude.tasks,
                documents: exclude.documents,
                episodes: exclude.episodes,
            },
            per_trajectory_max: native.per_trajectory_max as usize,
            token_budget: u64::from(native.token_budget),
        })
    }
}

fn filter_of(native: NativeFilter) -> std::result::Result<Filter, IndexError> {
    let mut filters = native.filters.into_iter().map(filter_of);
    Ok(match native.operator.as_str() {
        "in" => Filter::In(Column::parse(&native.column)?, native.values),
        "and" => Filter::All(filters.collect::<std::result::Result<_, _>>()?),
        "or" => Filter::Any(filters.collect::<std::result::Result<_, _>>()?),
        "not" => {
            let inner = filters
                .next()
                .ok_or_else(|| IndexError::invalid("a `not` filter needs a filter"))?;
            Filter::Not(Box::new(inner?))
        }
        other => {
            return Err(IndexError::invalid(format!(
                "{other:?} is not a filter operator"
            )));
        }
    })
}

impl From<Answer> for NativeAnswer {
    fn from(answer: Answer) -> Self {
        Self {
            hits: answer.hits.into_iter().map(NativeHit::from).collect(),
            duplicate: answer.dropped.duplicate,
            per_trajectory: answer.dropped.per_trajectory,
            token_budget: answer.dropped.token_budget,
        }
    }
}

impl From<Hit> for NativeHit {
    fn from(hit: Hit) -> Self {
        let retriever = match hit.retriever {
            Retriever::ObservationExact => "observation-exact",
            Retriever::ObservationBm25 => "observation-bm25",
            Retriever::ModelDense => "model-dense",
        };
        Self {
            id: hit.id,
            position: hit
                .position
                .map_or(-1, |position| i32::try_from(position).unwrap_or(i32::MAX)),
            retriever: retriever.to_owned(),
            rank: count(hit.rank),
            score: hit.score,
            tokens: hit.tokens,
            payload: hit.payload.as_ref().to_owned(),
        }
    }
}
