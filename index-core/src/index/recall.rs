//! Whether graphs still find what they should: a sample of the answers that graphs took part in is searched again
//! exactly, when there is nothing else to do.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::IndexError;
use crate::filter::Schema;
use crate::index::explain::{PartExplanation, Strategy};
use crate::index::passing::{Conditions, passing_parts};
use crate::index::snapshot::{Place, Snapshot};
use crate::index::vector_search::{EXPANSION, Found, SearchMode, VectorSearch};
use crate::vector::QueryVector;

/// One answer in so many is looked at again.
const SAMPLE_EVERY: u64 = 1_000;
/// Samples that wait; each holds on to a snapshot.
const SAMPLES_MAX: usize = 16;

/// Scattered, and the first one among them: queries that come in a cycle would be sampled at the same place each time.
fn is_sampled(answer: u64) -> bool {
    let mut mixed = answer.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    mixed.is_multiple_of(SAMPLE_EVERY)
}

/// Found of wanted is the recall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recall {
    pub sampled: u64,
    pub found: u64,
    pub wanted: u64,
}

#[derive(Default)]
pub(crate) struct RecallProbe {
    answers: AtomicU64,
    waiting: Mutex<VecDeque<Sample>>,
    sampled: AtomicU64,
    found: AtomicU64,
    wanted: AtomicU64,
}

struct Sample {
    snapshot: Arc<Snapshot>,
    conditions: Conditions,
    query: QueryVector,
    k: usize,
    found: Vec<Place>,
}

impl RecallProbe {
    /// Samples hold on to snapshots.
    pub(crate) fn clear(&self) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Takes the answer as a sample, or does not. `true`: there is something to do now.
    pub(crate) fn offer(
        &self,
        snapshot: &Arc<Snapshot>,
        conditions: &Conditions,
        query: &QueryVector,
        (k, found, parts): (usize, &[Found], &[PartExplanation]),
    ) -> bool {
        if !parts.iter().any(|part| part.strategy == Strategy::Graph)
            || !is_sampled(self.answers.fetch_add(1, Ordering::Relaxed))
        {
            return false;
        }
        // A sample that is not taken is one fewer; nobody waits for it.
        let Ok(mut waiting) = self.waiting.try_lock() else {
            return false;
        };
        if waiting.len() >= SAMPLES_MAX {
            return false;
        }
        waiting.push_back(Sample {
            snapshot: snapshot.clone(),
            conditions: conditions.clone(),
            query: query.clone(),
            k,
            found: found.iter().map(|found| found.place).collect(),
        });
        true
    }

    /// Looks at one sample. `false` when none waits.
    pub(crate) fn run_one(&self, schema: &Schema) -> Result<bool, IndexError> {
        let sample = self.waiting.lock().ok().and_then(|mut all| all.pop_front());
        let Some(sample) = sample else {
            return Ok(false);
        };
        let passing = passing_parts(schema, &sample.snapshot, &sample.conditions)?;
        let search = VectorSearch {
            snapshot: &sample.snapshot,
            field: 0,
            passing: &passing,
            mode: SearchMode::Exact,
            expansion: EXPANSION,
        };
        let (exact, _) = search.nearest(&sample.query, sample.k);
        let found: HashSet<Place> = sample.found.into_iter().collect();
        let again = exact
            .iter()
            .filter(|hit| found.contains(&hit.place))
            .count();
        self.sampled.fetch_add(1, Ordering::Relaxed);
        self.found.fetch_add(again as u64, Ordering::Relaxed);
        self.wanted.fetch_add(exact.len() as u64, Ordering::Relaxed);
        Ok(true)
    }

    pub(crate) fn read(&self) -> Recall {
        Recall {
            sampled: self.sampled.load(Ordering::Relaxed),
            found: self.found.load(Ordering::Relaxed),
            wanted: self.wanted.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_one_in_a_thousand_and_fall_on_every_query_of_a_cycle() {
        let sampled: Vec<u64> = (0..1_000_000).filter(|at| is_sampled(*at)).collect();
        assert!((900..1_100).contains(&sampled.len()), "{}", sampled.len());
        assert_eq!(sampled.first(), Some(&0));
        let places: HashSet<u64> = sampled.iter().map(|at| at % 1_000).collect();
        assert!(places.len() > 500, "{}", places.len());
    }
}
