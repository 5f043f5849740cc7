//! The index as a library: what it answers after a long life, beside writers, and through a graph.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use hindcast_index_core::{
    Answer, Column, Demonstration, DemonstrationIndex, Filter, IndexError, IndexOptions, Query,
};
use proptest::prelude::*;

const WORDS: [&str; 12] = [
    "git",
    "tag",
    "commit",
    "branch",
    "create",
    "remove",
    "file",
    "folder",
    "log",
    "README.md",
    "install",
    "version",
];

/// A pseudo-random text that is the same in every run.
fn text(seed: usize, length: usize) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let word = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!(
            "{}{}",
            WORDS[(state >> 40) % WORDS.len()],
            (state >> 50) % 40
        )
    };
    (0..length).map(word).collect::<Vec<_>>().join(" ")
}

fn demonstration(id: usize, version: usize) -> Demonstration {
    let seed = id * 31 + version;
    Demonstration {
        id: format!("demo-{id}"),
        environment: "shell".into(),
        campaign: "c-1".into(),
        document: format!("doc-{}", id % 10),
        task: format!("task-{id}"),
        episode: format!("ep-{}", seed % 50),
        kind: "new-task".into(),
        replay: "verified".into(),
        models: vec!["offline:rules".into()],
        instruction: text(seed, 6),
        actions: vec![format!("echo {}", seed % 20)],
        observations: vec![text(seed % 17, 5), text(seed, 8)],
        summaries: vec![text(seed + 7, 5)],
        tokens: 100,
        payload: format!("{id}/{version}"),
    }
}

fn query(seed: usize) -> Query {
    Query {
        environment: "shell".into(),
        observation: Some(text(seed % 17, 5)),
        query: Some(text(seed, 4)),
        observation_based: 5,
        model_based: 5,
        per_trajectory_max: 2,
        token_budget: 100_000,
        ..Query::default()
    }
}

fn answers(index: &DemonstrationIndex) -> Vec<Answer> {
    (0..20)
        .map(|seed| index.search(&query(seed)).unwrap())
        .collect()
}

fn recall(found: &[Answer], exact: &[Answer]) -> f64 {
    let ids = |answer: &Answer| {
        answer
            .hits
            .iter()
            .map(|hit| hit.id.clone())
            .collect::<Vec<_>>()
    };
    let (mut same, mut all) = (0_u32, 0_u32);
    for (found, exact) in found.iter().zip(exact) {
        all += u32::try_from(exact.hits.len()).unwrap();
        same += u32::try_from(
            ids(exact)
                .iter()
                .filter(|id| ids(found).contains(id))
                .count(),
        )
        .unwrap();
    }
    f64::from(same) / f64::from(all)
}

#[test]
fn ten_full_turnovers_leave_the_answers_of_a_fresh_index() {
    let (old, fresh) = (
        DemonstrationIndex::new(IndexOptions::default()),
        DemonstrationIndex::new(IndexOptions::default()),
    );
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
    assert_eq!(old.stats().unwrap(), fresh.stats().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn any_history_gives_the_answers_of_its_last_state(
        changes in proptest::collection::vec((0_usize..40, 0_usize..4, proptest::bool::ANY), 0..400),
    ) {
        let old = DemonstrationIndex::new(IndexOptions::default());
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
        let fresh = DemonstrationIndex::new(IndexOptions::default());
        fresh.upsert(live.iter().map(|(id, version)| demonstration(*id, *version)).collect()).unwrap();
        prop_assert_eq!(answers(&old), answers(&fresh));
        for (id, version) in live {
            let payload = old.get(&[format!("demo-{id}")]).unwrap().remove(0).unwrap();
            prop_assert_eq!(payload.to_string(), format!("{id}/{version}"));
        }
    }
}

#[test]
fn a_graph_changes_the_speed_of_answers_and_hardly_the_answers() {
    let exact = DemonstrationIndex::new(IndexOptions::default());
    let graph = DemonstrationIndex::new(IndexOptions {
        graph_rows_min: 1_000,
        scan_rows_max: 50,
    });
    assert_eq!(
        graph.build_graphs().unwrap(),
        0,
        "an empty index needs no graph"
    );
    for index in [&exact, &graph] {
        index
            .upsert((0..1_200).map(|id| demonstration(id, 0)).collect())
            .unwrap();
    }
    assert_eq!(
        (graph.build_graphs().unwrap(), exact.build_graphs().unwrap()),
        (1, 0)
    );
    assert_eq!(graph.stats().unwrap().graph_rows, 1_200);
    assert_eq!(
        graph.build_graphs().unwrap(),
        0,
        "a graph that covers the rows is kept"
    );
    assert!(recall(&answers(&graph), &answers(&exact)) >= 0.95);

    // What comes, changes and goes afterwards is seen at once.
    for index in [&exact, &graph] {
        index
            .upsert((1_100..1_400).map(|id| demonstration(id, 1)).collect())
            .unwrap();
        index
            .remove(&(0..200).map(|id| format!("demo-{id}")).collect::<Vec<_>>())
            .unwrap();
    }
    assert!(recall(&answers(&graph), &answers(&exact)) >= 0.95);
    let newest = Query {
        query: Some(text(1_399 * 31 + 1, 6)),
        observation: None,
        ..query(0)
    };
    assert_eq!(graph.search(&newest).unwrap().hits[0].id, "demo-1399");
}

#[test]
fn a_graph_never_makes_a_filtered_answer_short() {
    let index = DemonstrationIndex::new(IndexOptions {
        graph_rows_min: 1_000,
        scan_rows_max: 0,
    });
    index
        .upsert((0..1_500).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    index.build_graphs().unwrap();
    for (column, value, passing) in [
        (Column::Document, "doc-3", 150),
        (Column::Task, "task-77", 1),
        (Column::Task, "none", 0),
    ] {
        let query = Query {
            observation: None,
            model_based: 20,
            per_trajectory_max: 50,
            filter: Some(Filter::In(column, vec![value.into()])),
            ..query(1)
        };
        let answer = index.search(&query).unwrap();
        let found = answer.hits.len() + answer.dropped.duplicate as usize;
        assert!(found >= passing.min(20), "{value}: {found}");
    }
}

#[test]
fn readers_beside_a_writer_see_whole_states_only() {
    let index = DemonstrationIndex::new(IndexOptions {
        graph_rows_min: 300,
        scan_rows_max: 100,
    });
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
                            filter: Some(Filter::In(Column::Document, vec!["doc-4".into()])),
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
            index.build_graphs().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn borders_are_errors_that_name_the_value_and_change_nothing() {
    let index = DemonstrationIndex::new(IndexOptions::default());
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
    assert_eq!(index.stats().unwrap().demonstrations, 0);

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
    assert_eq!(index.search(&nothing).unwrap(), Answer::default());
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
    assert_eq!(index.build_graphs(), Err(IndexError::Closed));
}
