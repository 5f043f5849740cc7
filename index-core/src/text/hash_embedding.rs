//! `hash-v1`: a lexical embedding that needs no model and no download. Words (identifiers split, light stem) and
//! character 3- to 5-grams are hashed with a sign into 1024 dimensions; term frequency is dampened to `1 + ln tf`; the
//! vector is normalised to length one.
//!
//! Inverse document frequency changes with every demonstration that comes or goes. It therefore weighs the *query* only
//! (SMART notation `lnc` for what is stored; Manning et al., Introduction to Information Retrieval, §6.4.3), and does so
//! squared, so that a shared feature counts as if both sides had been weighed. Stored vectors depend on nothing but their
//! own text, never go stale, and are the same on every replica.
//!
//! Requirements: 4.4.hash-v1

use super::features::Features;

pub const DIMENSIONS: usize = 1024;

/// Below this length a vector has no direction.
pub(crate) const NORM_MIN: f64 = 1e-12;

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
    for (hash, count) in features.counts() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::stable_hash::StableHash64;

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
}
