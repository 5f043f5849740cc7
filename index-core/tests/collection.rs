//! Vectors by themselves: any history of writes, filters and background work against brute force.
//!
//! Requirements: 4.2.segments, 4.3.filters, 4.6.live, 4.bad-input
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use hindcast_index_core::{
    Collection, CollectionOptions, CollectionRow, Exclusions, Filter, IndexError, RowColumns,
    Schema, SearchMode, VectorQuery,
};
use proptest::prelude::*;

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

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

#[derive(Debug, Clone)]
enum Change {
    Upsert(Vec<(u64, u64)>),
    Remove(u64),
    Settle,
    Optimise,
    Check { seed: u64, k: usize, filter: usize },
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let write = proptest::collection::vec((0_u64..120, 0_u64..6), 1..60);
    let change = prop_oneof![
        5 => write.prop_map(Change::Upsert),
        3 => (0_u64..120).prop_map(Change::Remove),
        1 => Just(Change::Settle),
        1 => Just(Change::Optimise),
        6 => (0_u64..1_000, 1_usize..20, 0_usize..FILTERS).prop_map(|(seed, k, filter)| Change::Check { seed, k, filter }),
    ];
    proptest::collection::vec(change, 1..40)
}

const FILTERS: usize = 7;

/// A filter and what it means.
fn filter(number: usize) -> (Option<Filter>, fn(u64, u64) -> bool) {
    let is = |column: &str, value: &str| Filter::In(column.into(), vec![value.into()]);
    match number {
        0 => (None, |_, _| true),
        1 => (Some(is("group", "group-2")), |id, _| id % 5 == 2),
        2 => (
            Some(Filter::Not(Box::new(is("group", "group-2")))),
            |id, _| id % 5 != 2,
        ),
        3 => (Some(is("colour", "colour-1")), |id, version| {
            id % 3 != 0 && version % 2 == 1
        }),
        4 => (
            Some(Filter::Range("length".into(), Some(2.0), Some(4.0))),
            |id, _| (2..=4).contains(&(id % 7)),
        ),
        5 => (
            Some(Filter::All(vec![
                is("colour", "colour-0"),
                Filter::Not(Box::new(is("group", "group-0"))),
            ])),
            |id, version| id % 3 != 0 && version % 2 == 0 && id % 5 != 0,
        ),
        _ => (Some(is("group", "nowhere")), |_, _| false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_history_answers_as_brute_force_does(changes in changes()) {
        // Graphs of 64 rows and more; exact mode must not care.
        let collection = open(64);
        let mut live: BTreeMap<u64, u64> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Upsert(rows) => {
                    collection.upsert(rows.iter().map(|(id, version)| row(*id, *version)).collect()).unwrap();
                    live.extend(rows);
                }
                Change::Remove(id) => {
                    let removed = collection.remove(&[format!("id-{id}")]).unwrap();
                    prop_assert_eq!(removed, usize::from(live.remove(&id).is_some()));
                }
                Change::Settle => { collection.settle().unwrap(); }
                Change::Optimise => { collection.optimise().unwrap(); }
                Change::Check { seed, k, filter: number } => {
                    let (filter, passes) = filter(number);
                    let target = vector(seed);
                    let mut expected: Vec<(f64, String)> = live
                        .iter()
                        .filter(|(id, version)| passes(**id, **version))
                        .map(|(id, version)| {
                            let score = cosine(&target, &row(*id, *version).vector);
                            ((score * 1e6).round() / 1e6, format!("id-{id}"))
                        })
                        .collect();
                    expected.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
                    for mode in [SearchMode::Exact, SearchMode::Auto, SearchMode::Graph] {
                        let asked = VectorQuery { filter: filter.clone(), mode, ..query(target.clone(), k) };
                        let answer = collection.search(&asked).unwrap().remove(0);
                        prop_assert_eq!(answer.passing, expected.len());
                        prop_assert_eq!(answer.ids.len(), k.min(expected.len()), "never short");
                        prop_assert!(answer.scores.is_sorted_by(|a, b| a >= b));
                        let resolved = collection.resolve(&answer.ordinals).unwrap();
                        prop_assert_eq!(resolved, answer.ids.iter().cloned().map(Some).collect::<Vec<_>>());
                        for (at, id) in answer.ids.iter().enumerate() {
                            // f32 rounding of the stored unit vectors.
                            let own = expected.iter().find(|(_, other)| other == id);
                            prop_assert!(own.is_some(), "{id} does not pass");
                            prop_assert!((answer.scores[at] - own.unwrap().0).abs() < 3e-6);
                            if mode == SearchMode::Exact {
                                prop_assert!((answer.scores[at] - expected[at].0).abs() < 3e-6);
                            }
                        }
                    }
                }
            }
        }
    }
}

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

#[test]
fn malformed_rows_are_named_and_change_nothing() {
    let collection = open(1_000);
    collection.upsert(vec![row(1, 0)]).unwrap();
    let with = |vector: Vec<f32>| CollectionRow {
        vector,
        ..row(2, 0)
    };
    let mut nan = vector(0);
    nan[3] = f32::NAN;
    let mut infinite = vector(0);
    infinite[5] = f32::NEG_INFINITY;
    for (bad, named) in [
        (with(nan), "component 3"),
        (with(infinite), "component 5"),
        (with(vec![0.0; DIMENSIONS]), "length 0"),
        (with(vec![1.0; DIMENSIONS - 1]), "23 dimensions"),
        (
            CollectionRow {
                id: String::new(),
                ..row(2, 0)
            },
            "0 bytes",
        ),
        (
            CollectionRow {
                id: "x".repeat(300),
                ..row(2, 0)
            },
            "300 bytes",
        ),
        (
            CollectionRow {
                columns: RowColumns::default(),
                ..row(2, 0)
            },
            "columns",
        ),
        (
            CollectionRow {
                columns: RowColumns {
                    numbers: vec![f64::NAN],
                    ..row(2, 0).columns
                },
                ..row(2, 0)
            },
            "NaN",
        ),
    ] {
        let Err(IndexError::Invalid(message)) = collection.upsert(vec![row(9, 0), bad]) else {
            panic!("{named} must be refused");
        };
        assert!(message.contains(named), "{message}");
    }
    assert_eq!(collection.stats().unwrap().rows, 1);
}

#[test]
fn malformed_queries_are_named() {
    let collection = open(1_000);
    collection.upsert(vec![row(1, 0)]).unwrap();
    let mut nan = vector(0);
    nan[3] = f32::NAN;
    for (bad, named) in [
        (query(vector(0), 0), "k is 0"),
        (query(vector(0), 4_000_000_000), "k is 4000000000"),
        (query(vec![1.0; 25], 1), "25 numbers"),
        (query(nan, 1), "query 0"),
        (query(vec![0.0; DIMENSIONS], 1), "query 0"),
        (
            VectorQuery {
                expansion: Some(0),
                ..query(vector(0), 1)
            },
            "ef is 0",
        ),
        (
            VectorQuery {
                expansion: Some(1 << 40),
                ..query(vector(0), 1)
            },
            "ef is",
        ),
        (
            VectorQuery {
                filter: Some(Filter::In("shape".into(), vec![])),
                ..query(vector(0), 1)
            },
            "shape",
        ),
    ] {
        let Err(IndexError::Invalid(message)) = collection.search(&bad) else {
            panic!("{named} must be refused");
        };
        assert!(message.contains(named), "{message}");
    }
    assert!(
        collection
            .search_into(&vector(0), 64, &mut [0; 2], &mut [0.0; 3])
            .is_err()
    );
    assert_eq!(
        collection
            .search_into(&vector(0), 64, &mut [], &mut [])
            .unwrap(),
        0
    );
    assert_eq!(
        collection.resolve(&[0, 7, u32::MAX]).unwrap(),
        [Some("id-1".into()), None, None]
    );
    assert_eq!(collection.remove(&["nobody".into()]).unwrap(), 0);
    assert!(
        matches!(collection.checkpoint(1), Err(IndexError::Invalid(_))),
        "it has no folder"
    );
    for dimensions in [0, 16_385] {
        let bad = CollectionOptions {
            dimensions,
            ..options(1_000)
        };
        assert!(matches!(
            Collection::open(None, bad),
            Err(IndexError::Invalid(_))
        ));
    }
    collection.close();
    assert_eq!(
        collection.search(&query(vector(0), 1)),
        Err(IndexError::Closed)
    );
    assert_eq!(
        collection.search_into(&vector(0), 64, &mut [0], &mut [0.0]),
        Err(IndexError::Closed)
    );
}
