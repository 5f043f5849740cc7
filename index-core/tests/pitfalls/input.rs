//! Requirements: 4.pitfalls
//! Pitfalls of what is put in and asked for.

use std::cell::OnceCell;
use std::sync::Barrier;

use hindcast_index_core::storage::{publish_manifest, read_manifest};
use hindcast_index_core::{
    Collection, CollectionOptions, IndexError, Schema, SearchMode, VectorQuery, VectorStorage,
};
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::{DIMENSIONS, K, open, plain, query, recall_of, row, rows, search, vector};

fn identity(keys: std::ops::Range<u64>) -> Vec<(u64, u64)> {
    keys.map(|key| (key, key)).collect()
}

#[test]
fn pitfall_01_vectors_that_are_no_numbers_ruin_recall() {
    let live = identity(100..2_000);
    let inner_product = IndexOptions {
        metric: MetricKind::IP,
        ..plain::options()
    };
    let index = plain::empty(&inner_product, 2_000);
    for key in 0..100 {
        index.add(key, &[f32::NAN; DIMENSIONS]).unwrap();
    }
    for (key, _) in &live {
        index.add(*key, &vector(*key)).unwrap();
    }
    let ruined = plain::recall_of(&index, &live);
    assert!(ruined < 0.5, "plain usearch: {ruined}");

    let ours = open(None, 256);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0] {
        let mut bad_row = row(0, 0);
        bad_row.vector = vec![bad; DIMENSIONS];
        assert!(matches!(
            ours.upsert(vec![bad_row]),
            Err(IndexError::Invalid(_))
        ));
    }
    ours.upsert(rows(100..2_000)).unwrap();
    ours.settle().unwrap();
    assert!(recall_of(&ours, &live, SearchMode::Graph) >= 0.98);
    assert!(recall_of(&ours, &live, SearchMode::Exact) >= 1.0);
}

#[test]
fn pitfall_02_the_largest_key_is_never_found() {
    let index = plain::filled(&plain::options(), 0..50);
    index.reserve(60).unwrap();
    index.add(u64::MAX, &vector(999)).unwrap();
    assert!(index.contains(u64::MAX));
    let found = index.search(&vector(999), 51).unwrap();
    assert!(!found.keys.contains(&u64::MAX), "plain usearch loses it");

    let folder = tempfile::tempdir().unwrap();
    let ours = open(Some(folder.path()), 64);
    ours.upsert(vec![row(u64::MAX, 999), row(1, 1)]).unwrap();
    let found = search(&ours, &query(999, 1, SearchMode::Auto));
    assert_eq!(found.ids, [u64::MAX.to_string()]);
    // Our own numbers of rows end before the largest one, with an error and not by starting again.
    ours.checkpoint(1).unwrap();
    drop(ours);
    let mut manifest = read_manifest(folder.path()).unwrap().unwrap().manifest;
    manifest.shards[0].next_ordinal = u32::MAX - 1;
    publish_manifest(folder.path(), &manifest).unwrap();
    let ours = open(Some(folder.path()), 64);
    let too_many = ours.upsert(rows(10..12));
    let Err(IndexError::Invalid(message)) = too_many else {
        panic!("{too_many:?}");
    };
    assert!(
        message.contains("after 4294967294 there is no room for 2"),
        "{message}"
    );
    assert_eq!(ours.stats().unwrap().rows, 2);
    ours.upsert(rows(10..11)).unwrap();
    assert!(ours.upsert(rows(11..12)).is_err());
    let found = search(&ours, &query(10, 1, SearchMode::Auto));
    assert_eq!(
        (found.ids, found.ordinals),
        (vec!["10".into()], vec![u32::MAX - 1])
    );
    assert_eq!(ours.resolve(&[u32::MAX]).unwrap(), [None]);
}

/// Searches that plain usearch takes at a time, up to `most`: the filter of each asks the next.
fn searches_at_once(index: &Index, most: usize) -> usize {
    let inner = OnceCell::new();
    let asked = index.filtered_search(&vector(1), 1, |_| {
        inner.get_or_init(|| {
            most.checked_sub(1)
                .map_or(0, |most| searches_at_once(index, most))
        });
        true
    });
    asked.map_or(0, |_| 1 + inner.get().unwrap_or(&0))
}

#[test]
fn pitfall_04_more_threads_than_were_reserved_cannot_search() {
    let index = plain::filled(&plain::options(), 0..100);
    let more = 2 * std::thread::available_parallelism().unwrap().get() + 2;
    let at_once = searches_at_once(&index, more);
    assert!(at_once < more, "plain usearch takes {at_once}");

    let ours = open(None, 64);
    ours.upsert(rows(0..200)).unwrap();
    ours.settle().unwrap();
    let barrier = Barrier::new(16);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (ours, barrier) = (&ours, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for seed in thread..thread + 50 {
                    let found = search(ours, &query(seed, 1, SearchMode::Graph));
                    assert_eq!(found.ids.len(), 1);
                }
            });
        }
    });
}

#[test]
fn pitfall_12_sizes_are_taken_as_they_come() {
    let without_dimensions = IndexOptions {
        dimensions: 0,
        ..plain::options()
    };
    assert!(Index::new(&without_dimensions).is_ok(), "plain usearch");

    // A huge k there allocates 12 bytes for each result, or aborts; it is only tried on ours.
    let ours = open(None, 64);
    ours.upsert(rows(0..100)).unwrap();
    for k in [0, 1_001, 100_000_000, 4_000_000_000, usize::MAX] {
        let refused = ours.search(&query(1, k, SearchMode::Auto));
        assert!(matches!(refused, Err(IndexError::Invalid(_))), "{k}");
    }
    for expansion in [0, 10_001, usize::MAX] {
        let asked = VectorQuery {
            expansion: Some(expansion),
            ..query(1, 1, SearchMode::Graph)
        };
        assert!(matches!(ours.search(&asked), Err(IndexError::Invalid(_))));
    }
    assert_eq!(
        search(&ours, &query(1, 1_000, SearchMode::Graph)).ids.len(),
        100
    );
    for dimensions in [0, 16_385, usize::MAX] {
        let options = CollectionOptions {
            embedder: "test".into(),
            dimensions,
            field: "observation".into(),
            schema: Schema::default(),
            graph_rows_min: 64,
            storage: VectorStorage::F32,
        };
        assert!(matches!(
            Collection::open(None, options),
            Err(IndexError::Invalid(_))
        ));
    }
}

#[test]
fn pitfall_13_eight_bits_without_a_scale_of_their_own_cost_recall() {
    let live = identity(0..3_000);
    let bytes = IndexOptions {
        quantization: ScalarKind::I8,
        ..plain::options()
    };
    let index = plain::filled(&bytes, 0..3_000);
    let cast = super::recall(&live, |target| index.exact_search(target, K).unwrap().keys);

    // Ours reads 8-bit codes as well, and scores what they leave over in full.
    let ours = open(None, 256);
    ours.upsert(rows(0..3_000)).unwrap();
    ours.optimise().unwrap();
    let graph = recall_of(&ours, &live, SearchMode::Graph);
    assert!(
        cast < 0.97 && graph > cast + 0.02,
        "plain usearch {cast}, ours {graph}"
    );
    assert!(recall_of(&ours, &live, SearchMode::Exact) >= 1.0);
}

#[test]
fn pitfall_14_the_width_of_a_search_belongs_to_all_queries() {
    let live = identity(0..3_000);
    let index = plain::filled(&plain::options(), 0..3_000);
    let before = plain::recall_of(&index, &live);
    // Somebody else wants to be fast.
    index.change_expansion_search(1);
    let after = plain::recall_of(&index, &live);
    assert!(after < before - 0.1, "plain usearch: {before}, {after}");

    let ours = open(None, 256);
    ours.upsert(rows(0..3_000)).unwrap();
    ours.optimise().unwrap();
    let asked = |seed, expansion| VectorQuery {
        expansion: Some(expansion),
        ..query(seed, K, SearchMode::Graph)
    };
    let visited = |expansion| -> usize {
        let answers = (5_000..5_020).map(|seed| search(&ours, &asked(seed, expansion)));
        answers.map(|answer| answer.parts[0].visited).sum()
    };
    assert!(
        visited(10) * 3 < visited(200),
        "{} {}",
        visited(10),
        visited(200)
    );
    let alone: Vec<_> = (5_000..5_020)
        .map(|seed| search(&ours, &asked(seed, 200)))
        .collect();
    std::thread::scope(|scope| {
        let hasty = scope.spawn(|| visited(1));
        for (seed, alone) in (5_000..5_020).zip(&alone) {
            assert_eq!(search(&ours, &asked(seed, 200)), *alone);
        }
        hasty.join().unwrap();
    });
}
