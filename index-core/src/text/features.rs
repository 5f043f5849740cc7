//! Features of `hash-v1`: what a text is made of, as hashes with counts. This is where indexing spends its time, so no
//! gram is ever copied and the sort uses that hashes are evenly distributed.

use super::stable_hash::StableHash64;
use super::tokenizer::each_word;

const GRAM_CHARS_MIN: usize = 3;
const GRAM_CHARS_MAX: usize = 5;

/// Hashed features of a text with their counts, sorted by hash: sums over them have one order and so one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features(Box<[(u64, u32)]>);

impl Features {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hashes = Vec::with_capacity(512);
        let mut padded = Vec::with_capacity(64);
        for text in texts {
            each_word(text, |word| {
                hashes.push(
                    StableHash64::new()
                        .write(b"w")
                        .write(word.stem.as_bytes())
                        .finish(),
                );
                if !word.is_compound {
                    pad(word.text, &mut padded);
                    each_gram(&padded, |gram| hashes.push(gram));
                }
            });
        }
        let sorted = sorted(hashes);
        Self(
            sorted
                .chunk_by(|left, right| left == right)
                .map(|run| (run[0], u32::try_from(run.len()).unwrap_or(u32::MAX)))
                .collect(),
        )
    }

    pub(crate) fn counts(&self) -> &[(u64, u32)] {
        &self.0
    }

    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().map(|(hash, _)| *hash)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One space at either end, so that beginnings and endings of a word are features of their own.
fn pad(word: &str, padded: &mut Vec<u8>) {
    padded.clear();
    padded.push(b' ');
    padded.extend_from_slice(word.as_bytes());
    padded.push(b' ');
}

/// Hashes of the grams of a padded word. All grams with one beginning share the work: the longer continue the shorter.
fn each_gram(padded: &[u8], mut found: impl FnMut(u64)) {
    if padded.is_ascii() {
        for start in 0..padded.len().saturating_sub(GRAM_CHARS_MIN - 1) {
            let end = (start + GRAM_CHARS_MAX).min(padded.len());
            let (first, rest) = padded[start..end].split_at(GRAM_CHARS_MIN);
            let mut hash = StableHash64::new().write(b"g").write(first);
            found(hash.finish());
            for byte in rest {
                hash = hash.write(&[*byte]);
                found(hash.finish());
            }
        }
        return;
    }
    let is_start = |at: usize| padded.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
    for start in (0..padded.len()).filter(|at| is_start(*at)) {
        let mut hash = StableHash64::new().write(b"g");
        let mut characters = 0;
        for at in start..padded.len() {
            hash = hash.write(&padded[at..=at]);
            if is_start(at + 1) {
                characters += 1;
                if characters >= GRAM_CHARS_MIN {
                    found(hash.finish());
                }
                if characters == GRAM_CHARS_MAX {
                    break;
                }
            }
        }
    }
}

/// Below this many an ordinary sort is as fast.
const SPREAD_MIN: usize = 64;
const SPREAD_BITS: u32 = 8;

/// Spreads the hashes by their first bits, which leaves a few for each place, and sorts those.
fn sorted(mut hashes: Vec<u64>) -> Vec<u64> {
    if hashes.len() < SPREAD_MIN {
        hashes.sort_unstable();
        return hashes;
    }
    let place = |hash: u64| (hash >> (u64::BITS - SPREAD_BITS)) as usize;
    let mut ends = [0_usize; 1 << SPREAD_BITS];
    for hash in &hashes {
        ends[place(*hash)] += 1;
    }
    let mut end = 0;
    for next in &mut ends {
        end += std::mem::replace(next, end);
    }
    let mut spread = vec![0; hashes.len()];
    for hash in &hashes {
        let next = &mut ends[place(*hash)];
        spread[*next] = *hash;
        *next += 1;
    }
    let mut start = 0;
    for end in ends {
        spread[start..end].sort_unstable();
        start = end;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in the words of the documentation.
    fn reference(text: &str) -> Vec<(u64, u32)> {
        let mut counts = std::collections::BTreeMap::new();
        let mut count = |kind: &str, feature: &str| {
            let hash = StableHash64::new()
                .write(kind.as_bytes())
                .write(feature.as_bytes())
                .finish();
            *counts.entry(hash).or_insert(0) += 1;
        };
        each_word(text, |word| {
            count("w", word.stem);
            if !word.is_compound {
                let padded: Vec<char> = format!(" {} ", word.text).chars().collect();
                for length in 3..=5 {
                    for gram in padded.windows(length) {
                        count("g", &gram.iter().collect::<String>());
                    }
                }
            }
        });
        counts.into_iter().collect()
    }

    proptest::proptest! {
        #[test]
        fn features_are_what_the_definition_says(
            plain in "[a-zA-Z0-9_ .-]{0,400}",
            any in ".{0,100}",
            scripts in "[aäßİ文ǅ𝒳é0 ]{0,60}",
            repeated in 0_usize..40,
        ) {
            for text in [&plain, &any, &scripts, &"ab ba ".repeat(repeated), &format!("{plain}{scripts}{any}")] {
                let features = Features::of([text.as_str()]);
                proptest::prop_assert_eq!(features.counts(), reference(text));
            }
        }

        #[test]
        fn spreading_sorts(hashes in proptest::collection::vec(proptest::prop_oneof![
            proptest::num::u64::ANY,
            0_u64..50,
        ], 0..300)) {
            let mut expected = hashes.clone();
            expected.sort_unstable();
            proptest::prop_assert_eq!(sorted(hashes), expected);
        }
    }
}
