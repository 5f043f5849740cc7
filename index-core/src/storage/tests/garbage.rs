use std::fs;

use super::super::*;
use super::{folder, manifest, segment};

#[test]
fn only_our_files_that_no_manifest_names_are_removed() {
    let folder = folder();
    let path = folder.path();
    let [a, b, c] = ["a.segment", "b.segment", "c.segment"].map(|name| segment(path, name, &[]));
    for (sequence, file) in [(1, &a), (2, &b), (3, &c)] {
        publish_manifest(path, &manifest(sequence, std::slice::from_ref(file))).unwrap();
    }
    let foreign = [
        "notes.txt",
        "d.segment",
        "E.segment",
        "data.tmp",
        "x.segment.bak",
        "MANIFEST.old",
        "LOCK",
    ];
    for name in foreign {
        fs::write(path.join(name), b"somebody else's").unwrap();
    }
    fs::create_dir(path.join("folder.segment")).unwrap();
    std::os::unix::fs::symlink(path.join("a.segment"), path.join("link.segment")).unwrap();
    for name in ["MANIFEST.tmp", "MANIFEST.previous.tmp", "f.segment.tmp"] {
        fs::write(path.join(name), b"half").unwrap();
    }
    let current = read_manifest(path).unwrap().unwrap().manifest;
    let removed = collect_garbage(path, &current).unwrap();
    assert_eq!(
        removed,
        [
            "MANIFEST.previous.tmp",
            "MANIFEST.tmp",
            "a.segment",
            "f.segment.tmp"
        ]
    );
    for name in foreign
        .iter()
        .chain(&["folder.segment", "b.segment", "c.segment"])
    {
        assert!(path.join(name).exists(), "{name}");
    }
    assert!(path.join("link.segment").symlink_metadata().is_ok());
    assert_eq!(collect_garbage(path, &current), Ok(vec![]));
}
