use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::super::manifest_file::line;
use super::super::*;
use super::{folder, manifest, segment};
use crate::vector_storage::VectorStorage;

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,12}".prop_map(|stem| stem + SEGMENT_SUFFIX)
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let segment = (any::<u64>(), any::<u64>(), any::<BTreeSet<u32>>());
    let of_log = prop_oneof![Just(0), any::<u64>()];
    let range = (any::<u32>(), any::<u32>(), any::<u32>(), of_log);
    let shard = (
        any::<u32>(),
        prop::collection::vec(range, 0..3),
        prop::collection::btree_map(name(), segment, 0..4),
        prop::collection::vec((any::<u64>(), any::<u32>(), any::<bool>()), 0..2),
    );
    let shards = prop::collection::btree_map(any::<String>(), shard, 0..4);
    let storage = prop_oneof![Just(VectorStorage::F32), Just(VectorStorage::Bf16)];
    let identity = (any::<String>(), any::<usize>(), any::<String>(), storage);
    let numbers = (any::<u64>(), any::<u64>());
    (numbers, any::<String>(), shards, identity).prop_map(
        |((sequence, next_file), index_version, shards, (embedder, dimensions, field, storage))| {
            Manifest {
                sequence,
                index_version,
                next_file,
                identity: CollectionIdentity {
                    embedder,
                    dimensions,
                    field,
                    storage,
                },
                shards: shards
                    .into_iter()
                    .enumerate()
                    .map(
                        |(number, (environment, (next_ordinal, ranges, segments, begun)))| {
                            ShardManifest {
                                environment,
                                next_ordinal,
                                ranges: ranges
                                    .into_iter()
                                    .map(|(from, to, rows, at)| RangeManifest {
                                        from,
                                        to,
                                        rows,
                                        dead: rows / 7,
                                        at,
                                    })
                                    .collect(),
                                segments: segments
                                    .into_iter()
                                    .map(|(name, (bytes, checksum, dead))| SegmentManifest {
                                        file: FileEntry {
                                            name: format!("{number}-{name}"),
                                            bytes,
                                            checksum,
                                        },
                                        dead: dead.into_iter().collect(),
                                    })
                                    .collect(),
                                begun: begun
                                    .into_iter()
                                    .map(|(at, from, flag)| BegunManifest {
                                        at,
                                        from,
                                        to: from / 2,
                                        has_graph: flag,
                                        is_shown: !flag,
                                        expected: flag.then_some(at / 3),
                                        segments: Vec::new(),
                                    })
                                    .collect(),
                            }
                        },
                    )
                    .collect(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_segment_gives_back_what_was_added(
        sections in prop::collection::btree_map("[!-~]{1,20}", prop::collection::vec(any::<Vec<u8>>(), 0..5), 0..6),
    ) {
        let folder = folder();
        let mut writer = SegmentWriter::create(folder.path(), "a.segment").unwrap();
        for (name, parts) in &sections {
            writer.add_parts(name, parts).unwrap();
        }
        let entry = writer.finish().unwrap();
        prop_assert_eq!(folder.path().join("a.segment").metadata().unwrap().len(), entry.bytes);
        for verify in [Verify::All, Verify::Directory] {
            let reader = SegmentReader::open(folder.path(), &entry, verify).unwrap();
            let names: BTreeSet<&str> = reader.names().collect();
            prop_assert_eq!(names, sections.keys().map(String::as_str).collect());
            for (name, parts) in &sections {
                let mapped = reader.section(name).unwrap();
                let owned = reader.owned(name).unwrap();
                prop_assert_eq!(&*mapped, &*parts.concat());
                prop_assert_eq!(&*owned, &*mapped);
                prop_assert!(mapped.is_mapped() && !owned.is_mapped());
                prop_assert_eq!(mapped.as_ptr().addr() % 64, 0);
                prop_assert_eq!(owned.as_ptr().addr() % 64, 0);
            }
        }
    }

    #[test]
    fn a_manifest_comes_back(manifest in any_manifest()) {
        let bytes = manifest.encode().unwrap();
        prop_assert_eq!(Manifest::decode(Path::new("MANIFEST"), &bytes).unwrap(), manifest);
    }

    #[test]
    fn numbers_come_back_aligned(values: Vec<f64>) {
        let section = SectionBytes::from_vec(values.clone());
        prop_assert_eq!(section.as_ptr().addr() % 64, 0);
        let read: Vec<u64> = section.as_pods::<f64>().unwrap().iter().map(|one| one.to_bits()).collect();
        prop_assert_eq!(read, values.iter().map(|one| one.to_bits()).collect::<Vec<_>>());
        prop_assert_eq!(section.clone().len(), values.len() * 8);
    }
}

#[test]
fn bytes_that_are_no_whole_number_of_values_are_refused() {
    let section = SectionBytes::from_vec(vec![0_u8; 7]);
    assert_eq!(
        section.as_pods::<u32>().unwrap_err().code(),
        "INDEX_CORRUPT"
    );
    assert_eq!(section.as_pods::<u8>().unwrap().len(), 7);
}

#[test]
fn the_same_sections_make_the_same_file() {
    let entries: BTreeMap<u64, FileEntry> = (0..2)
        .map(|_| {
            segment(
                folder().path(),
                "a.segment",
                &[("ids", b"abc"), ("rows", &[7; 100])],
            )
        })
        .map(|entry| (entry.checksum, entry))
        .collect();
    assert_eq!(entries.len(), 1);
}

#[test]
fn sections_outlive_their_reader_and_their_file() {
    let folder = folder();
    let entry = segment(folder.path(), "a.segment", &[("rows", &[7; 10_000])]);
    let reader = SegmentReader::open(folder.path(), &entry, Verify::Directory).unwrap();
    let section = reader.section("rows").unwrap();
    drop(reader);
    std::fs::remove_file(folder.path().join("a.segment")).unwrap();
    assert!(section.iter().all(|byte| *byte == 7));
}

#[test]
fn names_that_leave_the_folder_or_are_taken_are_refused() {
    let folder = folder();
    let entry = segment(folder.path(), "a.segment", &[]);
    for name in [
        "../a.segment",
        "a",
        ".segment",
        "A.segment",
        "a.b.segment",
        "a.segment",
        "MANIFEST",
    ] {
        let refused = SegmentWriter::create(folder.path(), name)
            .err()
            .map(|error| error.code());
        assert_eq!(refused, Some("INDEX_INVALID"), "{name}");
    }
    let mut writer = SegmentWriter::create(folder.path(), "b.segment").unwrap();
    writer.add("rows", &[]).unwrap();
    for section in ["rows", "", "two words", "ü"] {
        assert_eq!(
            writer.add(section, &[]).unwrap_err().code(),
            "INDEX_INVALID"
        );
    }
    let outside = FileEntry {
        name: "../a.segment".into(),
        ..entry
    };
    assert!(SegmentReader::open(folder.path(), &outside, Verify::All).is_err());
}

#[test]
fn manifests_that_contradict_themselves_are_refused() {
    let folder = folder();
    let entry = segment(folder.path(), "a.segment", &[]);
    let good = manifest(1, std::slice::from_ref(&entry));
    publish_manifest(folder.path(), &good).unwrap();
    let twice = manifest(2, &[entry.clone(), entry.clone()]);
    let absent = manifest(
        2,
        &[FileEntry {
            name: "b.segment".into(),
            ..entry.clone()
        }],
    );
    let short = manifest(
        2,
        &[FileEntry {
            bytes: entry.bytes - 1,
            ..entry
        }],
    );
    let mut unordered = good.clone();
    unordered.shards[0].segments[0].dead = vec![5, 1];
    let mut shards = good.clone();
    shards.shards.push(ShardManifest {
        segments: vec![],
        ..good.shards[0].clone()
    });
    for bad in [twice, absent, short, unordered, shards] {
        assert_eq!(
            publish_manifest(folder.path(), &bad).unwrap_err().code(),
            "INDEX_INVALID"
        );
    }
    assert_eq!(
        read_manifest(folder.path()).unwrap().unwrap().manifest,
        good
    );
}

#[test]
fn a_manifest_is_of_the_earliest_version_that_can_say_what_it_says() {
    let version_and_text = |manifest: &Manifest| {
        let bytes = manifest.encode().unwrap();
        assert_eq!(
            Manifest::decode(Path::new("MANIFEST"), &bytes).unwrap(),
            *manifest
        );
        let text = String::from_utf8(bytes).unwrap();
        (text.split(' ').nth(1).unwrap().to_owned(), text)
    };
    let mut manifest = manifest(1, &[]);
    manifest.shards[0].ranges = vec![RangeManifest {
        from: 0,
        to: 64,
        rows: 60,
        dead: 0,
        at: 0,
    }];
    let (version, text) = version_and_text(&manifest);
    assert_eq!(version, "1");
    assert!(
        !text.contains("begun") && !text.contains("\"at\""),
        "{text}"
    );
    manifest.identity.storage = VectorStorage::Bf16;
    assert_eq!(version_and_text(&manifest).0, "2");
    manifest.shards[0].ranges[0].at = 65;
    assert_eq!(version_and_text(&manifest).0, "3");
    manifest.identity.storage = VectorStorage::F32;
    assert_eq!(version_and_text(&manifest).0, "3");
    let (_, text) = version_and_text(&manifest);
    let body = text.split_once('\n').unwrap().1;
    let mislabelled = line(1, body.as_bytes()) + body;
    let refused = Manifest::decode(Path::new("MANIFEST"), mislabelled.as_bytes()).unwrap_err();
    assert_eq!(refused.code(), "INDEX_CORRUPT");
}
