use crate::error::IndexError;
use crate::filter::Schema;
use crate::index::columns::columns_of;
use crate::index::embedder::Embedder;
use crate::index::prepared::{PreparedRow, PreparedText, check_row, unit_vector};
use crate::index::selection::tokens_len;
use crate::lexical::UnitTerms;
use crate::text::{Features, StableHash64, each_word, observation_hash, stable_hash128};

const OBSERVATIONS_MAX: usize = 10_000;

/// What the index must know of a demonstration, and the whole of it as the caller wrote it.
#[derive(Debug, Clone, Default)]
pub struct Demonstration {
    pub id: String,
    pub environment: String,
    pub campaign: String,
    pub document: String,
    pub task: String,
    pub episode: String,
    pub kind: String,
    pub replay: String,
    /// Every model that took part; a filter on `model` passes if any of them fits.
    pub models: Vec<String>,
    pub benchmark: Option<String>,
    /// Site or application.
    pub application: Option<String>,
    pub split: Option<String>,
    /// How much it is worth, 0 to 1.
    pub utility: f64,
    pub instruction: String,
    /// Text forms of the actions in order.
    pub actions: Vec<String>,
    /// Text forms of `o_0 … o_n`.
    pub observations: Vec<String>,
    /// What each step changed, in words; embedded together with the instruction.
    pub summaries: Vec<String>,
    /// Sizes in the caller's unit: the whole text form; what every window has (instruction, answer); each observation;
    /// each action with its reason. A single number means that windows are not counted.
    pub tokens: Vec<u32>,
    /// Where the index has an embedder outside of it; zeros for a text without words.
    pub vector: Option<Vec<f32>>,
    /// Returned with every hit, from the same state of the index; never looked into.
    pub payload: String,
}

impl Demonstration {
    /// What the dense retriever compares with a query: the instruction and what its steps changed.
    pub(crate) fn dense_text(&self) -> String {
        [&self.instruction]
            .into_iter()
            .chain(&self.summaries)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A closing answer is an action without an observation, and no step.
    pub(crate) fn steps(&self) -> usize {
        self.observations.len().saturating_sub(1)
    }

    /// # Errors
    /// `INDEX_INVALID` naming the demonstration and the rule that it breaks.
    pub(crate) fn prepare(
        self,
        schema: &Schema,
        embedder: &Embedder,
    ) -> Result<PreparedRow, IndexError> {
        self.check()?;
        let dense_text = self.dense_text();
        let features = Features::of([dense_text.as_str()]);
        let likeness = Likeness::of(&self);
        let vector = match &self.vector {
            // An embedder outside of the index has no vector for a text without words.
            Some(vector) if vector.iter().all(|value| *value == 0.0) => None,
            Some(vector) => Some(unit_vector(&self.id, vector, embedder.dimensions())?),
            None => embedder.document(&self.id, &dense_text, &features)?,
        };
        let row = PreparedRow {
            columns: columns_of(&self, likeness.actions),
            vectors: vec![vector],
            text: Some(PreparedText {
                observation_hashes: self
                    .observations
                    .iter()
                    .map(|text| observation_hash(text))
                    .collect(),
                units: self
                    .observations
                    .iter()
                    .map(|text| UnitTerms::of(text))
                    .collect(),
                features,
                dense_text,
                likeness,
                tokens: self.tokens,
                payload: self.payload,
            }),
            id: self.id,
        };
        check_row(schema, &[embedder.dimensions()], &row)?;
        Ok(row)
    }

    fn check(&self) -> Result<(), IndexError> {
        let invalid = |what: String| {
            Err(IndexError::invalid(format!(
                "demonstration {:?} has {what}",
                self.id
            )))
        };
        if self.observations.len() > OBSERVATIONS_MAX {
            return invalid(format!(
                "{} observations; at most {OBSERVATIONS_MAX} are allowed",
                self.observations.len()
            ));
        }
        let tokens = tokens_len(self.steps());
        if self.tokens.len() != 1 && self.tokens.len() != tokens {
            return invalid(format!(
                "{} token counts; 1 or {tokens} are needed",
                self.tokens.len(),
            ));
        }
        if !(0.0..=1.0).contains(&self.utility) {
            return invalid(format!(
                "the utility {}; it must lie between 0 and 1",
                self.utility
            ));
        }
        Ok(())
    }
}

/// What decides whether two demonstrations teach the same thing.
#[derive(Debug, Clone)]
pub(crate) struct Likeness<I = Box<[u64]>> {
    pub(crate) actions: u128,
    /// Distinct words of the instruction, hashed and sorted.
    pub(crate) instruction: I,
}

/// Share of common words above which two instructions are near-duplicates.
const INSTRUCTION_JACCARD_MIN: f64 = 0.8;

impl Likeness {
    pub(crate) fn of(source: &Demonstration) -> Self {
        let lengths: Vec<[u8; 8]> = source
            .actions
            .iter()
            .map(|text| (text.len() as u64).to_le_bytes())
            .collect();
        let actions = stable_hash128(
            source
                .actions
                .iter()
                .zip(&lengths)
                .flat_map(|(text, length)| [length.as_slice(), text.as_bytes()]),
        );
        let mut instruction = Vec::new();
        each_word(&source.instruction, |word| {
            instruction.push(StableHash64::new().write(word.stem.as_bytes()).finish());
        });
        instruction.sort_unstable();
        instruction.dedup();
        Self {
            actions,
            instruction: instruction.into(),
        }
    }
}

impl<I: AsRef<[u64]>> Likeness<I> {
    /// The same actions in the same order under instructions whose words overlap by at least four fifths (Jaccard).
    pub(crate) fn is_duplicate_of(&self, other: &Self) -> bool {
        self.actions == other.actions
            && jaccard(self.instruction.as_ref(), other.instruction.as_ref())
                >= INSTRUCTION_JACCARD_MIN
    }
}

/// Of two sorted sets; two empty sets are equal.
#[expect(
    clippy::cast_precision_loss,
    reason = "instructions have far fewer than 2⁵² words"
)]
fn jaccard(left: &[u64], right: &[u64]) -> f64 {
    let common = left
        .iter()
        .filter(|word| right.binary_search(word).is_ok())
        .count();
    let all = left.len() + right.len() - common;
    if all == 0 {
        1.0
    } else {
        common as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(instruction: &str, actions: &[&str]) -> Likeness {
        Likeness::of(&Demonstration {
            instruction: instruction.into(),
            actions: actions.iter().map(|&text| text.into()).collect(),
            ..Demonstration::default()
        })
    }

    #[test]
    fn near_duplicates_have_equal_actions_and_almost_equal_instructions() {
        let one = likeness("Create the folder docs in the project", &["mkdir docs"]);
        assert!(one.is_duplicate_of(&likeness(
            "create the folder 'docs' in the projects.",
            &["mkdir docs"]
        )));
        assert!(!one.is_duplicate_of(&likeness(
            "Create the folder docs in the project",
            &["mkdir -p docs"]
        )));
        assert!(!one.is_duplicate_of(&likeness("Where do documents go?", &["mkdir docs"])));
    }

    #[test]
    fn where_one_action_ends_and_the_next_begins_matters() {
        assert!(!likeness("x", &["ab", "c"]).is_duplicate_of(&likeness("x", &["a", "bc"])));
    }
}
