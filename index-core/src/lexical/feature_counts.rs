//! In how many texts of a segment each `hash-v1` feature occurs: what a query's idf weights are computed from.

use std::ops::Deref;

use super::section::Section;
use super::sorted_hashes;
use crate::error::IndexError;
use crate::text::Features;

const HASHES: &str = "features.hashes";
const COUNTS: &str = "features.counts";

/// Numbers of texts by feature. Never changes.
#[derive(Default)]
pub struct FeatureCounts {
    /// Ascending, each once.
    hashes: Section<u64>,
    counts: Section<u32>,
}

impl FeatureCounts {
    /// One entry per text that has a vector.
    #[must_use]
    pub fn from_rows(rows: &[&Features]) -> Self {
        let mut hashes: Vec<u64> = rows.iter().flat_map(|features| features.hashes()).collect();
        hashes.sort_unstable();
        Self::of_runs(
            hashes
                .chunk_by(|left, right| left == right)
                .map(|run| (run[0], u32::try_from(run.len()).unwrap_or(u32::MAX))),
        )
    }

    /// The counts of all parts together, less those of the rows of the parts that are not kept. Only the dropped rows'
    /// features are needed, so a merge need not read the texts of the rows that stay.
    #[must_use]
    pub fn concat(parts: &[&FeatureCounts], dropped: &[&Features]) -> Self {
        let dropped = Self::from_rows(dropped);
        let mut places = vec![0_usize; parts.len()];
        let next = |places: &[usize]| {
            parts
                .iter()
                .zip(places)
                .filter_map(|(part, place)| part.hashes.as_slice().get(*place))
                .min()
                .copied()
        };
        let mut sums = Vec::new();
        while let Some(hash) = next(&places) {
            let mut sum = 0_u32;
            for (part, place) in parts.iter().zip(&mut places) {
                if part.hashes.as_slice().get(*place) == Some(&hash) {
                    let count = part.counts.as_slice().get(*place);
                    sum = sum.saturating_add(count.copied().unwrap_or_default());
                    *place += 1;
                }
            }
            sums.push((hash, sum.saturating_sub(dropped.get(hash))));
        }
        Self::of_runs(sums.into_iter().filter(|(_, count)| *count > 0))
    }

    fn of_runs(runs: impl Iterator<Item = (u64, u32)>) -> Self {
        let (hashes, counts): (Vec<u64>, Vec<u32>) = runs.unzip();
        Self {
            hashes: hashes.into(),
            counts: counts.into(),
        }
    }

    /// Number of texts that have the feature.
    #[must_use]
    pub fn get(&self, hash: u64) -> u32 {
        sorted_hashes::position(self.hashes.as_slice(), hash)
            .and_then(|at| self.counts.as_slice().get(at).copied())
            .unwrap_or_default()
    }

    /// Number of distinct features.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.as_slice().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the table owns; arrays that lie in bytes of the caller do not count.
    #[must_use]
    pub fn owned_bytes(&self) -> usize {
        self.hashes.owned_bytes() + self.counts.owned_bytes()
    }

    /// Name and bytes of every section.
    #[must_use]
    pub fn to_sections(&self) -> [(&'static str, &[u8]); 2] {
        [
            (HASHES, self.hashes.as_bytes()),
            (COUNTS, self.counts.as_bytes()),
        ]
    }

    /// # Errors
    /// `Corrupt` where the sections are not those of a table, and whatever `get` answers for one that it cannot find.
    pub fn from_sections<B>(
        mut get: impl FnMut(&str) -> Result<B, IndexError>,
    ) -> Result<Self, IndexError>
    where
        B: Deref<Target = [u8]> + Send + Sync + 'static,
    {
        let table = Self {
            hashes: Section::from_bytes(HASHES, get(HASHES)?)?,
            counts: Section::from_bytes(COUNTS, get(COUNTS)?)?,
        };
        let (hashes, counts) = (table.hashes.as_slice(), table.counts.as_slice());
        if hashes.len() != counts.len() || !hashes.is_sorted_by(|left, right| left < right) {
            return Err(IndexError::Corrupt(
                "the feature sections are no table of ascending hashes".into(),
            ));
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(texts: &[String]) -> Vec<Features> {
        texts
            .iter()
            .map(|text| Features::of([text.as_str()]))
            .collect()
    }

    fn counts(features: &[Features]) -> FeatureCounts {
        FeatureCounts::from_rows(&features.iter().collect::<Vec<_>>())
    }

    proptest::proptest! {
        #[test]
        fn counts_do_not_depend_on_the_spread_over_segments(
            texts in proptest::collection::vec("[abc ]{0,8}", 0..20),
            split in 0_usize..20,
            dropped in proptest::collection::vec(proptest::bool::ANY, 20),
        ) {
            let all = features(&texts);
            let (left, right) = all.split_at(split.min(all.len()));
            let kept: Vec<&Features> = all.iter().zip(&dropped).filter(|(_, dropped)| !**dropped).map(|(one, _)| one).collect();
            let gone: Vec<&Features> = all.iter().zip(&dropped).filter(|(_, dropped)| **dropped).map(|(one, _)| one).collect();
            let merged = FeatureCounts::concat(&[&counts(left), &counts(right)], &gone);
            let expected = FeatureCounts::from_rows(&kept);
            proptest::prop_assert_eq!(merged.hashes.as_slice(), expected.hashes.as_slice());
            proptest::prop_assert_eq!(merged.counts.as_slice(), expected.counts.as_slice());
            for hash in all.iter().flat_map(Features::hashes) {
                let found = kept.iter().filter(|features| features.hashes().any(|other| other == hash)).count();
                proptest::prop_assert_eq!(merged.get(hash) as usize, found);
            }
            let sections: Vec<(&str, Vec<u8>)> = merged.to_sections().iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect();
            let read = FeatureCounts::from_sections(|name| Ok(super::super::tests::aligned(&sections, name))).unwrap();
            proptest::prop_assert_eq!(read.hashes.as_slice(), merged.hashes.as_slice());
            proptest::prop_assert_eq!(read.counts.as_slice(), merged.counts.as_slice());
        }
    }
}
