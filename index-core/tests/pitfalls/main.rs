//! Requirements: 4.pitfalls
//! The fifteen ways in which a plain usearch index was seen to fail, one test each, in the order of the design. Where the
//! failure is cheap and certain to show and cannot take the process down, it is shown first, so that each test is known
//! to test something.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod files;
mod input;
mod plain;
mod writes;

use std::path::Path;

use hindcast_index_core::{
    Collection, CollectionOptions, CollectionRow, Exclusions, RowColumns, Schema, SearchMode,
    VectorAnswer, VectorQuery, VectorStorage,
};

const DIMENSIONS: usize = 32;

fn open(folder: Option<&Path>, graph_rows_min: usize) -> Collection {
    let options = CollectionOptions {
        embedder: "test".into(),
        dimensions: DIMENSIONS,
        field: "observation".into(),
        schema: Schema::default(),
        graph_rows_min,
        storage: VectorStorage::F32,
    };
    Collection::open(folder, options).unwrap()
}

/// Pseudo-random, the same in every run, of length 1.
fn vector(seed: u64) -> Vec<f32> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut component = || {
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 32;
        f32::from(u16::try_from(state & 0xffff).unwrap()) / 32_768.0 - 1.0
    };
    let raw: Vec<f32> = (0..DIMENSIONS).map(|_| component()).collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.iter().map(|value| value / length).collect()
}

fn row(id: u64, seed: u64) -> CollectionRow {
    CollectionRow {
        id: id.to_string(),
        columns: RowColumns::default(),
        vector: vector(seed),
    }
}

fn rows(ids: std::ops::Range<u64>) -> Vec<CollectionRow> {
    ids.map(|id| row(id, id)).collect()
}

fn query(seed: u64, k: usize, mode: SearchMode) -> VectorQuery {
    VectorQuery {
        vectors: vector(seed),
        k,
        expansion: None,
        filter: None,
        exclude: Exclusions::default(),
        mode,
    }
}

fn search(collection: &Collection, query: &VectorQuery) -> VectorAnswer {
    collection.search(query).unwrap().remove(0)
}

/// Inner product of two vectors of length 1.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| f64::from(*left) * f64::from(*right))
        .sum()
}

/// The `k` nearest of `(key, seed)` by brute force, best first.
fn nearest(live: &[(u64, u64)], target: &[f32], k: usize) -> Vec<u64> {
    let mut scored: Vec<(f64, u64)> = live
        .iter()
        .map(|(key, seed)| (cosine(target, &vector(*seed)), *key))
        .collect();
    scored.sort_by(|left, right| right.0.total_cmp(&left.0));
    scored.iter().take(k).map(|(_, key)| *key).collect()
}

const QUERIES: u64 = 50;
const K: usize = 10;

/// Share of the ten nearest that `find` finds, over fifty queries.
fn recall(live: &[(u64, u64)], find: impl Fn(&[f32]) -> Vec<u64>) -> f64 {
    let mut found = 0_u32;
    for seed in 0..QUERIES {
        let target = vector(1_000_000 + seed);
        let expected = nearest(live, &target, K);
        found += u32::try_from(
            find(&target)
                .iter()
                .filter(|key| expected.contains(key))
                .count(),
        )
        .unwrap();
    }
    f64::from(found) / 500.0
}

/// As `recall`, of a collection whose ids are keys.
fn recall_of(collection: &Collection, live: &[(u64, u64)], mode: SearchMode) -> f64 {
    recall(live, |target| {
        let asked = VectorQuery {
            vectors: target.to_vec(),
            ..query(0, K, mode)
        };
        let ids = search(collection, &asked).ids;
        ids.iter().map(|id| id.parse().unwrap()).collect()
    })
}
