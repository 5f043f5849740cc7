//! What goes out over the border, and its conversion.

use napi::bindgen_prelude::{Float32Array, Uint32Array};
use napi_derive::napi;

use crate::storage::FileEntry;
use crate::{
    Answer, Checkpoint, Explanation, Hit, IndexStats, PartExplanation, SearchCounts, VectorAnswer,
};

#[napi(object, object_from_js = false, use_nullable = true)]
pub struct NativeHit {
    pub id: String,
    /// -1 where the demonstration as a whole matched.
    pub position: i32,
    #[napi(ts_type = "'observation-exact' | 'observation-bm25' | 'model-dense'")]
    pub retriever: String,
    pub rank: u32,
    pub score: f64,
    pub fused: Option<f64>,
    /// First and last observation, or nothing for the whole.
    pub window: Vec<u32>,
    pub tokens: u32,
    pub payload: String,
}

#[napi(object, object_from_js = false)]
pub struct NativePart {
    pub rows: u32,
    pub passing: u32,
    #[napi(ts_type = "'skip' | 'exact' | 'graph' | 'fallback'")]
    pub strategy: String,
    pub visited: u32,
}

#[napi(object, object_from_js = false)]
pub struct NativeMicroseconds {
    pub filter: u32,
    pub exact: u32,
    pub lexical: u32,
    pub dense: u32,
    pub select: u32,
}

#[napi(object, object_from_js = false)]
pub struct NativeAnswer {
    pub hits: Vec<NativeHit>,
    pub duplicate: u32,
    pub per_trajectory: u32,
    pub token_budget: u32,
    pub passing: u32,
    pub epoch: String,
    pub parts: Vec<NativePart>,
    pub microseconds: NativeMicroseconds,
}

/// Results of all queries, one after the other; `counts` says how many each has.
#[napi(object, object_from_js = false)]
pub struct NativeVectorAnswer {
    pub ids: Vec<String>,
    pub rows: Uint32Array,
    pub scores: Float32Array,
    pub counts: Uint32Array,
    pub passing: u32,
    pub epoch: String,
    /// Of the first query.
    pub parts: Vec<NativePart>,
    /// What the searches took, added up.
    pub microseconds: u32,
}

/// Beside what a search wrote into the caller's arrays.
#[napi(object, object_from_js = false)]
pub struct NativeFoundIds {
    pub ids: Vec<String>,
    pub passing: u32,
    pub epoch: String,
}

#[napi(object, object_from_js = false)]
pub struct NativeFile {
    pub name: String,
    pub bytes: f64,
    pub checksum: String,
}

#[napi(object, object_from_js = false)]
pub struct NativeCheckpoint {
    pub sequence: f64,
    pub files: Vec<NativeFile>,
}

#[napi(object, object_from_js = false)]
pub struct NativeStats {
    pub rows: u32,
    pub environments: Vec<String>,
    pub counts: Vec<u32>,
    pub segments: u32,
    pub graph_rows: u32,
    pub scan_rows: u32,
    pub dead_rows: u32,
    pub pending_jobs: u32,
    pub repaired: u32,
    pub diverged: u32,
    pub resident_bytes: f64,
    pub mapped_bytes: f64,
    #[napi(ts_type = "'f32' | 'bf16'")]
    pub storage: String,
    pub row_bytes: f64,
    pub epoch: String,
    pub searches_exact: f64,
    pub searches_graph: f64,
    pub searches_fallback: f64,
    pub recall_sampled: f64,
    pub recall_found: f64,
    pub recall_wanted: f64,
    /// Why background work last failed; empty when it did not.
    pub problem: String,
}

pub(crate) fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers are exact up to 2⁵³"
)]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// Empty where no graph took part.
pub(crate) fn epoch_text(epoch: u64) -> String {
    if epoch == 0 {
        String::new()
    } else {
        format!("{epoch:016x}")
    }
}

impl From<Hit> for NativeHit {
    fn from(hit: Hit) -> Self {
        Self {
            id: hit.id,
            position: hit
                .position
                .map_or(-1, |position| i32::try_from(position).unwrap_or(i32::MAX)),
            retriever: hit.retriever.name().to_owned(),
            rank: count(hit.rank),
            score: hit.score,
            fused: hit.fused,
            window: hit
                .window
                .map_or_else(Vec::new, |(from, to)| vec![from, to]),
            tokens: hit.tokens,
            payload: hit.payload,
        }
    }
}

impl From<PartExplanation> for NativePart {
    fn from(part: PartExplanation) -> Self {
        Self {
            rows: count(part.rows),
            passing: count(part.passing),
            strategy: part.strategy.name().to_owned(),
            visited: count(part.visited),
        }
    }
}

impl From<Answer> for NativeAnswer {
    fn from(answer: Answer) -> Self {
        let Explanation { parts, times } = answer.explanation;
        Self {
            hits: answer.hits.into_iter().map(NativeHit::from).collect(),
            duplicate: answer.dropped.duplicate,
            per_trajectory: answer.dropped.per_trajectory,
            token_budget: answer.dropped.token_budget,
            passing: count(answer.passing),
            epoch: epoch_text(answer.epoch),
            parts: parts.into_iter().map(NativePart::from).collect(),
            microseconds: NativeMicroseconds {
                filter: times.filter,
                exact: times.exact,
                lexical: times.lexical,
                dense: times.dense,
                select: times.select,
            },
        }
    }
}

/// `with_ids`: a bare collection resolves them on request.
pub(crate) fn vector_answer(
    answers: Vec<VectorAnswer>,
    with_ids: bool,
    microseconds: u32,
) -> NativeVectorAnswer {
    let counts: Vec<u32> = answers
        .iter()
        .map(|answer| count(answer.ordinals.len()))
        .collect();
    let first = answers.first();
    let (passing, epoch) = first.map_or((0, 0), |answer| (answer.passing, answer.epoch));
    let parts = first.map_or_else(Vec::new, |answer| answer.parts.clone());
    #[expect(clippy::cast_possible_truncation, reason = "cosines")]
    let scores = answers
        .iter()
        .flat_map(|answer| answer.scores.iter().map(|score| *score as f32))
        .collect::<Vec<_>>();
    let rows: Vec<u32> = answers
        .iter()
        .flat_map(|answer| answer.ordinals.iter().copied())
        .collect();
    let ids = if with_ids {
        answers.into_iter().flat_map(|answer| answer.ids).collect()
    } else {
        Vec::new()
    };
    NativeVectorAnswer {
        ids,
        rows: Uint32Array::new(rows),
        scores: Float32Array::new(scores),
        counts: Uint32Array::new(counts),
        passing: count(passing),
        epoch: epoch_text(epoch),
        parts: parts.into_iter().map(NativePart::from).collect(),
        microseconds,
    }
}

/// Scores and counts go into the arrays, whose lengths were checked; the rest is returned.
pub(crate) fn found_ids(
    answers: Vec<VectorAnswer>,
    scores: &mut [f32],
    counts: &mut [u32],
) -> NativeFoundIds {
    let first = answers.first();
    let (passing, epoch) = first.map_or((0, 0), |answer| (answer.passing, answer.epoch));
    let mut ids = Vec::new();
    for (answer, counted) in answers.into_iter().zip(counts) {
        #[expect(clippy::cast_possible_truncation, reason = "cosines")]
        for (place, score) in scores[ids.len()..].iter_mut().zip(&answer.scores) {
            *place = *score as f32;
        }
        *counted = count(answer.ids.len());
        ids.extend(answer.ids);
    }
    NativeFoundIds {
        ids,
        passing: count(passing),
        epoch: epoch_text(epoch),
    }
}

impl From<Checkpoint> for NativeCheckpoint {
    fn from(checkpoint: Checkpoint) -> Self {
        let file = |file: FileEntry| NativeFile {
            bytes: number(file.bytes),
            checksum: file.checksum_hex(),
            name: file.name,
        };
        Self {
            sequence: number(checkpoint.sequence),
            files: checkpoint.files.into_iter().map(file).collect(),
        }
    }
}

pub(crate) fn native_stats(
    stats: IndexStats,
    searches: SearchCounts,
    problem: String,
) -> NativeStats {
    let (environments, counts) = stats
        .by_environment
        .into_iter()
        .map(|(name, rows)| (name, count(rows)))
        .unzip();
    NativeStats {
        rows: count(stats.rows),
        environments,
        counts,
        segments: count(stats.segments),
        graph_rows: count(stats.graph_rows),
        scan_rows: count(stats.scan_rows),
        dead_rows: count(stats.dead_rows),
        pending_jobs: count(stats.pending_jobs),
        repaired: u32::try_from(stats.repaired).unwrap_or(u32::MAX),
        diverged: u32::try_from(stats.diverged).unwrap_or(u32::MAX),
        resident_bytes: number(stats.resident_bytes as u64),
        mapped_bytes: number(stats.mapped_bytes as u64),
        storage: stats.storage.name().to_owned(),
        row_bytes: number(stats.row_bytes as u64),
        epoch: epoch_text(stats.epoch),
        searches_exact: number(searches.exact),
        searches_graph: number(searches.graph),
        searches_fallback: number(searches.fallback),
        recall_sampled: number(stats.recall.sampled),
        recall_found: number(stats.recall.found),
        recall_wanted: number(stats.recall.wanted),
        problem,
    }
}
