//! How the retrievers' lists become one answer.
//!
//! Requirements: 4.5.ranking, 4.5.window, 4.3.filters
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;

use hindcast_index_core::{Demonstration, Exclusions, Filter, IndexError, Query, Ranking, Window};
use support::{demonstration, exact_index, query};

fn fused(mmr_lambda: Option<f64>, utility_weight: f64) -> Ranking {
    Ranking::Fused {
        rrf_k: 60,
        mmr_lambda,
        utility_weight,
    }
}

fn ids(index: &hindcast_index_core::DemonstrationIndex, query: &Query) -> Vec<String> {
    let answer = index.search(query).unwrap();
    answer.hits.into_iter().map(|hit| hit.id).collect()
}

/// The definition, from the lists that the paper's order shows one by one.
#[test]
fn reciprocal_rank_fusion_is_the_sum_of_reciprocal_ranks() {
    let index = exact_index();
    index
        .upsert((0..300).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    let whole = |query: &Query| Query {
        per_trajectory_max: 1_000,
        ..query.clone()
    };
    for seed in 0..30 {
        let asked = whole(&query(seed));
        let lexical = Query {
            model_based: 0,
            observation_based: 300,
            ..asked.clone()
        };
        let dense = Query {
            observation_based: 0,
            observation: None,
            model_based: 300,
            ..asked.clone()
        };
        let mut scores: HashMap<String, f64> = HashMap::new();
        for list in [&lexical, &dense] {
            for hit in index.search(list).unwrap().hits {
                let rank = f64::from(u32::try_from(hit.rank).unwrap());
                *scores.entry(hit.id).or_default() += 1.0 / (61.0 + rank);
            }
        }
        let answer = index
            .search(&Query {
                ranking: fused(None, 0.0),
                ..asked
            })
            .unwrap();
        assert_eq!(answer.hits.len(), 10);
        for pair in answer.hits.windows(2) {
            assert!(pair[0].fused >= pair[1].fused);
        }
        // A row that matches exactly and by BM25 counts in both lists, so the definition is a lower bound.
        for hit in &answer.hits {
            let wanted = scores.get(&hit.id).copied().unwrap_or_default();
            assert!(hit.fused.unwrap() >= wanted - 1e-6, "{hit:?}: {wanted}");
        }
    }
}

#[test]
fn utility_decides_between_equals_and_its_weight_how_much() {
    let index = exact_index();
    let worth = |id: usize, utility: f64| Demonstration {
        utility,
        instruction: "Create a tag".into(),
        summaries: vec![],
        actions: vec![format!("git tag v{id}")],
        episode: format!("ep-{id}"),
        ..demonstration(id, 0)
    };
    index
        .upsert(vec![worth(1, 0.1), worth(2, 0.9), worth(3, 0.5)])
        .unwrap();
    let asked = |weight| Query {
        observation: None,
        query: Some("create a tag".into()),
        ranking: fused(None, weight),
        ..query(0)
    };
    assert_eq!(ids(&index, &asked(0.0)), ["demo-1", "demo-2", "demo-3"]);
    assert_eq!(ids(&index, &asked(1.0)), ["demo-2", "demo-3", "demo-1"]);
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(
            index.search(&asked(bad)),
            Err(IndexError::Invalid(_))
        ));
    }
    let by_range = Query {
        filter: Some(Filter::Range("utility".into(), Some(0.4), None)),
        ..asked(0.0)
    };
    assert_eq!(ids(&index, &by_range), ["demo-2", "demo-3"]);
}

#[test]
fn maximal_marginal_relevance_prefers_what_is_new() {
    let index = exact_index();
    let about = |id: usize, instruction: &str| Demonstration {
        instruction: instruction.into(),
        summaries: vec![],
        actions: vec![format!("echo {id}")],
        episode: format!("ep-{id}"),
        ..demonstration(id, 0)
    };
    index
        .upsert(vec![
            about(1, "create an annotated tag"),
            about(2, "create an annotated tag now"),
            about(3, "create a branch"),
        ])
        .unwrap();
    let asked = |lambda| Query {
        observation: None,
        observation_based: 0,
        query: Some("create an annotated tag".into()),
        model_based: 2,
        ranking: fused(Some(lambda), 0.0),
        ..query(0)
    };
    assert_eq!(ids(&index, &asked(1.0)), ["demo-1", "demo-2"]);
    assert_eq!(ids(&index, &asked(0.3)), ["demo-1", "demo-3"]);
}

#[test]
fn caps_duplicates_and_the_leakage_guard_hold_in_every_order() {
    let index = exact_index();
    index
        .upsert((0..200).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    for ranking in [Ranking::Paper, fused(None, 0.0), fused(Some(0.5), 0.5)] {
        for seed in 0..20 {
            let answer = index
                .search(&Query {
                    per_trajectory_max: 1,
                    ranking,
                    exclude: Exclusions {
                        tasks: (0..100).map(|id| format!("task-{id}")).collect(),
                        documents: vec!["doc-3".into()],
                        ..Exclusions::default()
                    },
                    ..query(seed)
                })
                .unwrap();
            let rows: Vec<usize> = answer
                .hits
                .iter()
                .map(|hit| hit.id["demo-".len()..].parse().unwrap())
                .collect();
            assert!(rows.iter().all(|id| *id >= 100 && id % 10 != 3), "{rows:?}");
            let episodes: std::collections::HashSet<_> =
                rows.iter().map(|id| id * 31 % 50).collect();
            assert_eq!(
                episodes.len(),
                rows.len(),
                "one of each trajectory: {rows:?}"
            );
            assert_eq!(answer.passing, 90);
        }
    }
}

#[test]
fn a_window_counts_its_own_tokens_against_the_budget() {
    let index = exact_index();
    index
        .upsert(vec![Demonstration {
            observations: (0..5)
                .map(|at| format!("state number {at} of five"))
                .collect(),
            actions: (0..4).map(|at| format!("step {at}")).collect(),
            // Whole, fixed, five observations, four actions.
            tokens: vec![1_000, 10, 1, 2, 3, 4, 5, 100, 200, 300, 400],
            ..demonstration(1, 0)
        }])
        .unwrap();
    let asked = |budget| Query {
        query: None,
        observation: Some("state number 2 of five".into()),
        window: Some(Window {
            before: 0,
            after: 1,
        }),
        token_budget: budget,
        ..query(0)
    };
    let Some(hit) = index.search(&asked(317)).unwrap().hits.pop() else {
        panic!("317 tokens fit");
    };
    assert_eq!(
        (hit.position, hit.window, hit.tokens),
        (Some(2), Some((2, 3)), 10 + 3 + 4 + 300)
    );
    let answer = index.search(&asked(316)).unwrap();
    assert_eq!((answer.hits.len(), answer.dropped.token_budget), (0, 1));
}

/// Where only relevance counts, the most relevant come first, whatever was refused on the way.
#[test]
fn marginal_relevance_without_diversity_is_relevance() {
    let index = exact_index();
    index
        .upsert((0..300).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    for seed in 0..30 {
        let asked = |mmr_lambda, per_trajectory_max| Query {
            ranking: fused(mmr_lambda, 0.0),
            per_trajectory_max,
            ..query(seed)
        };
        for most in [1, 2, 1_000] {
            let expected = ids(&index, &asked(None, most));
            assert_eq!(ids(&index, &asked(Some(1.0), most)), expected);
        }
    }
}
