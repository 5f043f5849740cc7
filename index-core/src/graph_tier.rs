//! An HNSW graph (usearch) over the rows that a shard had when it was built. It is never changed afterwards: a usearch
//! graph that is written while it is read loses neighbours and keys and can take the process with it. Rows added later
//! are the flat tier's; rows removed later do not pass.

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use crate::error::IndexError;
use crate::flat_tier::FlatTier;
use crate::row_set::RowSet;
use crate::vector_tier::{VectorTier, checked_norm};

const CONNECTIVITY: usize = 16;
const EXPANSION_ADD: usize = 128;
const EXPANSION_SEARCH: usize = 128;

/// Searches inside one graph at a time. usearch refuses more with an error, which the shard answers by scanning.
const READERS_MAX: usize = 64;

/// Candidates per asked row: their order in the graph is that of 8-bit codes and is corrected by exact scores.
const OVERSAMPLING: usize = 4;

/// What a graph is built from, copied out of a shard so that building needs no lock.
pub struct GraphSource {
    dimensions: usize,
    covered: u32,
    rows: Vec<u32>,
    codes: Vec<i8>,
}

impl GraphSource {
    /// Live rows of `flat` that have a vector.
    #[must_use]
    pub fn of(flat: &FlatTier, live: &RowSet) -> Self {
        let rows: Vec<u32> = live.iter().filter(|row| flat.has(*row)).collect();
        let codes = rows
            .iter()
            .flat_map(|row| flat.codes(*row))
            .copied()
            .collect();
        Self {
            dimensions: flat.dimensions(),
            covered: u32::try_from(flat.len()).unwrap_or(u32::MAX),
            rows,
            codes,
        }
    }
}

pub struct GraphTier {
    index: Index,
    dimensions: usize,
    covered: u32,
}

impl GraphTier {
    /// Builds in the calling thread only: parallel insertion leaves rows unreachable. `keep_going` is asked between
    /// rows; a build that it ends returns `None`.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` when usearch refuses what was checked here.
    pub fn build(
        source: &GraphSource,
        keep_going: impl Fn() -> bool,
    ) -> Result<Option<Self>, IndexError> {
        let index = Index::new(&IndexOptions {
            dimensions: source.dimensions,
            metric: MetricKind::Cos,
            quantization: ScalarKind::I8,
            connectivity: CONNECTIVITY,
            expansion_add: EXPANSION_ADD,
            expansion_search: EXPANSION_SEARCH,
            multi: false,
        })
        .map_err(|error| refused(&error))?;
        index
            .reserve_capacity_and_threads(source.rows.len(), READERS_MAX)
            .map_err(|error| refused(&error))?;
        for (row, codes) in source
            .rows
            .iter()
            .zip(source.codes.chunks_exact(source.dimensions))
        {
            if !keep_going() {
                return Ok(None);
            }
            index
                .add::<i8>(u64::from(*row), codes)
                .map_err(|error| refused(&error))?;
        }
        Ok(Some(Self {
            index,
            dimensions: source.dimensions,
            covered: source.covered,
        }))
    }

    /// Rows below this number were there when the graph was built.
    #[must_use]
    pub fn covered(&self) -> u32 {
        self.covered
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.index.size()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl VectorTier for GraphTier {
    fn candidates(
        &self,
        query: &[f32],
        k: usize,
        passing: &RowSet,
    ) -> Result<Vec<u32>, IndexError> {
        checked_norm(query, self.dimensions)?;
        // usearch allocates for what is asked, not for what exists.
        let asked = k.saturating_mul(OVERSAMPLING).min(self.index.size());
        if asked == 0 {
            return Ok(Vec::new());
        }
        let passes = |key: u64| u32::try_from(key).is_ok_and(|row| passing.contains(row));
        let matches = self
            .index
            .filtered_search(&FlatTier::encode(query), asked, passes)
            .map_err(|error| refused(&error))?;
        matches
            .keys
            .iter()
            .map(|key| {
                u32::try_from(*key)
                    .map_err(|_| IndexError::Corrupt(format!("the graph returned key {key}")))
            })
            .collect()
    }
}

fn refused(error: &impl std::fmt::Display) -> IndexError {
    IndexError::Corrupt(format!("the vector graph failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic vectors in 40 clusters.
    fn tier(rows: u32) -> FlatTier {
        let mut tier = FlatTier::new(32);
        let mut state = 7_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f32::from(u16::try_from(state >> 48).unwrap()) / 32_768.0 - 1.0
        };
        let centres: Vec<Vec<f32>> = (0..40).map(|_| (0..32).map(|_| next()).collect()).collect();
        for row in 0..rows {
            let centre = &centres[row as usize % centres.len()];
            let raw: Vec<f32> = centre.iter().map(|value| value + 0.3 * next()).collect();
            let norm = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
            tier.push(Some(
                &raw.iter().map(|value| value / norm).collect::<Vec<f32>>(),
            ))
            .unwrap();
        }
        tier
    }

    fn best(flat: &FlatTier, query: &[f32], mut rows: Vec<u32>, k: usize) -> Vec<u32> {
        rows.sort_by(|left, right| {
            flat.score(query, *right)
                .total_cmp(&flat.score(query, *left))
        });
        rows.truncate(k);
        rows
    }

    #[test]
    fn the_graph_finds_almost_what_the_scan_finds_and_nothing_that_does_not_pass() {
        let flat = tier(3_000);
        let live = RowSet::of(3_000, |row| row % 7 != 0);
        let graph = GraphTier::build(&GraphSource::of(&flat, &live), || true)
            .unwrap()
            .unwrap();
        assert_eq!(graph.len(), live.len());
        let passing = RowSet::of(3_000, |row| live.contains(row) && row % 2 == 0);
        let mut found = 0;
        for query in 0..100 {
            let query = flat.vector(query * 29);
            let exact = best(
                &flat,
                query,
                flat.candidates(query, 10, &passing).unwrap(),
                10,
            );
            let rows = graph.candidates(query, 10, &passing).unwrap();
            assert!(rows.iter().all(|row| passing.contains(*row)));
            let near = best(&flat, query, rows, 10);
            found += near.iter().filter(|row| exact.contains(row)).count();
        }
        assert!(
            found >= 980,
            "recall@10 is {}",
            f64::from(u32::try_from(found).unwrap()) / 1_000.0
        );
    }

    #[test]
    fn borders_of_the_graph_are_errors_or_empty_and_never_abort() {
        let flat = tier(10);
        let live = RowSet::of(10, |_| true);
        let graph = GraphTier::build(&GraphSource::of(&flat, &live), || true)
            .unwrap()
            .unwrap();
        let query = flat.vector(0);
        assert!(graph.candidates(query, 0, &live).unwrap().is_empty());
        assert_eq!(
            graph.candidates(query, usize::MAX, &live).unwrap().len(),
            10
        );
        assert!(graph.candidates(&[f32::NAN; 32], 1, &live).is_err());
        assert!(graph.candidates(&[0.0; 32], 1, &live).is_err());
        assert!(graph.candidates(&[1.0; 31], 1, &live).is_err());
        let empty = GraphTier::build(&GraphSource::of(&flat, &RowSet::default()), || true)
            .unwrap()
            .unwrap();
        assert!(empty.is_empty() && empty.candidates(query, 5, &live).unwrap().is_empty());
    }

    #[test]
    fn a_build_can_be_ended() {
        let flat = tier(10);
        let source = GraphSource::of(&flat, &RowSet::of(10, |_| true));
        assert!(GraphTier::build(&source, || false).unwrap().is_none());
    }
}
