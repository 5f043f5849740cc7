//! The bytes of a manifest: one line `HINDCAST-MANIFEST <version> <length> <xxh3>`, then JSON of that length. The
//! checksum covers the line before it too. The line keeps its form in later versions, so that damage is never mistaken
//! for a newer file.

use std::path::Path;

use twox_hash::XxHash3_64;

use super::manifest::{Manifest, ShardManifest};
use crate::error::IndexError;
use crate::vector_storage::VectorStorage;

/// The newest version that is read. Version 2 is written for rows that are not f32, and version 3 for graphs that a log has
/// begun, neither of which earlier versions could say: a process of before leaves such a folder alone.
pub const MANIFEST_VERSION: u32 = 3;
const KIND: &str = "HINDCAST-MANIFEST";
/// Kind, two numbers of at most 10 and 20 digits, 16 digits, three spaces and the end of the line.
const LINE_BYTES_MAX: usize = KIND.len() + 10 + 20 + 16 + 4;

impl Manifest {
    /// # Errors
    /// `INDEX_INVALID` if it names a file or an environment twice, a file that is no segment, or unordered dead rows.
    pub fn encode(&self) -> Result<Vec<u8>, IndexError> {
        self.check()?;
        let mut body = serde_json::to_vec(self)
            .map_err(|error| IndexError::invalid(format!("no JSON of the manifest: {error}")))?;
        body.push(b'\n');
        let mut bytes = line(self.version(), &body).into_bytes();
        bytes.append(&mut body);
        Ok(bytes)
    }

    /// The path is for errors only.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` for anything but the bytes of [`Manifest::encode`], `INDEX_NEWER` for a later version's.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, IndexError> {
        let damaged = |reason: &str| IndexError::damaged(path, reason);
        if !bytes.starts_with(KIND.as_bytes()) {
            return Err(damaged("it does not begin as a manifest of an index"));
        }
        let end = bytes
            .iter()
            .take(LINE_BYTES_MAX)
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| damaged("its first line is damaged"))?;
        let (first, body) = bytes.split_at(end + 1);
        let version = std::str::from_utf8(first)
            .ok()
            .and_then(|text| text.split(' ').nth(1))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| damaged("its first line is damaged"))?;
        // Written anew and compared, so that there is one spelling only.
        if line(version, body).as_bytes() != first {
            return Err(damaged("its length or its checksum is wrong"));
        }
        if version > MANIFEST_VERSION {
            return Err(IndexError::Newer {
                path: path.to_path_buf(),
                found: version,
                known: MANIFEST_VERSION,
            });
        }
        if version == 0 {
            return Err(damaged(&format!("there was never a version {version}")));
        }
        let manifest: Self = serde_json::from_slice(body)
            .map_err(|error| damaged(&format!("it is no manifest: {error}")))?;
        if manifest.version() != version {
            return Err(damaged("it holds what its version does not"));
        }
        manifest
            .check()
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(manifest)
    }

    fn version(&self) -> u32 {
        if self.shards.iter().any(ShardManifest::follows_log) {
            return 3;
        }
        match self.identity.storage {
            VectorStorage::F32 => 1,
            VectorStorage::Bf16 => 2,
        }
    }
}

pub(super) fn line(version: u32, body: &[u8]) -> String {
    let start = format!("{KIND} {version} {}", body.len());
    let mut hasher = XxHash3_64::new();
    std::hash::Hasher::write(&mut hasher, start.as_bytes());
    std::hash::Hasher::write(&mut hasher, body);
    format!("{start} {:016x}\n", std::hash::Hasher::finish(&hasher))
}
