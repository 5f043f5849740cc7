use std::collections::{HashMap, HashSet};
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
    /// Since version 3, and left out where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<BegunManifest>,
}

/// A graph that an entry of the log has begun and that is not searched yet: the rows that it is built of are not all
/// alive any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BegunManifest {
    /// Sequence of the entry.
    pub at: u64,
    pub from: u32,
    pub to: u32,
    pub has_graph: bool,
    /// It is to be searched as soon as it is built.
    pub is_shown: bool,
    /// Fingerprint of the graph of who announced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// With the rows that were dead there.
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
    /// Sequence of the log's entry that asked for it. Since version 3; 0 where no log does, and left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at: u64,
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// Every file that is named, in order, each once.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let mut names = HashSet::new();
        let segments = self.shards.iter().flat_map(|shard| &shard.segments);
        segments
            .chain(self.shards.iter().flat_map(ShardManifest::begun_segments))
            .map(|segment| &segment.file)
            .filter(move |file| names.insert(&file.name))
    }

    /// What readers rely on: names of our pattern, each once; environments once; dead rows in order.
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let mut named: HashMap<&str, &FileEntry> = HashMap::new();
        for SegmentManifest { file, .. } in self.shards.iter().flat_map(|shard| &shard.segments) {
            check_segment_name(&file.name)?;
            if named.insert(&file.name, file).is_some() {
                return Err(invalid("file", &file.name));
            }
        }
        for SegmentManifest { file, .. } in
            self.shards.iter().flat_map(ShardManifest::begun_segments)
        {
            check_segment_name(&file.name)?;
            if *named.entry(&file.name).or_insert(file) != file {
                return Err(invalid("file", &file.name));
            }
        }
        let mut environments = HashSet::new();
        for shard in &self.shards {
            if !environments.insert(&shard.environment) {
                return Err(invalid("shard", &shard.environment));
            }
            for segment in shard.segments.iter().chain(shard.begun_segments()) {
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

impl ShardManifest {
    /// Whether a log has begun a graph of it.
    pub(super) fn follows_log(&self) -> bool {
        !self.begun.is_empty() || self.ranges.iter().any(|range| range.at > 0)
    }

    fn begun_segments(&self) -> impl Iterator<Item = &SegmentManifest> {
        self.begun.iter().flat_map(|begun| &begun.segments)
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
