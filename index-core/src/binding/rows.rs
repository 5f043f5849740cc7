//! Demonstrations as they come over the border: as JSON, because reading twenty properties of each would take the event
//! loop longer than writing them as one text, and a text is read on the thread that indexes.

use serde::Deserialize;

use crate::{Demonstration, IndexError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    id: String,
    environment: String,
    campaign: String,
    document: String,
    task: String,
    episode: String,
    kind: String,
    replay: String,
    models: Vec<String>,
    benchmark: Option<String>,
    application: Option<String>,
    split: Option<String>,
    utility: f64,
    instruction: String,
    actions: Vec<String>,
    observations: Vec<String>,
    summaries: Vec<String>,
    tokens: Vec<u32>,
    payload: String,
}

/// `texts`: arrays of rows, one after the other. `vectors`: of all rows, where the embedder is outside of the index; otherwise none.
///
/// # Errors
/// `INDEX_INVALID` for what is no array of rows, and for another number of vectors than of rows.
pub(crate) fn demonstrations_of(
    texts: &[String],
    vectors: &[f32],
    dimensions: usize,
) -> Result<Vec<Demonstration>, IndexError> {
    let mut rows: Vec<Row> = Vec::new();
    for text in texts {
        let more: Vec<Row> = serde_json::from_str(text)
            .map_err(|error| IndexError::invalid(format!("a row is malformed: {error}")))?;
        rows.extend(more);
    }
    if vectors.is_empty() {
        return Ok(rows.into_iter().map(|row| row.with(None)).collect());
    }
    if vectors.len() != rows.len().saturating_mul(dimensions) {
        return Err(IndexError::invalid(format!(
            "{} numbers are not {} vectors of {dimensions} dimensions",
            vectors.len(),
            rows.len()
        )));
    }
    let each = vectors.chunks_exact(dimensions);
    Ok(rows
        .into_iter()
        .zip(each)
        .map(|(row, vector)| row.with(Some(vector.to_vec())))
        .collect())
}

impl Row {
    fn with(self, vector: Option<Vec<f32>>) -> Demonstration {
        Demonstration {
            id: self.id,
            environment: self.environment,
            campaign: self.campaign,
            document: self.document,
            task: self.task,
            episode: self.episode,
            kind: self.kind,
            replay: self.replay,
            models: self.models,
            benchmark: self.benchmark,
            application: self.application,
            split: self.split,
            utility: self.utility,
            instruction: self.instruction,
            actions: self.actions,
            observations: self.observations,
            summaries: self.summaries,
            tokens: self.tokens,
            vector,
            payload: self.payload,
        }
    }
}
