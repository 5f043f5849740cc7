//! Requirements: 4.2.segments, 4.6.live
//! Merges and graphs that are made while rows come and go.

use std::sync::atomic::{AtomicBool, Ordering};

use hindcast_index_core::{SearchMode, VectorQuery};

use crate::{open, query, row, vector};

#[test]
fn a_turnover_leaves_the_recall_of_a_fresh_collection() {
    let collection = open(256);
    for version in 0..10 {
        for start in (0..2_000).step_by(200) {
            collection
                .upsert((start..start + 200).map(|id| row(id, version)).collect())
                .unwrap();
        }
        collection.settle().unwrap();
    }
    let stats = collection.stats().unwrap();
    assert!(stats.graph_rows > 0 && stats.rows == 2_000, "{stats:?}");
    let mut found = 0;
    for seed in 0..100 {
        let exact = VectorQuery {
            mode: SearchMode::Exact,
            ..query(vector(seed * 13), 10)
        };
        let graph = VectorQuery {
            mode: SearchMode::Graph,
            ..query(vector(seed * 13), 10)
        };
        let exact = collection.search(&exact).unwrap().remove(0).ids;
        let graph = collection.search(&graph).unwrap().remove(0).ids;
        found += graph.iter().filter(|id| exact.contains(id)).count();
    }
    assert!(found >= 980, "recall@10 is {found} of 1000");
}

#[test]
fn a_graph_that_nobody_waits_for_is_built_when_its_rows_have_rested() {
    let collection = open(1_024);
    let upsert = |version| {
        let rows = (0..2_048).map(|id| row(id, version)).collect();
        collection.upsert(rows).unwrap();
    };
    upsert(0);
    collection.tend().unwrap();
    // The rows of the first graph are replaced before it is due.
    upsert(1);
    while collection.stats().unwrap().graph_rows == 0 {
        assert!(collection.wait_for_work());
        collection.tend().unwrap();
    }
    let stats = collection.stats().unwrap();
    assert_eq!(
        (stats.rows, stats.dead_rows, stats.pending_jobs),
        (2_048, 0, 0)
    );
    assert_eq!(collection.settle().unwrap(), 0, "nothing is left to do");
}

#[test]
fn searches_beside_writes_and_builds_are_never_malformed() {
    let collection = open(256);
    collection
        .upsert((0..1_000).map(|id| row(id, 0)).collect())
        .unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0_u64..2 {
            let (collection, is_over) = (&collection, &is_over);
            scope.spawn(move || {
                let (mut ordinals, mut scores) = ([0; 10], [0.0; 10]);
                for seed in (reader..).step_by(2) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let count = collection
                        .search_into(&vector(seed), 32, &mut ordinals, &mut scores)
                        .unwrap();
                    assert_eq!(count, 10, "1,000 rows live at any time");
                    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
                    let answer = collection
                        .search(&query(vector(seed), 10))
                        .unwrap()
                        .remove(0);
                    let mut ids = answer.ids.clone();
                    ids.sort();
                    ids.dedup();
                    assert_eq!(ids.len(), 10);
                    assert!(
                        answer
                            .scores
                            .iter()
                            .all(|score| score.is_finite() && score.abs() <= 1.000_001)
                    );
                }
            });
        }
        for version in 1..8 {
            for start in (0..1_000).step_by(50) {
                collection
                    .upsert((start..start + 50).map(|id| row(id, version)).collect())
                    .unwrap();
            }
            collection.settle().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
