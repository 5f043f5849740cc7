//! Static embeddings of a model2vec model in a folder: one vector per token, their mean is the vector of a
//! text. Needs `model.safetensors` (tensor `embeddings`, or `0` or `embedding.weight`; optionally `weights` per token and
//! `mapping` from token to vector), `tokenizer.json` and `config.json`. Nothing is ever downloaded.
//!
//! Texts are cut as model2vec cuts them: to 512 times the median length of a token, and then to 512 tokens, of which
//! unknown ones do not count. The index compares directions, so a vector has length one even where `normalize` in
//! `config.json` is false.

mod tensors;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::{ModelWrapper, Tokenizer};

use self::tensors::Tensors;
use crate::error::IndexError;
use crate::text::hash_embedding::NORM_MIN;

const MODEL_FILE: &str = "model.safetensors";
const TOKENIZER_FILE: &str = "tokenizer.json";
const CONFIG_FILE: &str = "config.json";

/// Tokens of a text beyond this are ignored, as in model2vec's own `encode`.
const TOKENS_MAX: usize = 512;

/// Bytes of the hash in the model's name: enough to tell a user's models apart, short enough to read.
const NAME_BYTES: usize = 8;

pub struct Model2Vec {
    name: String,
    tokenizer: Tokenizer,
    unknown: Option<u32>,
    text_chars_max: usize,
    tensors: Tensors,
}

impl Model2Vec {
    /// # Errors
    /// `Invalid`, naming the file and the reason, where the folder holds no model that can be used.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let read = |name| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|reason| unusable(&path, reason))
        };
        let (model, config) = (read(MODEL_FILE)?, read(CONFIG_FILE)?);
        let path = folder.join(MODEL_FILE);
        let tensors = Tensors::read(&model).map_err(|reason| unusable(&path, reason))?;
        check_config(&config, tensors.dimensions())
            .map_err(|reason| unusable(&folder.join(CONFIG_FILE), reason))?;
        let path = folder.join(TOKENIZER_FILE);
        let tokenizer = read_tokenizer(&read(TOKENIZER_FILE)?, &tensors);
        let (tokenizer, median_chars) = tokenizer.map_err(|reason| unusable(&path, reason))?;
        let unknown = unknown_token(&tokenizer).map_err(|reason| unusable(&path, reason))?;
        Ok(Self {
            name: name_of(&model),
            tokenizer,
            unknown,
            text_chars_max: median_chars.saturating_mul(TOKENS_MAX),
            tensors,
        })
    }

    /// Names the vectors: `model2vec/` and the first 16 hexadecimal digits of the model file's SHA-256.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.tensors.dimensions()
    }

    /// Unit vector of a text; `None` where it has no token that the model knows.
    ///
    /// # Errors
    /// `Invalid` where the tokenizer cannot read the text.
    pub fn embed(&self, text: &str) -> Result<Option<Vec<f32>>, IndexError> {
        let end = text
            .char_indices()
            .nth(self.text_chars_max)
            .map_or(text.len(), |(at, _)| at);
        let encoding = self
            .tokenizer
            .encode_fast(&text[..end], false)
            .map_err(|reason| IndexError::invalid(format!("{}: {reason}", self.name)))?;
        let tokens = encoding
            .get_ids()
            .iter()
            .filter(|token| Some(**token) != self.unknown)
            .take(TOKENS_MAX);
        let mut sums = vec![0_f64; self.dimensions()];
        for token in tokens {
            self.tensors.add(*token, &mut sums);
        }
        Ok(unit(&sums))
    }
}

/// The mean has the direction of the sum.
fn unit(sums: &[f64]) -> Option<Vec<f32>> {
    let norm = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    if !norm.is_finite() || norm < NORM_MIN {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "stored vectors are f32 by definition"
    )]
    let unit = sums.iter().map(|sum| (sum / norm) as f32).collect();
    Some(unit)
}

fn unusable(path: &Path, reason: impl Display) -> IndexError {
    IndexError::invalid(format!("{}: {reason}", path.display()))
}

fn name_of(model: &[u8]) -> String {
    let mut name = String::from("model2vec/");
    for byte in Sha256::digest(model).iter().take(NAME_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

fn check_config(bytes: &[u8], dimensions: usize) -> Result<(), String> {
    let config: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|reason| reason.to_string())?;
    if let Some(normalize) = config.get("normalize").filter(|value| !value.is_boolean()) {
        return Err(format!("normalize is {normalize}, not true or false"));
    }
    match config.get("hidden_dim").and_then(serde_json::Value::as_u64) {
        Some(stated) if stated != dimensions as u64 => Err(format!(
            "hidden_dim is {stated}, but the vectors have {dimensions} dimensions"
        )),
        _ => Ok(()),
    }
}

/// The tokenizer without padding and truncation of its own, and the median length of its tokens in characters.
fn read_tokenizer(bytes: &[u8], tensors: &Tensors) -> Result<(Tokenizer, usize), String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|reason| reason.to_string())?;
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(|reason| reason.to_string())?;
    let vocabulary = tokenizer.get_vocab(true);
    if let Some((token, id)) = vocabulary.iter().find(|(_, id)| !tensors.has(**id)) {
        return Err(format!(
            "token {token:?} has number {id}, for which {MODEL_FILE} has no vector"
        ));
    }
    let mut lengths: Vec<usize> = vocabulary
        .keys()
        .map(|token| token.chars().count())
        .collect();
    lengths.sort_unstable();
    let middle = |at: usize| lengths.get(at).copied().unwrap_or(1);
    let median = usize::midpoint(
        middle(lengths.len().saturating_sub(1) / 2),
        middle(lengths.len() / 2),
    );
    Ok((tokenizer, median.max(1)))
}

/// Number of the token that stands for what the vocabulary lacks.
fn unknown_token(tokenizer: &Tokenizer) -> Result<Option<u32>, String> {
    let token = match tokenizer.get_model() {
        ModelWrapper::WordPiece(model) => Some(&model.unk_token),
        ModelWrapper::WordLevel(model) => Some(&model.unk_token),
        ModelWrapper::BPE(model) => model.unk_token.as_ref(),
        ModelWrapper::Unigram(model) => {
            // The crate keeps the number private, but writes it.
            let written = serde_json::to_value(model).map_err(|reason| reason.to_string())?;
            let id = written.get("unk_id").and_then(serde_json::Value::as_u64);
            return Ok(id.and_then(|id| u32::try_from(id).ok()));
        }
    };
    Ok(token.and_then(|token| tokenizer.token_to_id(token)))
}
