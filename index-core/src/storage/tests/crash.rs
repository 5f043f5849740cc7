use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::super::disk::{Disk, SystemDisk};
use super::super::garbage::collect_on;
use super::super::publish::publish_on;
use super::super::*;
use super::stopping_disk::StoppingDisk;
use super::{folder, manifest, segment};
use crate::error::IndexError;

/// A folder whose manifest 2 names the segment b, and manifest 1 before it the segment a.
fn published() -> (tempfile::TempDir, FileEntry) {
    let folder = folder();
    let [a, b] =
        ["a.segment", "b.segment"].map(|name| segment(folder.path(), name, &[("rows", &[1; 200])]));
    publish_manifest(folder.path(), &manifest(1, &[a])).unwrap();
    publish_manifest(folder.path(), &manifest(2, std::slice::from_ref(&b))).unwrap();
    (folder, b)
}

/// Writes the segment c, publishes manifest 3 and removes what is garbage then; says how far it came.
fn checkpoint(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    b: &FileEntry,
) -> (bool, Result<(), IndexError>) {
    let published = (|| {
        let mut writer = SegmentWriter::create_on(Arc::clone(disk), folder, "c.segment")?;
        writer.add("rows", &vec![3; 600_000])?;
        writer.add("ids", b"abc")?;
        let third = manifest(3, &[b.clone(), writer.finish()?]);
        publish_on(&**disk, folder, &third)?;
        Ok(third)
    })();
    let is_published = published.is_ok();
    let collected = published.and_then(|third| collect_on(&**disk, folder, &third).map(|_| ()));
    (is_published, collected)
}

fn assert_whole(folder: &Path, manifest: &Manifest) {
    for file in manifest.files() {
        assert!(
            SegmentReader::open(folder, file, Verify::All).is_ok(),
            "{}",
            file.name
        );
    }
}

/// What must hold in a folder after a stop at any moment; and that work goes on from there.
fn assert_recovers(folder: &Path, b: &FileEntry, is_published: bool) {
    let opened = read_manifest(folder).unwrap().unwrap();
    assert_eq!(opened.fallback, None);
    let sequence = opened.manifest.sequence;
    assert!(sequence == 3 || sequence == 2 && !is_published);
    assert_whole(folder, &opened.manifest);
    assert_whole(folder, &read_previous_manifest(folder).unwrap().unwrap());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "segment")
        {
            assert!(SegmentReader::from_bytes(&path, &fs::read(&path).unwrap()).is_ok());
        }
    }
    collect_garbage(folder, &opened.manifest).unwrap();
    if sequence == 2 {
        let system: Arc<dyn Disk> = Arc::new(SystemDisk);
        assert_eq!(checkpoint(&system, folder, b), (true, Ok(())));
    }
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "a.segment").collect();
    names.sort();
    assert_eq!(
        names,
        ["MANIFEST", "MANIFEST.previous", "b.segment", "c.segment"]
    );
    assert_eq!(read_manifest(folder).unwrap().unwrap().manifest.sequence, 3);
}

/// Stops after each number of operations until one run comes to its end; returns how many it takes.
fn at_every_stop(check: impl Fn(&StoppingDisk, &Path, &FileEntry, bool)) -> usize {
    for operations in 0..100 {
        let (folder, b) = published();
        let disk = StoppingDisk::after(operations);
        let stopping: Arc<dyn Disk> = Arc::new(disk.clone());
        let (is_published, result) = checkpoint(&stopping, folder.path(), &b);
        check(&disk, folder.path(), &b, is_published);
        if result.is_ok() {
            return operations;
        }
    }
    panic!("a checkpoint takes more than a hundred operations");
}

#[test]
fn a_kill_after_any_operation_leaves_the_old_or_the_new_manifest_whole() {
    let operations =
        at_every_stop(|_, folder, b, is_published| assert_recovers(folder, b, is_published));
    // Segment: create, 3 writes or more, sync, rename, sync; two manifests: 5 each; garbage: remove, sync.
    assert!(operations >= 19, "{operations}");
}

#[test]
fn so_does_a_power_cut_that_takes_back_what_was_not_synced() {
    for changes in 0..3 {
        at_every_stop(|disk, folder, b, is_published| {
            disk.cut_power(changes.min(disk.unsynced_changes()));
            assert_recovers(folder, b, is_published);
        });
    }
}

#[test]
fn the_first_manifest_is_there_or_not() {
    for operations in 0.. {
        let folder = folder();
        let disk = StoppingDisk::after(operations);
        let first = manifest(1, &[]);
        let result = publish_on(&disk, folder.path(), &first);
        let opened = read_manifest(folder.path()).unwrap();
        assert!(opened.is_none_or(|opened| opened.manifest == first && opened.fallback.is_none()));
        if result.is_ok() {
            break;
        }
    }
}

#[test]
fn a_write_that_failed_leaves_nothing_once_the_disk_works_again() {
    let folder = folder();
    let mut writer = SegmentWriter::create(folder.path(), "a.segment").unwrap();
    writer.add("rows", &[1; 100]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
