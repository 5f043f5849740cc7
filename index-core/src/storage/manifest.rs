use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::dead_rows;
use super::names::check_segment_name;
use crate::error::IndexError;
use crate::vector_storage::VectorStorage;

/// What an index consists of at one sequence of its stream: the files that count, and which of their rows are dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The last message of the stream whose effect is in the files; replay starts behind it.
    pub sequence: u64,
    /// Of the rules by which rows are made from demonstrations; files of other rules are built anew.
    pub index_version: String,
    /// Of the next segment's name.
    pub next_file: u64,
    pub identity: CollectionIdentity,
    pub shards: Vec<ShardManifest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardManifest {
    pub environment: String,
    /// The insertion ordinal of the next row.
    pub next_ordinal: u32,
    pub ranges: Vec<RangeManifest>,
    pub segments: Vec<SegmentManifest>,
}

/// A range of insertion ordinals that has a graph of its own, or is to have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeManifest {
    pub from: u32,
    pub to: u32,
    /// Live rows when its graph was asked for, and how many of them died since.
    pub rows: u32,
    pub dead: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentManifest {
    pub file: FileEntry,
    /// Strictly ascending.
    #[serde(with = "dead_rows")]
    pub dead: Vec<u32>,
}

/// A file as it was written. The checksum stands for every byte of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    /// In JSON as 16 hexadecimal digits: other readers of JSON lose bits of such a number.
    #[serde(with = "hexadecimal")]
    pub checksum: u64,
}

/// What the vectors of an index are: those of different embedders must never meet in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionIdentity {
    pub embedder: String,
    pub dimensions: usize,
    pub field: String,
    /// Manifests of version 1 do not say it: then it is f32.
    #[serde(default, skip_serializing_if = "is_default")]
    pub storage: VectorStorage,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_default(storage: &VectorStorage) -> bool {
    *storage == VectorStorage::default()
}

impl fmt::Display for CollectionIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            embedder,
            dimensions,
            field,
            storage,
        } = self;
        write!(
            formatter,
            "{embedder}/{dimensions} ({field}), kept as {storage}"
        )
    }
}

impl FileEntry {
    /// The checksum as it is printed and sent: 16 hexadecimal digits.
    #[must_use]
    pub fn checksum_hex(&self) -> String {
        hexadecimal::text(self.checksum)
    }
}

impl Manifest {
    /// Every file that is named, in order.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let segments = self.shards.iter().flat_map(|shard| &shard.segments);
        segments.map(|segment| &segment.file)
    }

    /// What readers rely on: names of our pattern, each once; environments once; dead rows in order.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let mut names = HashSet::new();
        for file in self.files() {
            check_segment_name(&file.name)?;
            if !names.insert(&file.name) {
                return Err(invalid("file", &file.name));
            }
        }
        let mut environments = HashSet::new();
        for shard in &self.shards {
            if !environments.insert(&shard.environment) {
                return Err(invalid("shard", &shard.environment));
            }
            for segment in &shard.segments {
                if !segment.dead.is_sorted_by(|a, b| a < b) {
                    return Err(IndexError::invalid(format!(
                        "the dead rows of {} do not ascend",
                        segment.file.name
                    )));
                }
            }
        }
        Ok(())
    }
}

fn invalid(what: &str, name: &str) -> IndexError {
    IndexError::invalid(format!("the manifest names the {what} {name:?} twice"))
}

mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn text(number: u64) -> String {
        format!("{number:016x}")
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*number))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let digits = String::deserialize(from)?;
        u64::from_str_radix(&digits, 16)
            .ok()
            .filter(|number| text(*number) == digits)
            .ok_or_else(|| D::Error::custom("a checksum is not 16 hexadecimal digits"))
    }
}
