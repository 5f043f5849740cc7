use std::fs;
use std::path::Path;

use super::super::manifest_file::line;
use super::super::segment_layout::header;
use super::super::*;
use super::{folder, manifest, segment};
use crate::error::IndexError;

const PATH: &str = "a.segment";

fn a_segment() -> Vec<u8> {
    let folder = folder();
    segment(
        folder.path(),
        PATH,
        &[("ids", b"abc"), ("none", b""), ("rows", &[7; 130])],
    );
    fs::read(folder.path().join(PATH)).unwrap()
}

fn code<T>(result: Result<T, IndexError>) -> &'static str {
    result.err().map_or("whole", |error| error.code())
}

/// Every flip of one bit, every byte inverted, every cut and some additions.
fn spoiled(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flips = (0..bytes.len()).flat_map(move |at| {
        (0..8).map(|bit| 1 << bit).chain([0xff]).map(move |mask| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= mask;
            flipped
        })
    });
    let cuts = (0..bytes.len()).map(move |length| bytes[..length].to_vec());
    let longer = [1, 63, 64, 4096].map(move |more| [bytes, &vec![0; more]].concat());
    flips
        .chain(cuts)
        .chain(longer)
        .chain([[bytes, bytes].concat()])
}

#[test]
fn every_spoiled_segment_is_detected() {
    let whole = a_segment();
    assert_eq!(
        code(SegmentReader::from_bytes(Path::new(PATH), &whole)),
        "whole"
    );
    for bytes in spoiled(&whole) {
        let opened = SegmentReader::from_bytes(Path::new(PATH), &bytes);
        assert_eq!(code(opened), "INDEX_CORRUPT");
    }
}

#[test]
fn an_unverified_segment_gives_no_wrong_bytes_to_a_copy() {
    let folder = folder();
    let entry = segment(folder.path(), PATH, &[("ids", b"abc"), ("rows", &[7; 130])]);
    let whole = fs::read(folder.path().join(PATH)).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(folder.path().join(PATH), &bytes).unwrap();
        assert_eq!(
            code(SegmentReader::open(folder.path(), &entry, Verify::All)),
            "INDEX_CORRUPT"
        );
        if let Ok(reader) = SegmentReader::open(folder.path(), &entry, Verify::Directory) {
            assert_eq!(code(reader.verify()), "INDEX_CORRUPT");
            for (name, wanted) in [("ids", &b"abc"[..]), ("rows", &[7; 130])] {
                assert!(
                    reader
                        .owned(name)
                        .is_err_and(|error| error.code() == "INDEX_CORRUPT")
                        || &*reader.section(name).unwrap() == wanted
                );
            }
        }
    }
}

#[test]
fn another_whole_segment_of_the_same_length_is_told_apart_without_reading_it() {
    let folder = folder();
    let entry = segment(folder.path(), PATH, &[("rows", &[1; 1000])]);
    let other = segment(folder.path(), "b.segment", &[("rows", &[2; 1000])]);
    assert_eq!(entry.bytes, other.bytes);
    fs::rename(folder.path().join("b.segment"), folder.path().join(PATH)).unwrap();
    let opened = SegmentReader::open(folder.path(), &entry, Verify::Directory);
    assert_eq!(code(opened), "INDEX_CORRUPT");
}

#[test]
fn a_file_that_is_empty_or_gone_or_a_folder_is_no_segment() {
    let folder = folder();
    let entry = segment(folder.path(), PATH, &[]);
    let open = || {
        code(SegmentReader::open(
            folder.path(),
            &entry,
            Verify::Directory,
        ))
    };
    fs::write(folder.path().join(PATH), b"").unwrap();
    assert_eq!(open(), "INDEX_CORRUPT");
    fs::remove_file(folder.path().join(PATH)).unwrap();
    assert_eq!(open(), "INDEX_CORRUPT");
    fs::create_dir(folder.path().join(PATH)).unwrap();
    assert_eq!(open(), "INDEX_CORRUPT");
}

#[test]
fn every_spoiled_manifest_is_detected() {
    let whole = manifest(7, &[]).encode().unwrap();
    for bytes in spoiled(&whole) {
        assert_eq!(
            code(Manifest::decode(Path::new("MANIFEST"), &bytes)),
            "INDEX_CORRUPT"
        );
    }
}

#[test]
fn foreign_files_are_named_in_the_error() {
    for bytes in [
        &b""[..],
        b"\0",
        b"SQLite format 3\0",
        &[0; 4096],
        b"{\"sequence\":1}",
    ] {
        let Err(error) = SegmentReader::from_bytes(Path::new("x/a.segment"), bytes) else {
            panic!("{bytes:?} was read as a segment");
        };
        assert_eq!(error.code(), "INDEX_CORRUPT");
        assert!(
            error
                .to_string()
                .starts_with("x/a.segment is damaged: it does not begin"),
            "{error}"
        );
        let error = Manifest::decode(Path::new("x/MANIFEST"), bytes).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("x/MANIFEST is damaged: it does not begin"),
            "{error}"
        );
    }
}

#[test]
fn files_of_a_later_version_are_told_from_damaged_ones_and_left_alone() {
    let folder = folder();
    let mut bytes = a_segment();
    bytes[..64].copy_from_slice(&header(SEGMENT_VERSION + 1));
    let opened = SegmentReader::from_bytes(Path::new(PATH), &bytes);
    assert_eq!(code(opened), "INDEX_NEWER");

    let body = "{\"form\": \"unknown to us\"}\n";
    let newer = line(MANIFEST_VERSION + 1, body.as_bytes()) + body;
    fs::write(folder.path().join("MANIFEST"), &newer).unwrap();
    fs::write(
        folder.path().join("MANIFEST.previous"),
        manifest(1, &[]).encode().unwrap(),
    )
    .unwrap();
    let error = read_manifest(folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has format version 4, this version reads up to 3"),
        "{error}"
    );
    assert_eq!(
        code(publish_manifest(folder.path(), &manifest(2, &[]))),
        "INDEX_NEWER"
    );
    assert_eq!(
        code(collect_garbage(folder.path(), &manifest(2, &[]))),
        "INDEX_NEWER"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("MANIFEST")).unwrap(),
        newer
    );
}

#[test]
fn a_damaged_manifest_gives_way_to_the_one_before_and_says_so() {
    let folder = folder();
    assert_eq!(read_manifest(folder.path()), Ok(None));
    for sequence in [1, 2] {
        publish_manifest(folder.path(), &manifest(sequence, &[])).unwrap();
    }
    let opened = read_manifest(folder.path()).unwrap().unwrap();
    assert_eq!((opened.manifest.sequence, opened.fallback), (2, None));

    fs::write(folder.path().join("MANIFEST"), b"HINDCAST-MANIFEST 1").unwrap();
    let opened = read_manifest(folder.path()).unwrap().unwrap();
    assert_eq!(opened.manifest.sequence, 1);
    assert_eq!(
        opened.fallback.map(|fault| fault.code()),
        Some("INDEX_CORRUPT")
    );

    // The damaged one does not take the place of the whole one before it.
    publish_manifest(folder.path(), &manifest(3, &[])).unwrap();
    assert_eq!(
        read_previous_manifest(folder.path())
            .unwrap()
            .unwrap()
            .sequence,
        1
    );

    fs::remove_file(folder.path().join("MANIFEST")).unwrap();
    assert_eq!(
        read_manifest(folder.path())
            .unwrap()
            .unwrap()
            .manifest
            .sequence,
        1
    );

    for name in ["MANIFEST", "MANIFEST.previous"] {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    assert_eq!(code(read_manifest(folder.path())), "INDEX_CORRUPT");
    fs::remove_file(folder.path().join("MANIFEST.previous")).unwrap();
    assert_eq!(code(read_manifest(folder.path())), "INDEX_CORRUPT");
}
