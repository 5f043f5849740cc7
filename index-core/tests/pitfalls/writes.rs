//! Requirements: 4.pitfalls
//! Pitfalls of changing an index that is being searched.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use hindcast_index_core::{Collection, SearchMode};

use super::{cosine, nearest, open, plain, query, recall_of, row, rows, search, vector};

#[test]
fn pitfall_03_rows_added_by_many_threads_are_stranded() {
    // Chance decides how many plain usearch strands; ours inserts one by one and links again what is out of reach.
    let ours = open(None, 512);
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (ours, barrier) = (&ours, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for from in (thread * 250..(thread + 1) * 250).step_by(25) {
                    ours.upsert(rows(from..from + 25)).unwrap();
                    ours.settle().unwrap();
                }
            });
        }
    });
    ours.optimise().unwrap();
    let stats = ours.stats().unwrap();
    assert_eq!((stats.rows, stats.graph_rows), (2_000, 2_000));
    for id in 0..2_000 {
        let found = search(&ours, &query(id, 1, SearchMode::Graph));
        assert_eq!(found.ids, [id.to_string()], "it is out of reach");
    }
}

#[test]
fn pitfall_05_what_is_removed_takes_place_for_ever() {
    let index = plain::filled(&plain::options(), 0..2_000);
    let before = (index.memory_usage(), index.serialized_length());
    for key in 20..2_000 {
        index.remove(key).unwrap();
    }
    index.compact().unwrap();
    assert_eq!(index.size(), 20);
    let after = (index.memory_usage(), index.serialized_length());
    assert!(
        after.0 >= before.0 && after.1 >= before.1,
        "plain usearch: {before:?} {after:?}"
    );

    let folder = tempfile::tempdir().unwrap();
    let ours = open(Some(folder.path()), 256);
    ours.upsert(rows(0..2_000)).unwrap();
    ours.settle().unwrap();
    let bytes = |ours: &Collection, sequence| -> u64 {
        let files = ours.checkpoint(sequence).unwrap().files;
        files.iter().map(|file| file.bytes).sum()
    };
    let (memory, disk) = (ours.stats().unwrap(), bytes(&ours, 1));
    let removed: Vec<String> = (20..2_000).map(|id| id.to_string()).collect();
    assert_eq!(ours.remove(&removed).unwrap(), 1_980);
    ours.settle().unwrap();
    let stats = ours.stats().unwrap();
    assert!(stats.rows == 20 && stats.dead_rows <= 20, "{stats:?}");
    assert!(stats.resident_bytes * 20 < memory.resident_bytes);
    assert!(bytes(&ours, 2) * 10 < disk);
    let found = search(&ours, &query(1, 20, SearchMode::Graph));
    let visited: usize = found.parts.iter().map(|part| part.visited).sum();
    assert!(
        found.ids.len() == 20 && visited <= 40,
        "{visited} rows are read for 20"
    );
}

#[test]
fn pitfall_06_every_turnover_costs_recall() {
    const ROUNDS: u64 = 10;
    let index = plain::filled(&plain::options(), 0..3_000);
    let ours = open(None, 256);
    ours.upsert(rows(0..3_000)).unwrap();
    let mut live: Vec<(u64, u64)> = (0..3_000).map(|key| (key, key)).collect();
    let fresh = plain::recall_of(&index, &live);
    for round in 1..=ROUNDS {
        for (key, seed) in live.iter_mut().filter(|(key, _)| key % 2 == round % 2) {
            *seed = *key + round * 10_000;
            index.remove(*key).unwrap();
            index.add(*key, &vector(*seed)).unwrap();
        }
        let changed = live.iter().filter(|(key, _)| key % 2 == round % 2);
        ours.upsert(changed.map(|(key, seed)| row(*key, *seed)).collect())
            .unwrap();
        ours.settle().unwrap();
    }
    let old = plain::recall_of(&index, &live);
    assert!(
        old < fresh - 0.02,
        "plain usearch: {fresh}, after ten rounds {old}"
    );
    let graph = recall_of(&ours, &live, SearchMode::Graph);
    let anew = open(None, 256);
    anew.upsert(live.iter().map(|(key, seed)| row(*key, *seed)).collect())
        .unwrap();
    anew.settle().unwrap();
    let expected = recall_of(&anew, &live, SearchMode::Graph);
    assert!(
        graph >= expected - 0.005 && graph > fresh - 0.02,
        "{graph}, anew {expected}"
    );
    assert!(recall_of(&ours, &live, SearchMode::Exact) >= 1.0);
}

/// Runs `write` while another thread searches without pause; `check` looks at every answer.
fn while_searching(
    ours: &Collection,
    check: impl Fn(u64, &hindcast_index_core::VectorAnswer) + Sync,
    write: impl FnOnce(),
) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let modes = [SearchMode::Graph, SearchMode::Exact, SearchMode::Auto];
            for (seed, mode) in (0..).zip(modes.iter().cycle()) {
                check(seed, &search(ours, &query(seed, 10, *mode)));
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        write();
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn pitfall_07_searches_beside_writes_return_what_was_never_there() {
    const VERSIONS: u64 = 6;
    let ours = open(None, 128);
    ours.upsert(rows(0..500)).unwrap();
    let check = |seed: u64, answer: &hindcast_index_core::VectorAnswer| {
        assert_eq!(answer.ids.len(), 10, "500 rows live at any time");
        for (at, (id, score)) in answer.ids.iter().zip(&answer.scores).enumerate() {
            assert!(!answer.ids[..at].contains(id), "{id} is there twice");
            let key: u64 = id.parse().unwrap();
            let is_its_own = (0..VERSIONS).any(|version| {
                let own = vector(key + version * 10_000);
                (cosine(&vector(seed), &own) - score).abs() < 3e-6
            });
            assert!(is_its_own, "{id} never had the score {score}");
        }
    };
    while_searching(&ours, check, || {
        for version in 1..VERSIONS {
            for from in (0..500).step_by(20) {
                let batch = (from..from + 20).map(|key| row(key, key + version * 10_000));
                ours.upsert(batch.collect()).unwrap();
            }
            ours.settle().unwrap();
        }
    });
    for key in 0..500 {
        let last = query(key + (VERSIONS - 1) * 10_000, 1, SearchMode::Exact);
        assert_eq!(
            search(&ours, &last).ids,
            [key.to_string()],
            "nothing stays lost"
        );
    }
}

#[test]
fn pitfall_08_growing_beside_searches_takes_the_process_down() {
    // Not tried on plain usearch: a `reserve` beside a search ends in a segmentation fault.
    let ours = open(None, 256);
    while_searching(
        &ours,
        |_, answer| assert!(answer.scores.iter().all(|score| score.is_finite())),
        || {
            for from in (0..4_000).step_by(100) {
                ours.upsert(rows(from..from + 100)).unwrap();
                if from % 1_000 == 0 {
                    ours.settle().unwrap();
                }
            }
        },
    );
    assert_eq!(ours.stats().unwrap().rows, 4_000);
    let live: Vec<(u64, u64)> = (0..4_000).map(|key| (key, key)).collect();
    let found = search(&ours, &query(9_000, 10, SearchMode::Exact)).ids;
    let expected = nearest(&live, &vector(9_000), 10);
    assert_eq!(
        found,
        expected.iter().map(u64::to_string).collect::<Vec<_>>()
    );
}

#[test]
fn pitfall_09_threads_that_add_the_same_keys_add_them_twice() {
    // Chance decides whether plain usearch does; with us a shard has one writer at a time.
    let ours = open(None, 128);
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for from in (0..500).step_by(10) {
                    ours.upsert(rows(from..from + 10)).unwrap();
                }
            });
        }
    });
    ours.settle().unwrap();
    assert_eq!(ours.stats().unwrap().rows, 500);
    let mut ids = search(&ours, &query(1, 1_000, SearchMode::Exact)).ids;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 500);
}
