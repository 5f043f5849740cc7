use crate::text::stable_hash::StableHash64;
use crate::text::tokenizer::each_word;

/// A term is known by its 64-bit hash: among ten million distinct words the chance that any two share one is below
/// 10⁻⁵, and two that do merely count as one word.
fn term_hash(stem: &str) -> u64 {
    StableHash64::new().write(stem.as_bytes()).finish()
}

/// Term counts of one observation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitTerms {
    /// Ascending by hash, each hash once.
    counts: Box<[(u64, u32)]>,
    length: u32,
}

impl UnitTerms {
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut hashes = Vec::new();
        each_word(text, |word| hashes.push(term_hash(word.stem)));
        hashes.sort_unstable();
        Self {
            length: u32::try_from(hashes.len()).unwrap_or(u32::MAX),
            counts: hashes
                .chunk_by(|left, right| left == right)
                .map(|run| (run[0], u32::try_from(run.len()).unwrap_or(u32::MAX)))
                .collect(),
        }
    }

    /// Words of the observation, repetitions included.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    pub(crate) fn counts(&self) -> &[(u64, u32)] {
        &self.counts
    }
}

/// One distinct word of a query. Terms are summed in an order that ends with the text, so the text is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryTerm {
    pub(crate) hash: u64,
    pub(crate) text: Box<str>,
}

/// Distinct words of a query, by hash; of two words with one hash the first in the order of their text.
pub(crate) fn query_terms(text: &str) -> Vec<QueryTerm> {
    let mut terms: Vec<QueryTerm> = Vec::new();
    each_word(text, |word| {
        terms.push(QueryTerm {
            hash: term_hash(word.stem),
            text: word.stem.into(),
        });
    });
    terms.sort_unstable_by(|left, right| (left.hash, &left.text).cmp(&(right.hash, &right.text)));
    terms.dedup_by_key(|term| term.hash);
    terms
}
