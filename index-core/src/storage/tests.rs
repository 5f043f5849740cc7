//! Tests of what the files promise together; small ones stand beside their code.

mod crash;
mod damage;
mod faults;
mod garbage;
mod readers;
mod round_trip;
mod stopping_disk;

use std::path::Path;

use super::{
    CollectionIdentity, FileEntry, Manifest, SegmentManifest, SegmentWriter, ShardManifest,
};
use crate::vector_storage::VectorStorage;

/// A folder that is removed at the end of the test.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn segment(folder: &Path, name: &str, sections: &[(&str, &[u8])]) -> FileEntry {
    let mut writer = SegmentWriter::create(folder, name).expect("a writer");
    for (section, bytes) in sections {
        writer.add(section, bytes).expect("a section");
    }
    writer.finish().expect("a segment")
}

/// One shard whose segments have the dead rows 1 and 5.
fn manifest(sequence: u64, files: &[FileEntry]) -> Manifest {
    Manifest {
        sequence,
        index_version: "2".into(),
        shards: vec![ShardManifest {
            environment: "terminal".into(),
            next_ordinal: 1000,
            ranges: Vec::new(),
            segments: files
                .iter()
                .map(|file| SegmentManifest {
                    file: file.clone(),
                    dead: vec![1, 5],
                })
                .collect(),
            begun: Vec::new(),
        }],
        next_file: 7,
        identity: CollectionIdentity {
            embedder: "hash-v1".into(),
            dimensions: 384,
            field: "observation".into(),
            storage: VectorStorage::F32,
        },
    }
}
