//! Requirements: 4.pitfalls
//! Pitfalls of keeping an index.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hindcast_index_core::SearchMode;

use super::{open, plain, query, rows, search};

#[test]
fn pitfall_10_what_is_saved_beside_writes_cannot_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    // Chance decides when plain usearch, saved while another thread adds, is lost or crashes; it is not tried.
    let home = folder.path().join("ours");
    let ours = open(Some(&home), 64);
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in 0..1_000 {
                ours.upsert(rows(id..id + 1)).unwrap();
                written.store(id + 1, Ordering::Release);
            }
        });
        for sequence in 1..=8 {
            while written.load(Ordering::Acquire) < sequence * 100 {
                std::thread::yield_now();
            }
            let least = written.load(Ordering::Acquire);
            let files = ours.checkpoint(sequence).unwrap().files;
            let copy = folder.path().join(format!("copy-{sequence}"));
            fs::create_dir(&copy).unwrap();
            for file in files {
                fs::copy(home.join(&file.name), copy.join(&file.name)).unwrap();
            }
            // Everything up to some row, and nothing behind it.
            let copy = open(Some(&copy), 64);
            let count = copy.stats().unwrap().rows as u64;
            assert!(
                count >= least,
                "{least} rows had been written, {count} are there"
            );
            for id in (0..count).step_by(97).chain([count - 1]) {
                let found = search(&copy, &query(id, 1, SearchMode::Exact));
                assert_eq!(found.ids, [id.to_string()]);
            }
        }
    });
}

#[test]
fn pitfall_11_a_kill_while_saving_destroys_the_only_copy() {
    // What a kill leaves of a file that is written in place. `tests/kill.rs` does kill.
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved");
    let index = plain::filled(&plain::options(), 0..200);
    index.save(saved.to_str().unwrap()).unwrap();
    cut(&saved);
    assert!(index.load(saved.to_str().unwrap()).is_err());
    assert_eq!(
        index.size(),
        0,
        "plain usearch has lost what it had in memory as well"
    );

    let home = folder.path().join("ours");
    let ours = open(Some(&home), 64);
    ours.upsert(rows(0..200)).unwrap();
    ours.checkpoint(200).unwrap();
    ours.upsert(rows(200..300)).unwrap();
    let files = ours.checkpoint(300).unwrap().files;
    drop(ours);
    // Both the half of a file under its temporary name and a damaged newest segment leave the checkpoint of before.
    let newest = files
        .iter()
        .rev()
        .find(|file| file.name != "MANIFEST")
        .unwrap();
    fs::copy(
        home.join(&newest.name),
        home.join("000000000099.segment.tmp"),
    )
    .unwrap();
    cut(&home.join("000000000099.segment.tmp"));
    let ours = open(Some(&home), 64);
    assert_eq!((ours.sequence(), ours.stats().unwrap().rows), (300, 300));
    drop(ours);
    cut(&home.join(&newest.name));
    let ours = open(Some(&home), 64);
    assert_eq!((ours.sequence(), ours.stats().unwrap().rows), (200, 200));
    assert_eq!(search(&ours, &query(7, 1, SearchMode::Exact)).ids, ["7"]);
}

#[test]
fn pitfall_15_the_memory_that_is_reported_is_not_what_is_used() {
    let index = plain::filled(&plain::options(), 0..5_000);
    let (reported, saved) = (index.memory_usage(), index.serialized_length());
    assert!(
        reported * 10 > saved * 12,
        "plain usearch: {reported} for {saved}"
    );

    // Ours says what lies in memory and what is mapped from files, and together they are what is on disk.
    let folder = tempfile::tempdir().unwrap();
    let ours = open(Some(folder.path()), 512);
    ours.upsert(rows(0..5_000)).unwrap();
    ours.optimise().unwrap();
    let before = ours.stats().unwrap();
    let files = ours.checkpoint(1).unwrap().files;
    let disk: u64 = files.iter().map(|file| file.bytes).sum();
    drop(ours);
    let after = open(Some(folder.path()), 512).stats().unwrap();
    assert_eq!(before.mapped_bytes, 0);
    assert_eq!(
        after.mapped_bytes,
        5_000 * super::DIMENSIONS * size_of::<f32>()
    );
    assert_eq!(
        after.resident_bytes + after.mapped_bytes,
        before.resident_bytes
    );
    let ours = before.resident_bytes as u64;
    assert!(
        ours <= disk && ours * 10 >= disk * 8,
        "{ours} in memory, {disk} on disk"
    );
}
