//! Requirements: 4.2.bf16
//! Rows that are kept as bf16.

use std::path::Path;

use hindcast_index_core::{Collection, CollectionOptions, SearchMode, VectorQuery, VectorStorage};

use crate::{DIMENSIONS, open, options, query, row, vector};

fn open_in(folder: &Path) -> Collection {
    let options = CollectionOptions {
        storage: VectorStorage::Bf16,
        ..options(256)
    };
    Collection::open(Some(folder), options).unwrap()
}

fn ids(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|id| format!("id-{id}")).collect()
}

/// Merged and written many times, a row is the one that was rounded when it came.
#[test]
fn a_row_is_rounded_once_and_comes_back_so() {
    let folder = tempfile::tempdir().unwrap();
    let collection = open_in(folder.path());
    collection
        .upsert((0..600).map(|id| row(id, 0)).collect())
        .unwrap();
    let first = collection.vectors(&ids(0..600)).unwrap();
    for (id, stored) in (0..600).zip(&first) {
        let given = vector(id * 100);
        let length = given.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (stored, given) in stored.iter().flatten().zip(&given) {
            assert_eq!(stored.to_bits() & 0xFFFF, 0, "it is bf16");
            let unit = given / length;
            assert!((stored - unit).abs() <= unit.abs() / 256.0);
        }
    }
    for id in 600..1_200 {
        collection.upsert(vec![row(id, 0)]).unwrap();
    }
    collection.settle().unwrap();
    collection.checkpoint(1).unwrap();
    drop(collection);
    let again = open_in(folder.path());
    assert!(again.stats().unwrap().graph_rows > 0);
    again.optimise().unwrap();
    assert_eq!(again.vectors(&ids(0..600)).unwrap(), first);
    let nobody = again.vectors(&["nobody".into()]).unwrap();
    assert_eq!(nobody, [None]);
}

#[test]
fn rows_take_half_and_nearly_all_neighbours_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (rounded, whole) = (open_in(folder.path()), open(1 << 20));
    for collection in [&rounded, &whole] {
        let rows = (0..2_000).map(|id| row(id, 0)).collect();
        collection.upsert(rows).unwrap();
        collection.settle().unwrap();
    }
    let (small, large) = (rounded.stats().unwrap(), whole.stats().unwrap());
    assert_eq!(
        (small.storage, large.storage),
        (VectorStorage::Bf16, VectorStorage::F32)
    );
    assert_eq!(small.row_bytes, 2_000 * (DIMENSIONS * 2 + 4));
    assert_eq!(large.row_bytes, 2_000 * DIMENSIONS * 4);
    let mut same = 0;
    for seed in 0..100 {
        let asked = |mode| VectorQuery {
            mode,
            ..query(vector(seed * 13), 10)
        };
        let exact = whole
            .search(&asked(SearchMode::Exact))
            .unwrap()
            .remove(0)
            .ids;
        let found = rounded
            .search(&asked(SearchMode::Graph))
            .unwrap()
            .remove(0)
            .ids;
        same += found.iter().filter(|id| exact.contains(id)).count();
    }
    assert!(same >= 970, "{same} of 1000");
}
