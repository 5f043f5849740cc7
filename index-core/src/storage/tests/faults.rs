//! What the operating system refuses: full disks, folders that cannot be written, locks that are held.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::super::*;
use super::{folder, manifest, segment};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Printed past the capture of the test harness, so that a run tells what it did not check.
fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

#[test]
fn a_folder_that_is_a_file_or_missing_is_an_error_of_the_disk() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file, folder.path().join("missing")] {
        let error = SegmentWriter::create(&path, "a.segment").err().unwrap();
        assert_eq!((error.code(), error.is_retryable()), ("INDEX_IO", true));
        assert!(error.to_string().contains("a.segment.tmp: "), "{error}");
        assert_eq!(
            publish_manifest(&path, &manifest(1, &[]))
                .unwrap_err()
                .code(),
            "INDEX_IO"
        );
    }
    assert_eq!(
        DirectoryLock::acquire(&folder.path().join("file"))
            .unwrap_err()
            .code(),
        "INDEX_IO"
    );
}

#[test]
fn a_read_only_folder_keeps_what_it_has() {
    let folder = folder();
    let path = folder.path();
    let old = manifest(1, &[segment(path, "a.segment", &[])]);
    publish_manifest(path, &old).unwrap();
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).unwrap();
    if fs::write(path.join("probe"), b"").is_ok() {
        return skipped("this user may write read-only folders, as root may");
    }
    let before = names(path);
    assert_eq!(
        SegmentWriter::create(path, "b.segment")
            .err()
            .unwrap()
            .code(),
        "INDEX_IO"
    );
    assert_eq!(
        publish_manifest(path, &manifest(2, &[]))
            .unwrap_err()
            .code(),
        "INDEX_IO"
    );
    assert_eq!(names(path), before);
    assert_eq!(read_manifest(path).unwrap().unwrap().manifest, old);
}

#[test]
fn a_full_disk_leaves_the_old_manifest_and_no_half_file() {
    let folder = folder();
    let path = folder.path();
    let mount = ["-t", "tmpfs", "-o", "size=256k", "tmpfs"];
    let mounted = Command::new("mount").args(mount).arg(path).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return skipped("this user may not mount a small file system");
    }
    let unmount = Unmount(path);
    let old = manifest(1, &[segment(path, "a.segment", &[("rows", &[7; 1000])])]);
    publish_manifest(path, &old).unwrap();

    let mut writer = SegmentWriter::create(path, "b.segment").unwrap();
    let rows = vec![7; 1_000_000];
    let error = writer
        .add("rows", &rows)
        .and_then(|()| writer.finish())
        .unwrap_err();
    assert_eq!(error.code(), "INDEX_IO");
    assert!(
        error.to_string().contains("b.segment.tmp: No space left"),
        "{error}"
    );

    // Less than a page is free now, so the manifest does not fit either.
    let mut filler = fs::File::create(path.join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    assert_eq!(
        publish_manifest(path, &manifest(2, &[]))
            .unwrap_err()
            .code(),
        "INDEX_IO"
    );
    assert_eq!(names(path), ["MANIFEST", "a.segment", "filler"]);
    assert_eq!(read_manifest(path).unwrap().unwrap().manifest, old);

    drop(filler);
    fs::remove_file(path.join("filler")).unwrap();
    publish_manifest(path, &manifest(2, &[])).unwrap();
    assert_eq!(read_manifest(path).unwrap().unwrap().manifest.sequence, 2);
    drop(unmount);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        // Lazily, as files of it may be open while a failed test unwinds.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_folder_has_one_holder_who_is_named() {
    let folder = folder();
    let path = folder.path().join("new");
    let lock = DirectoryLock::acquire(&path).unwrap();
    let error = DirectoryLock::acquire(&path).unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("INDEX_LOCKED", true));
    let text = error.to_string();
    assert!(
        text.contains(&format!("the process {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    drop(lock);
    assert_eq!(DirectoryLock::acquire(&path).unwrap().folder(), path);
}

#[test]
fn the_lock_of_a_killed_process_is_free() {
    let folder = folder();
    // The number of a process that is gone; what counts is that nobody holds the lock.
    fs::write(folder.path().join("LOCK"), b"4194304\n").unwrap();
    assert!(DirectoryLock::acquire(folder.path()).is_ok());
}
