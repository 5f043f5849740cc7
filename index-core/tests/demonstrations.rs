//! The index as a library: what it answers after a long life, beside writers, and through graphs.
//!
//! Requirements: 4.2.segments, 4.3.planner, 4.6.replicas
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use hindcast_index_core::{
    Answer, Demonstration, DemonstrationIndex, Embedder, Filter, IndexError, IndexOptions, Query,
    SearchMode, Strategy,
};
use proptest::prelude::*;
use support::{answers, demonstration, exact_index, graph_index, query, recall, seen, text};

#[test]
fn ten_full_turnovers_leave_the_answers_of_a_fresh_index() {
    let (old, fresh) = (exact_index(), exact_index());
    for version in 0..=10 {
        old.upsert((0..1_500).map(|id| demonstration(id, version)).collect())
            .unwrap();
    }
    let removed: Vec<String> = (0..1_500)
        .filter(|id| id % 3 == 0)
        .map(|id| format!("demo-{id}"))
        .collect();
    assert_eq!(old.remove(&removed).unwrap(), 500);
    fresh
        .upsert(
            (0..1_500)
                .rev()
                .filter(|id| id % 3 != 0)
                .map(|id| demonstration(id, 10))
                .collect(),
        )
        .unwrap();
    assert_eq!(answers(&old), answers(&fresh));
    old.settle().unwrap();
    assert_eq!(answers(&old), answers(&fresh));
    let stats = old.stats().unwrap();
    assert_eq!((stats.rows, stats.by_environment["shell"]), (1_000, 1_000));
    assert!(stats.dead_rows <= 1_000, "{stats:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn any_history_gives_the_answers_of_its_last_state(
        changes in proptest::collection::vec((0_usize..40, 0_usize..4, proptest::bool::ANY), 0..400),
    ) {
        let old = exact_index();
        let mut live = HashMap::new();
        for (id, version, is_removal) in changes {
            if is_removal {
                let removed = old.remove(&[format!("demo-{id}")]).unwrap();
                prop_assert_eq!(removed, usize::from(live.remove(&id).is_some()));
            } else {
                old.upsert(vec![demonstration(id, version)]).unwrap();
                live.insert(id, version);
            }
        }
        let fresh = exact_index();
        fresh.upsert(live.iter().map(|(id, version)| demonstration(*id, *version)).collect()).unwrap();
        prop_assert_eq!(answers(&old), answers(&fresh));
        for (id, version) in live {
            let payload = old.get(&[format!("demo-{id}")]).unwrap().remove(0).unwrap();
            prop_assert_eq!(payload, format!("{id}/{version}"));
        }
    }
}

#[test]
fn a_graph_changes_the_speed_of_answers_and_hardly_the_answers() {
    let (exact, graph) = (exact_index(), graph_index(1_024));
    assert_eq!(graph.settle().unwrap(), 0, "an empty index needs no graph");
    for index in [&exact, &graph] {
        index
            .upsert((0..1_200).map(|id| demonstration(id, 0)).collect())
            .unwrap();
        index.settle().unwrap();
    }
    let stats = graph.stats().unwrap();
    assert_eq!((stats.graph_rows, stats.scan_rows), (1_024, 176));
    assert_eq!(exact.stats().unwrap().graph_rows, 0);
    assert_eq!(graph.settle().unwrap(), 0, "what is built stays built");
    let through_graphs = |index: &hindcast_index_core::DemonstrationIndex| -> Vec<Answer> {
        let mode = |seed| Query {
            mode: SearchMode::Graph,
            ..query(seed)
        };
        (0..20)
            .map(|seed| index.search(&mode(seed)).unwrap())
            .collect()
    };
    let found = through_graphs(&graph);
    assert!(found.iter().all(|answer| {
        let strategies = answer.explanation.parts.iter().map(|part| part.strategy);
        strategies.collect::<Vec<_>>().contains(&Strategy::Graph)
    }));
    assert!(recall(&found, &answers(&exact)) >= 0.95);

    // What comes, changes and goes afterwards is seen at once.
    for index in [&exact, &graph] {
        index
            .upsert((1_100..1_400).map(|id| demonstration(id, 1)).collect())
            .unwrap();
        index
            .remove(&(0..200).map(|id| format!("demo-{id}")).collect::<Vec<_>>())
            .unwrap();
    }
    assert!(recall(&through_graphs(&graph), &answers(&exact)) >= 0.95);
    let newest = Query {
        query: Some(text(1_399 * 31 + 1, 6)),
        observation: None,
        mode: SearchMode::Graph,
        ..query(0)
    };
    assert_eq!(graph.search(&newest).unwrap().hits[0].id, "demo-1399");
}

/// However writes were put into batches, and whenever builds ran: the same graphs over the same rows.
#[test]
fn replicas_with_the_same_writes_have_the_same_graphs_and_the_same_answers() {
    let replicas = [graph_index(256), graph_index(256), graph_index(256)];
    let writes: Vec<(usize, usize)> = (0..1_500)
        .map(|at| (at * 7 % 900, at / 900))
        .chain((0..300).map(|id| (id, 2)))
        .collect();
    for (replica, batch) in replicas.iter().zip([1, 37, 700]) {
        for (number, writes) in writes.chunks(batch).enumerate() {
            let rows = writes
                .iter()
                .map(|(id, version)| demonstration(*id, *version));
            replica.upsert(rows.collect()).unwrap();
            if number % 5 == batch % 5 {
                replica.settle().unwrap();
            }
        }
        replica.settle().unwrap();
        replica
            .remove(&["demo-3".to_owned(), "demo-400".to_owned()])
            .unwrap();
        replica.settle().unwrap();
    }
    let epochs: Vec<u64> = replicas
        .iter()
        .map(|one| one.stats().unwrap().epoch)
        .collect();
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    let graph_rows = replicas[0].stats().unwrap().graph_rows;
    assert!(graph_rows > 500, "{graph_rows}");
    for seed in 0..20 {
        let query = Query {
            mode: SearchMode::Graph,
            ..query(seed)
        };
        let [one, two, three] = [0, 1, 2].map(|at: usize| replicas[at].search(&query).unwrap());
        assert_eq!(seen(one.clone()), seen(two));
        assert_eq!(seen(one), seen(three));
    }
}

#[test]
fn a_graph_never_makes_a_filtered_answer_short() {
    let index = graph_index(1_024);
    index
        .upsert((0..1_500).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    index.settle().unwrap();
    for (column, value, passing) in [
        ("document", "doc-3", 150),
        ("task", "task-77", 1),
        ("task", "none", 0),
    ] {
        for mode in [SearchMode::Auto, SearchMode::Exact, SearchMode::Graph] {
            let query = Query {
                observation: None,
                model_based: 20,
                per_trajectory_max: 50,
                filter: Some(Filter::In(column.into(), vec![value.into()])),
                mode,
                ..query(1)
            };
            let answer = index.search(&query).unwrap();
            assert_eq!(answer.passing, passing);
            let found = answer.hits.len() + answer.dropped.duplicate as usize;
            assert!(found >= passing.min(20), "{value}: {found}");
        }
    }
}

#[test]
fn readers_beside_a_writer_see_whole_states_only() {
    let index = graph_index(256);
    index
        .upsert((0..400).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (index, is_over) = (&index, &is_over);
            scope.spawn(move || {
                for seed in (reader..).step_by(2) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = index
                        .search(&Query {
                            filter: Some(Filter::In("document".into(), vec!["doc-4".into()])),
                            ..query(seed)
                        })
                        .unwrap();
                    assert!(!answer.hits.is_empty());
                    for hit in &answer.hits {
                        let (id, _) = hit.payload.split_once('/').unwrap();
                        assert_eq!(hit.id, format!("demo-{id}"));
                        assert!(id.ends_with('4') && hit.score.is_finite());
                    }
                }
            });
        }
        for version in 1..8 {
            index
                .upsert((0..400).map(|id| demonstration(id, version)).collect())
                .unwrap();
            index.settle().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn borders_are_errors_that_name_the_value_and_change_nothing() {
    let index = exact_index();
    let nameless = Demonstration {
        task: String::new(),
        ..demonstration(2, 0)
    };
    let Err(IndexError::Invalid(message)) = index.upsert(vec![demonstration(1, 0), nameless])
    else {
        panic!("an empty task must be refused");
    };
    assert!(
        message.contains("demo-2") && message.contains("task"),
        "{message}"
    );
    assert_eq!(index.stats().unwrap().rows, 0);

    index.upsert(vec![demonstration(1, 0)]).unwrap();
    for bad in [
        Query {
            model_based: 4_000_000_000,
            ..query(0)
        },
        Query {
            observation_based: usize::MAX,
            ..query(0)
        },
        Query {
            per_trajectory_max: 0,
            ..query(0)
        },
        Query {
            query: Some("x".repeat(17 * 1024 * 1024)),
            ..query(0)
        },
    ] {
        assert!(matches!(index.search(&bad), Err(IndexError::Invalid(_))));
    }
    let nothing = Query {
        model_based: 0,
        observation_based: 0,
        ..query(0)
    };
    assert!(index.search(&nothing).unwrap().hits.is_empty());
    let nowhere = Query {
        environment: "elsewhere".into(),
        ..query(0)
    };
    assert_eq!(index.search(&nowhere).unwrap(), Answer::default());
    let long = Query {
        observation: Some("word ".repeat(2_000_000)),
        ..query(0)
    };
    assert!(index.search(&long).is_ok());

    index.close();
    index.close();
    assert_eq!(index.search(&query(0)), Err(IndexError::Closed));
    assert_eq!(index.upsert(vec![]), Err(IndexError::Closed));
    assert_eq!(index.remove(&[]), Err(IndexError::Closed));
    assert_eq!(index.settle(), Err(IndexError::Closed));
}

#[test]
fn an_embedder_without_dimensions_is_refused_before_anything_divides_by_them() {
    for dimensions in [0, 16_385] {
        let options = IndexOptions {
            embedder: Embedder::External {
                name: "other".into(),
                dimensions,
            },
            ..IndexOptions::default()
        };
        assert!(matches!(
            DemonstrationIndex::open(None, options),
            Err(IndexError::Invalid(_))
        ));
    }
}
