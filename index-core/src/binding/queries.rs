//! What comes in over the border, and its conversion.

use napi::bindgen_prelude::Float32Array;
use napi_derive::napi;

use crate::{Exclusions, Filter, IndexError, Query, Ranking, SearchMode, VectorStorage, Window};

/// `in` (column, values), `range` (column, min, max), `and`, `or` (filters) or `not` (filters[0]).
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeFilter {
    pub operator: String,
    pub column: String,
    pub values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
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
pub struct NativeRanking {
    /// Reciprocal rank fusion instead of the paper's order.
    pub is_fused: bool,
    pub rrf_k: u32,
    pub mmr_lambda: Option<f64>,
    pub utility_weight: f64,
}

#[napi(object, object_to_js = false)]
pub struct NativeWindow {
    pub before: u32,
    pub after: u32,
}

#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeQuery {
    pub environment: String,
    pub observation: Option<String>,
    pub query: Option<String>,
    pub vector: Option<Float32Array>,
    pub observation_based: u32,
    pub model_based: u32,
    pub filter: Option<NativeFilter>,
    pub exclude: NativeExclusions,
    pub per_trajectory_max: u32,
    pub token_budget: u32,
    pub ranking: NativeRanking,
    pub window: Option<NativeWindow>,
    #[napi(ts_type = "'auto' | 'exact' | 'graph'")]
    pub mode: String,
}

#[napi(object, object_to_js = false, use_nullable = true)]
pub struct NativeVectorQuery {
    pub k: u32,
    pub ef: Option<u32>,
    pub filter: Option<NativeFilter>,
    pub exclude: NativeExclusions,
    #[napi(ts_type = "'auto' | 'exact' | 'graph'")]
    pub mode: String,
}

/// # Errors
/// `INDEX_INVALID` for a number that is no whole number up to 2⁵³.
pub(crate) fn sequence_of(value: f64) -> Result<u64, IndexError> {
    if value.fract() != 0.0 || !(0.0..=9_007_199_254_740_991.0).contains(&value) {
        return Err(IndexError::invalid(format!(
            "{value} is no sequence of a stream"
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Ok(value as u64)
}

pub(crate) fn mode_of(mode: &str) -> Result<SearchMode, IndexError> {
    match mode {
        "auto" => Ok(SearchMode::Auto),
        "exact" => Ok(SearchMode::Exact),
        "graph" => Ok(SearchMode::Graph),
        _ => Err(IndexError::invalid(format!(
            "{mode:?} is no search mode: auto, exact or graph"
        ))),
    }
}

pub(crate) fn storage_of(name: &str) -> Result<VectorStorage, IndexError> {
    VectorStorage::of_name(name)
        .ok_or_else(|| IndexError::invalid(format!("{name:?} is no storage of rows; f32 or bf16")))
}

pub(crate) fn filter_of(native: NativeFilter) -> Result<Filter, IndexError> {
    let mut filters = native.filters.into_iter().map(filter_of);
    Ok(match native.operator.as_str() {
        "in" => Filter::In(native.column, native.values),
        "range" => Filter::Range(native.column, native.min, native.max),
        "and" => Filter::All(filters.collect::<Result<_, _>>()?),
        "or" => Filter::Any(filters.collect::<Result<_, _>>()?),
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

impl From<NativeExclusions> for Exclusions {
    fn from(native: NativeExclusions) -> Self {
        Self {
            demonstrations: native.demonstrations,
            tasks: native.tasks,
            documents: native.documents,
            episodes: native.episodes,
        }
    }
}

impl From<NativeRanking> for Ranking {
    fn from(native: NativeRanking) -> Self {
        if native.is_fused {
            Self::Fused {
                rrf_k: native.rrf_k,
                mmr_lambda: native.mmr_lambda,
                utility_weight: native.utility_weight,
            }
        } else {
            Self::Paper
        }
    }
}

impl TryFrom<NativeQuery> for Query {
    type Error = IndexError;

    fn try_from(native: NativeQuery) -> Result<Self, IndexError> {
        Ok(Self {
            environment: native.environment,
            observation: native.observation,
            query: native.query,
            vector: native.vector.map(|vector| vector.to_vec()),
            observation_based: native.observation_based as usize,
            model_based: native.model_based as usize,
            filter: native.filter.map(filter_of).transpose()?,
            exclude: native.exclude.into(),
            per_trajectory_max: native.per_trajectory_max as usize,
            token_budget: u64::from(native.token_budget),
            ranking: native.ranking.into(),
            window: native.window.map(|window| Window {
                before: window.before as usize,
                after: window.after as usize,
            }),
            mode: mode_of(&native.mode)?,
        })
    }
}
