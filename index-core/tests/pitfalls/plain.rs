//! usearch as its documentation shows it.

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::{DIMENSIONS, K, recall, vector};

pub(super) fn options() -> IndexOptions {
    IndexOptions {
        dimensions: DIMENSIONS,
        metric: MetricKind::Cos,
        quantization: ScalarKind::F32,
        connectivity: 16,
        expansion_add: 128,
        expansion_search: 64,
        multi: false,
    }
}

/// With room for so many vectors and one thread.
pub(super) fn empty(options: &IndexOptions, capacity: usize) -> Index {
    let index = Index::new(options).unwrap();
    index.reserve_capacity_and_threads(capacity, 1).unwrap();
    index
}

pub(super) fn filled(options: &IndexOptions, keys: std::ops::Range<u64>) -> Index {
    let index = empty(options, usize::try_from(keys.end).unwrap());
    for key in keys {
        index.add(key, &vector(key)).unwrap();
    }
    index
}

pub(super) fn recall_of(index: &Index, live: &[(u64, u64)]) -> f64 {
    recall(live, |target| index.search(target, K).unwrap().keys)
}
