//! Requirements: 4.2.segments, 4.2.bf16, 4.3.filters, 4.6.live
//! Any history of writes and background work, in either storage, against brute force.

use std::collections::BTreeMap;

use hindcast_index_core::{
    Collection, CollectionOptions, Filter, SearchMode, VectorQuery, VectorStorage,
};
use proptest::prelude::*;

use crate::{options, query, row, vector};

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

/// By the definition: scaled to length 1, and rounded to eight bits of precision, ties to even.
#[expect(
    clippy::cast_possible_truncation,
    reason = "components are f32, exponents small"
)]
fn stored(vector: &[f32], storage: VectorStorage) -> Vec<f32> {
    if storage == VectorStorage::F32 {
        return vector.to_vec();
    }
    let square: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    let rounded = |value: &f32| {
        let unit = (f64::from(*value) / square.sqrt()) as f32;
        let step = 2_f32.powi(unit.abs().log2().floor() as i32 - 7);
        if unit == 0.0 {
            unit
        } else {
            (unit / step).round_ties_even() * step
        }
    };
    vector.iter().map(rounded).collect()
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
    fn any_history_answers_as_brute_force_does(changes in changes(), is_rounded: bool) {
        let storage = if is_rounded { VectorStorage::Bf16 } else { VectorStorage::F32 };
        // Graphs of 64 rows and more; exact mode must not care.
        let collection = Collection::open(None, CollectionOptions { storage, ..options(64) }).unwrap();
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
                            let score = cosine(&target, &stored(&row(*id, *version).vector, storage));
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
