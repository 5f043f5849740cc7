//! An index on disk: what a checkpoint holds, and what happens to folders that are not what they should be.
//!
//! Requirements: 4.6.crash-safe, 4.6.replicas, 4.4.refused
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::Path;

use hindcast_index_core::{
    DemonstrationIndex, Embedder, IndexError, IndexOptions, Query, SearchMode, ShardOptions,
    VectorStorage,
};
use proptest::prelude::*;
use support::{answers, demonstration, query, seen};

fn options() -> IndexOptions {
    IndexOptions {
        shard: ShardOptions {
            graph_rows_min: 256,
        },
        ..IndexOptions::default()
    }
}

fn open(folder: &Path) -> DemonstrationIndex {
    DemonstrationIndex::open(Some(folder), options()).unwrap()
}

#[test]
fn what_is_opened_again_answers_as_before_without_building_anything() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    assert_eq!(index.sequence(), 0);
    index
        .upsert((0..700).map(|id| demonstration(id, 0)).collect())
        .unwrap();
    index.settle().unwrap();
    index
        .upsert((600..800).map(|id| demonstration(id, 1)).collect())
        .unwrap();
    index
        .remove(&["demo-5".into(), "demo-650".into(), "demo-799".into()])
        .unwrap();
    let checkpoint = index.checkpoint(903).unwrap();
    assert_eq!(checkpoint.sequence, 903);
    assert!(
        checkpoint.files.iter().all(|file| folder
            .path()
            .join(&file.name)
            .metadata()
            .unwrap()
            .len()
            == file.bytes)
    );
    let expected = answers(&index);
    let stats = index.stats().unwrap();
    index.close();

    let again = open(folder.path());
    assert_eq!(again.sequence(), 903);
    assert_eq!(answers(&again), expected);
    let restored = again.stats().unwrap();
    assert_eq!(
        (restored.rows, restored.graph_rows, restored.epoch),
        (stats.rows, stats.graph_rows, stats.epoch)
    );
    assert_eq!(
        again.get(&["demo-650".into(), "demo-1".into()]).unwrap(),
        [None, Some("1/0".into())]
    );
    // Nothing has changed, so no segment is written again.
    let unchanged = again.checkpoint(904).unwrap();
    let segments = |files: &[hindcast_index_core::storage::FileEntry]| {
        files
            .iter()
            .filter(|file| file.name != "MANIFEST")
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(segments(&unchanged.files), segments(&checkpoint.files));
}

/// A replica that was killed and replays its log from its checkpoint ends where one does that was never killed, graphs
/// included.
#[test]
fn a_checkpoint_and_the_rest_of_the_log_are_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let log: Vec<(usize, usize)> = (0..1_400).map(|at| (at * 11 % 800, at / 800)).collect();
    let apply = |index: &DemonstrationIndex, entries: &[(usize, usize)]| {
        for batch in entries.chunks(23) {
            index
                .upsert(
                    batch
                        .iter()
                        .map(|(id, version)| demonstration(*id, *version))
                        .collect(),
                )
                .unwrap();
        }
    };
    let steady = DemonstrationIndex::open(None, options()).unwrap();
    apply(&steady, &log);
    steady.settle().unwrap();
    let index = open(folder.path());
    apply(&index, &log[..900]);
    // Graphs that were asked for before the checkpoint are not built yet.
    index.checkpoint(900).unwrap();
    apply(&index, &log[900..1_000]);
    index.close();
    let again = open(folder.path());
    apply(&again, &log[usize::try_from(again.sequence()).unwrap()..]);
    again.settle().unwrap();
    assert_eq!(again.stats().unwrap().epoch, steady.stats().unwrap().epoch);
    for seed in 0..20 {
        let query = Query {
            mode: SearchMode::Graph,
            ..query(seed)
        };
        assert_eq!(
            seen(again.search(&query).unwrap()),
            seen(steady.search(&query).unwrap())
        );
    }
}

#[test]
fn two_processes_or_another_embedder_or_a_later_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.upsert(vec![demonstration(1, 0)]).unwrap();
    index.checkpoint(1).unwrap();
    let twice = DemonstrationIndex::open(Some(folder.path()), options()).err();
    assert!(
        matches!(twice, Some(IndexError::Locked { .. })),
        "{twice:?}"
    );
    index.close();
    drop(index);
    let other = IndexOptions {
        embedder: Embedder::External {
            name: "gemini".into(),
            dimensions: 8,
        },
        ..options()
    };
    let Some(IndexError::Foreign(message)) =
        DemonstrationIndex::open(Some(folder.path()), other).err()
    else {
        panic!("vectors of another embedder must be refused");
    };
    assert!(
        message.contains("gemini/8") && message.contains("hash-v1/1024"),
        "{message}"
    );
    assert_eq!(
        open(folder.path()).stats().unwrap().rows,
        1,
        "refusing changed nothing"
    );
}

#[test]
fn discarding_removes_what_is_ours_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.upsert(vec![demonstration(1, 0)]).unwrap();
    index.checkpoint(1).unwrap();
    let while_open = hindcast_index_core::storage::discard(folder.path());
    assert!(matches!(while_open, Err(IndexError::Locked { .. })));
    drop(index);
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    hindcast_index_core::storage::discard(folder.path()).unwrap();
    let index = open(folder.path());
    assert_eq!((index.sequence(), index.stats().unwrap().rows), (0, 0));
    assert_eq!(
        fs::read_to_string(folder.path().join("notes.txt")).unwrap(),
        "mine"
    );
}

/// A folder knows how its rows are kept: it is never read as what it is not, and one of before is f32.
#[test]
fn a_folder_of_another_storage_is_refused_with_the_way_out() {
    let stored_as = |storage| IndexOptions {
        storage,
        ..options()
    };
    let (f32, bf16) = (VectorStorage::F32, VectorStorage::Bf16);
    for (storage, other, version) in [(f32, bf16, "1"), (bf16, f32, "2")] {
        let folder = tempfile::tempdir().unwrap();
        let open = |storage| DemonstrationIndex::open(Some(folder.path()), stored_as(storage));
        let index = open(storage).unwrap();
        index
            .upsert((0..300).map(|id| demonstration(id, 0)).collect())
            .unwrap();
        index.settle().unwrap();
        index.checkpoint(300).unwrap();
        let (expected, stats) = (answers(&index), index.stats().unwrap());
        assert_eq!(stats.storage, storage);
        let row = if storage == f32 {
            1_024 * 4
        } else {
            1_024 * 2 + 4
        };
        assert_eq!(stats.row_bytes, 300 * row);
        assert!(stats.graph_rows > 0);
        drop(index);
        // A process that knows one storage only takes the manifest of its own, and calls the other newer.
        let manifest = fs::read_to_string(folder.path().join("MANIFEST")).unwrap();
        assert_eq!(manifest.split(' ').nth(1), Some(version));
        assert_eq!(manifest.contains("storage"), storage == bf16);
        let Some(IndexError::Foreign(message)) = open(other).err() else {
            panic!("rows of another storage must be refused");
        };
        assert!(
            message.contains(&format!("keeps its rows as {storage}, not as {other}"))
                && message.contains("rebuild it: discard the folder"),
            "{message}"
        );
        let again = open(storage).unwrap();
        assert_eq!(answers(&again), expected, "refusing changed nothing");
        assert_eq!(again.stats().unwrap().row_bytes, stats.row_bytes);
        assert!(again.stats().unwrap().mapped_bytes >= stats.row_bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// One flipped byte in any file: a typed error, or the checkpoint of before; never a panic, never a wrong answer.
    #[test]
    fn damage_is_found_and_the_checkpoint_before_is_taken(file in 0_usize..6, at in 0_usize..1_000_000, bit in 0_u8..8, is_rounded: bool) {
        let folder = tempfile::tempdir().unwrap();
        let storage = if is_rounded { VectorStorage::Bf16 } else { VectorStorage::F32 };
        let open = || DemonstrationIndex::open(Some(folder.path()), IndexOptions { storage, ..options() });
        let index = open().unwrap();
        index.upsert((0..60).map(|id| demonstration(id, 0)).collect()).unwrap();
        index.checkpoint(60).unwrap();
        let older = answers(&index);
        index.upsert((0..20).map(|id| demonstration(id, 1)).collect()).unwrap();
        index.checkpoint(80).unwrap();
        let newer = answers(&index);
        drop(index);
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|path| !path.ends_with("LOCK"));
        names.sort();
        let path = &names[file % names.len()];
        let mut bytes = fs::read(path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fs::write(path, bytes).unwrap();
        match open() {
            Ok(index) => {
                let found = answers(&index);
                prop_assert_eq!(index.fallback().is_some(), index.sequence() == 60);
                match index.sequence() {
                    60 => prop_assert_eq!(found, older),
                    80 => prop_assert_eq!(found, newer),
                    other => prop_assert!(false, "sequence {}", other),
                }
            }
            Err(IndexError::Damaged { .. } | IndexError::Corrupt(_) | IndexError::Newer { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
