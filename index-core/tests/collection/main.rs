//! Vectors by themselves: any history of writes, filters and background work against brute force.
//!
//! Requirements: 4.2.segments, 4.2.bf16, 4.3.filters, 4.6.live, 4.bad-input
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod background;
mod history;
mod input;
mod storage;

use hindcast_index_core::{
    Collection, CollectionOptions, CollectionRow, Exclusions, RowColumns, Schema, SearchMode,
    VectorQuery, VectorStorage,
};

const DIMENSIONS: usize = 24;

fn open(graph_rows_min: usize) -> Collection {
    Collection::open(None, options(graph_rows_min)).unwrap()
}

fn options(graph_rows_min: usize) -> CollectionOptions {
    CollectionOptions {
        embedder: "test".into(),
        dimensions: DIMENSIONS,
        field: "instruction".into(),
        schema: Schema::new(&["group", "colour"], &["length"]),
        graph_rows_min,
        storage: VectorStorage::F32,
    }
}

/// Pseudo-random vectors around one of 20 centres.
fn vector(seed: u64) -> Vec<f32> {
    let noise = |seed: u64, at: usize| {
        let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64) << 32;
        state ^= state >> 29;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 32;
        f32::from(u16::try_from(state & 0xffff).unwrap()) / 32_768.0 - 1.0
    };
    (0..DIMENSIONS)
        .map(|at| noise(seed % 20 + 1_000_000, at) + 0.4 * noise(seed, at))
        .collect()
}

fn row(id: u64, version: u64) -> CollectionRow {
    CollectionRow {
        id: format!("id-{id}"),
        columns: RowColumns {
            text: vec![
                vec![format!("group-{}", id % 5)],
                if id.is_multiple_of(3) {
                    vec![]
                } else {
                    vec![format!("colour-{}", version % 2)]
                },
            ],
            numbers: vec![f64::from(u32::try_from(id % 7).unwrap())],
        },
        vector: vector(id * 100 + version),
    }
}

fn query(vector: Vec<f32>, k: usize) -> VectorQuery {
    VectorQuery {
        vectors: vector,
        k,
        expansion: None,
        filter: None,
        exclude: Exclusions::default(),
        mode: SearchMode::Auto,
    }
}
