use crate::bm25::UnitTerms;
use crate::error::IndexError;
use crate::hash_embedding::{Features, document_vector};
use crate::observation_hash::observation_hash;
use crate::stable_hash::{StableHash64, stable_hash128};
use crate::tokenizer::each_word;

/// Longest id or column value, in bytes.
const NAME_BYTES_MAX: usize = 256;
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
    pub instruction: String,
    /// Text forms of the actions in order.
    pub actions: Vec<String>,
    /// Text forms of `o_0 … o_n`.
    pub observations: Vec<String>,
    /// What each step changed, in words; embedded together with the instruction.
    pub summaries: Vec<String>,
    /// Size of the demonstration's text form in the caller's unit.
    pub tokens: u32,
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
}

/// A demonstration with everything computed that does not depend on the rest of the corpus, so that it happens outside
/// of the writer's lock.
pub(crate) struct Prepared {
    pub(crate) source: Demonstration,
    pub(crate) observation_hashes: Vec<Option<u128>>,
    pub(crate) units: Vec<UnitTerms>,
    pub(crate) features: Features,
    /// `None` where instruction and summaries have no word at all.
    pub(crate) vector: Option<Vec<f32>>,
    pub(crate) likeness: Likeness,
}

impl Prepared {
    pub(crate) fn new(source: Demonstration) -> Result<Self, IndexError> {
        check(&source)?;
        let features = Features::of([source.dense_text().as_str()]);
        Ok(Self {
            observation_hashes: source
                .observations
                .iter()
                .map(|text| observation_hash(text))
                .collect(),
            units: source
                .observations
                .iter()
                .map(|text| UnitTerms::of(text))
                .collect(),
            vector: document_vector(&features),
            likeness: Likeness::of(&source),
            features,
            source,
        })
    }
}

fn check(source: &Demonstration) -> Result<(), IndexError> {
    let names = [
        ("id", &source.id),
        ("environment", &source.environment),
        ("campaign", &source.campaign),
        ("document", &source.document),
        ("task", &source.task),
        ("episode", &source.episode),
        ("kind", &source.kind),
        ("replay", &source.replay),
    ];
    for (column, value) in names
        .into_iter()
        .chain(source.models.iter().map(|model| ("model", model)))
    {
        if value.is_empty() || value.len() > NAME_BYTES_MAX {
            return Err(IndexError::invalid(format!(
                "demonstration {:?} has a {column} of {} bytes; 1 to {NAME_BYTES_MAX} are allowed",
                source.id,
                value.len()
            )));
        }
    }
    if source.observations.len() > OBSERVATIONS_MAX {
        return Err(IndexError::invalid(format!(
            "demonstration {:?} has {} observations; at most {OBSERVATIONS_MAX} are allowed",
            source.id,
            source.observations.len()
        )));
    }
    Ok(())
}

/// What decides whether two demonstrations teach the same thing.
#[derive(Debug, Clone)]
pub(crate) struct Likeness {
    actions: u128,
    /// Distinct words of the instruction, hashed and sorted.
    instruction: Box<[u64]>,
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

    /// The same actions in the same order under instructions whose words overlap by at least four fifths (Jaccard).
    pub(crate) fn is_duplicate_of(&self, other: &Self) -> bool {
        self.actions == other.actions
            && jaccard(&self.instruction, &other.instruction) >= INSTRUCTION_JACCARD_MIN
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
