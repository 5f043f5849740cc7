//! Requirements: 4.6.crash-safe
//! A disk that is full, read-only or gone: a checkpoint fails with its own code, the one before stays whole, the index
//! goes on, and the next checkpoint succeeds as soon as the reason is gone.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says when it has nothing to try on"
)]

mod support;

use std::path::Path;
use std::process::Command;

use hindcast_index_core::{DemonstrationIndex, IndexOptions};
use support::log::{apply, assert_holds, live};

const FOLDER_VARIABLE: &str = "HINDCAST_SMALL_DISK";

fn open(folder: &Path) -> DemonstrationIndex {
    DemonstrationIndex::open(Some(folder), IndexOptions::default()).unwrap()
}

fn code(result: Result<impl Sized, hindcast_index_core::IndexError>) -> &'static str {
    result.err().map_or("none", |error| {
        assert!(error.is_retryable(), "{error}");
        error.code()
    })
}

#[test]
fn a_folder_that_is_gone_for_a_while_costs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (folder, away) = (home.path().join("index"), home.path().join("away"));
    let index = open(&folder);
    apply(&index, 0, 200);
    index.checkpoint(200).unwrap();
    apply(&index, 200, 300);
    std::fs::rename(&folder, &away).unwrap();
    assert_eq!(code(index.checkpoint(300)), "INDEX_IO");
    assert_holds(&index, &live(300));
    apply(&index, 300, 400);
    std::fs::rename(&away, &folder).unwrap();
    index.checkpoint(400).unwrap();
    drop(index);
    let index = open(&folder);
    assert_eq!(index.sequence(), 400);
    assert_holds(&index, &live(400));
}

/// A file system of two megabytes in a mount namespace of its own, so that nothing is left behind.
#[test]
fn a_full_or_read_only_disk_leaves_the_checkpoint_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let in_small_disk = |command: &str| {
        let mount = r#"mount -t tmpfs -o size=2m tmpfs "$0" && exec "#;
        let mut unshare = Command::new("unshare");
        unshare
            .args(["-rm", "sh", "-c", &format!("{mount}{command}")])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .env(FOLDER_VARIABLE, folder.path());
        unshare.output()
    };
    match in_small_disk("true") {
        Ok(output) if output.status.success() => {}
        other => {
            println!("skipped: no file system can be mounted here: {other:?}");
            return;
        }
    }
    let output =
        in_small_disk(r#""$1" process_on_a_small_disk --exact --ignored --nocapture"#).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{complained}"
    );
}

fn remount(folder: &str, options: &str) {
    let mut mount = Command::new("mount");
    mount.args(["-o", &format!("remount,{options}"), folder]);
    assert!(mount.status().unwrap().success());
}

#[test]
#[ignore = "the part of the test above that runs on its small disk"]
fn process_on_a_small_disk() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else {
        return;
    };
    let path = Path::new(&folder);
    let index = open(path);
    let (mut written, mut sequence) = (0, 0);
    let failure = loop {
        apply(&index, sequence, sequence + 30);
        sequence += 30;
        match index.checkpoint(sequence) {
            Ok(_) => written = sequence,
            Err(error) => break error,
        }
        assert!(sequence < 10_000, "the disk never fills");
    };
    assert!(written > 0, "{failure}");
    assert_eq!((failure.code(), failure.is_retryable()), ("INDEX_IO", true));
    assert!(failure.to_string().contains(&folder), "{failure}");
    // It goes on in memory, and fails again as long as the disk is full.
    apply(&index, sequence, sequence + 30);
    assert_holds(&index, &live(sequence + 30));
    assert_eq!(code(index.checkpoint(sequence + 30)), "INDEX_IO");
    drop(index);

    let index = open(path);
    assert_eq!(index.sequence(), written);
    assert_holds(&index, &live(written));
    apply(&index, written, sequence);
    assert_eq!(code(index.checkpoint(sequence)), "INDEX_IO");
    remount(&folder, "size=64m");
    index.checkpoint(sequence).unwrap();

    // The lock is a file open for writing, with which no disk can be made read-only.
    drop(index);
    remount(&folder, "ro");
    assert_eq!(
        code(DemonstrationIndex::open(
            Some(path),
            IndexOptions::default()
        )),
        "INDEX_IO"
    );
    remount(&folder, "rw");
    let index = open(path);
    assert_eq!(index.sequence(), sequence);
    assert_holds(&index, &live(sequence));
}
