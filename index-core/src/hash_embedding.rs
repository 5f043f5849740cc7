//! `hash-v1`: a lexical embedding that needs no model and no download. Words (identifiers split, light stem) and
//! character 3- to 5-grams are hashed with a sign into 1024 dimensions; term frequency is dampened to `1 + ln tf`; the
//! vector is normalised to length one.
//!
//! Inverse document frequency changes with every demonstration that comes or goes. It therefore weighs the *query* only
//! (SMART notation `lnc` for what is stored; Manning et al., Introduction to Information Retrieval, §6.4.3), and does so
//! squared, so that a shared feature counts as if both sides had been weighed. Stored vectors depend on nothing but their
//! own text, never go stale, and are the same on every replica.

use std::collections::HashMap;

use crate::stable_hash::StableHash64;
use crate::tokenizer::each_word;

pub const DIMENSIONS: usize = 1024;

/// Below this length a vector has no direction.
pub(crate) const NORM_MIN: f64 = 1e-12;

const GRAM_CHARS: std::ops::RangeInclusive<usize> = 3..=5;

/// Hashed features of a text with their counts, sorted by hash: sums over them have one order and so one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features(Box<[(u64, u32)]>);

impl Features {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hashes = Vec::new();
        for text in texts {
            each_word(text, |word| {
                hashes.push(
                    StableHash64::new()
                        .write(b"w")
                        .write(word.stem.as_bytes())
                        .finish(),
                );
                if !word.is_compound {
                    each_gram(word.text, |gram| {
                        hashes.push(StableHash64::new().write(b"g").write(gram).finish());
                    });
                }
            });
        }
        hashes.sort_unstable();
        Self(
            hashes
                .chunk_by(|left, right| left == right)
                .map(|run| (run[0], u32::try_from(run.len()).unwrap_or(u32::MAX)))
                .collect(),
        )
    }

    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|(hash, _)| *hash)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Grams of a word with one space at either end, so that beginnings and endings are features of their own.
fn each_gram(word: &str, mut found: impl FnMut(&[u8])) {
    let padded = format!(" {word} ");
    let starts: Vec<usize> = padded
        .char_indices()
        .map(|(at, _)| at)
        .chain([padded.len()])
        .collect();
    for length in GRAM_CHARS {
        for window in starts.windows(length + 1) {
            found(&padded.as_bytes()[window[0]..window[length]]);
        }
    }
}

/// Unit vector of a stored text; `None` where the text has no feature.
#[must_use]
pub fn document_vector(features: &Features) -> Option<Vec<f32>> {
    project(features, |_| Some(1.0))
}

/// Unit vector of a query; `None` where no demonstration has any of its features. `frequency` is the number of stored
/// texts, out of `texts`, that have a feature; features that none has would only add noise and are left out.
pub fn query_vector(
    features: &Features,
    texts: usize,
    frequency: impl Fn(u64) -> u32,
) -> Option<Vec<f32>> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a shard holds fewer than 2³² texts"
    )]
    let texts = texts as f64;
    project(features, |hash| match frequency(hash) {
        0 => None,
        found => Some((((texts + 1.0) / (f64::from(found) + 1.0)).ln() + 1.0).powi(2)),
    })
}

fn project(features: &Features, weight: impl Fn(u64) -> Option<f64>) -> Option<Vec<f32>> {
    let mut sums = vec![0_f64; DIMENSIONS];
    for (hash, count) in &features.0 {
        let Some(weight) = weight(*hash) else {
            continue;
        };
        let value = (1.0 + f64::from(*count).ln()) * weight;
        let dimension = usize::try_from(hash % DIMENSIONS as u64).unwrap_or_default();
        sums[dimension] += if hash >> 63 == 0 { value } else { -value };
    }
    let norm = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    if norm < NORM_MIN {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "stored vectors are f32 by definition"
    )]
    let unit = sums.iter().map(|sum| (sum / norm) as f32).collect();
    Some(unit)
}

/// Numbers of stored texts by feature.
#[derive(Debug, Default)]
pub(crate) struct Frequencies(HashMap<u64, u32>);

impl Frequencies {
    pub(crate) fn add(&mut self, features: &Features) {
        for hash in features.hashes() {
            *self.0.entry(hash).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, features: &Features) {
        for hash in features.hashes() {
            if let Some(count) = self.0.get_mut(&hash) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(&hash);
                }
            }
        }
    }

    pub(crate) fn get(&self, hash: u64) -> u32 {
        self.0.get(&hash).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(text: &str) -> Vec<f32> {
        document_vector(&Features::of([text])).unwrap()
    }

    fn cosine(left: &[f32], right: &[f32]) -> f32 {
        left.iter().zip(right).map(|(a, b)| a * b).sum()
    }

    /// Computed by an independent implementation; a change here is a new version of the embedding.
    #[test]
    fn the_golden_vector_of_one_word_never_changes() {
        let component = 1.0 / 7_f32.sqrt();
        let expected = [
            (183, 1.0_f32),
            (522, -1.0_f32),
            (714, 1.0_f32),
            (722, -1.0_f32),
            (747, -1.0_f32),
            (884, 1.0_f32),
            (924, 1.0_f32),
        ];
        for (dimension, value) in (0..).zip(vector("git")) {
            let wanted = expected
                .iter()
                .find(|(at, _)| *at == dimension)
                .map_or(0.0, |(_, sign)| sign * component);
            assert!(
                (value - wanted).abs() < 1e-7,
                "dimension {dimension}: {value}, not {wanted}"
            );
        }
    }

    #[test]
    fn related_texts_are_nearer_than_unrelated_ones() {
        let stored = vector("Create an annotated tag v1.0 for the last commit");
        let near = cosine(
            &stored,
            &vector("tagging the latest commits with an annotation"),
        );
        let far = cosine(&stored, &vector("install the package from a local folder"));
        assert!(near > 0.25 && near > 2.0 * far, "near {near}, far {far}");
    }

    #[test]
    fn a_text_without_words_has_no_vector() {
        for text in ["", " \n", "--- !!! ...", "\u{0}\u{feff}"] {
            assert!(document_vector(&Features::of([text])).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_query_ignores_features_that_no_text_has_and_prefers_rare_ones() {
        let features = Features::of(["git"]);
        assert!(query_vector(&features, 10, |_| 0).is_none());
        let common = StableHash64::new().write(b"wgit").finish();
        let query = query_vector(
            &features,
            1_000,
            |hash| if hash == common { 1_000 } else { 1 },
        )
        .unwrap();
        let dimension = usize::try_from(common % DIMENSIONS as u64).unwrap();
        assert!(query.iter().enumerate().all(|(at, value)| at == dimension
            || *value == 0.0
            || value.abs() > query[dimension].abs()));
    }

    #[test]
    fn what_was_counted_is_uncounted() {
        let (one, two) = (Features::of(["git tag"]), Features::of(["git log"]));
        let mut frequencies = Frequencies::default();
        frequencies.add(&one);
        frequencies.add(&two);
        frequencies.remove(&one);
        assert!(two.hashes().all(|hash| frequencies.get(hash) == 1));
        frequencies.remove(&two);
        assert!(frequencies.0.is_empty());
    }
}
