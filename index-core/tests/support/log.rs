//! A log of changes that is the same in every run, and what must be there after any part of it.

use std::collections::BTreeMap;

use hindcast_index_core::{Demonstration, DemonstrationIndex, Query, SearchMode};

use super::{answers, demonstration, exact_index_as, query, seen};

/// Ids that the log writes again and again.
const IDS: usize = 300;
/// Most demonstrations that are written at once.
const BATCH_MAX: usize = 40;

pub(crate) enum Entry {
    Upsert { id: usize, version: usize },
    Remove { id: usize },
}

/// Entries count from 1.
pub(crate) fn entry(sequence: u64) -> Entry {
    let number = mix(sequence);
    let id = number % IDS;
    if (number >> 32).is_multiple_of(6) {
        Entry::Remove { id }
    } else {
        let version = usize::try_from(sequence).unwrap_or(usize::MAX);
        Entry::Upsert { id, version }
    }
}

/// A number without pattern that is the same in every run.
pub(crate) fn mix(seed: u64) -> usize {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from(state ^ (state >> 31)).unwrap_or(usize::MAX)
}

/// Some versions lie in another environment, so that demonstrations move between shards.
pub(crate) fn written(id: usize, version: usize) -> Demonstration {
    let mut demonstration = demonstration(id, version);
    if version.is_multiple_of(7) {
        demonstration.environment = "web".into();
    }
    demonstration
}

/// Applies the entries after `from` up to `to`, neighbouring upserts together.
pub(crate) fn apply(index: &DemonstrationIndex, from: u64, to: u64) {
    let mut batch = Vec::new();
    for sequence in from + 1..=to {
        match entry(sequence) {
            Entry::Upsert { id, version } => batch.push(written(id, version)),
            Entry::Remove { id } => {
                index.upsert(std::mem::take(&mut batch)).unwrap();
                index.remove(&[format!("demo-{id}")]).unwrap();
            }
        }
        if batch.len() == BATCH_MAX {
            index.upsert(std::mem::take(&mut batch)).unwrap();
        }
    }
    index.upsert(batch).unwrap();
}

/// Version of each id that is live after the entry `sequence`.
pub(crate) fn live(sequence: u64) -> BTreeMap<usize, usize> {
    let mut live = BTreeMap::new();
    for sequence in 1..=sequence {
        match entry(sequence) {
            Entry::Upsert { id, version } => live.insert(id, version),
            Entry::Remove { id } => live.remove(&id),
        };
    }
    live
}

/// The index holds exactly `live`: the same payloads, and to the bit the answers of an index that never held anything
/// else.
pub(crate) fn assert_holds(index: &DemonstrationIndex, live: &BTreeMap<usize, usize>) {
    assert_eq!(index.stats().unwrap().rows, live.len());
    let ids: Vec<String> = (0..IDS).map(|id| format!("demo-{id}")).collect();
    let payloads: Vec<Option<String>> = (0..IDS)
        .map(|id| live.get(&id).map(|version| format!("{id}/{version}")))
        .collect();
    for (found, expected) in index.get(&ids).unwrap().iter().zip(&payloads) {
        assert_eq!(found, expected);
    }
    let fresh = exact_index_as(index.stats().unwrap().storage);
    fresh
        .upsert(
            live.iter()
                .map(|(id, version)| written(*id, *version))
                .collect(),
        )
        .unwrap();
    assert_eq!(answers(index), answers(&fresh));
    for seed in 0..5 {
        let exact = Query {
            environment: "web".into(),
            mode: SearchMode::Exact,
            ..query(seed)
        };
        let found = seen(index.search(&exact).unwrap());
        assert_eq!(found, seen(fresh.search(&exact).unwrap()));
        let graph = Query {
            mode: SearchMode::Graph,
            ..query(seed)
        };
        for hit in index.search(&graph).unwrap().hits {
            assert!(payloads.contains(&Some(hit.payload)), "a hit that is gone");
        }
    }
}
