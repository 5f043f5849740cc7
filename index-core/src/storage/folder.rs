//! A folder as a whole: what a snapshot is shipped from, numbered by, and discarded with.

use std::fs;
use std::io;
use std::path::Path;

use twox_hash::XxHash3_64;

use super::lock::DirectoryLock;
use super::manifest::FileEntry;
use super::names::{MANIFEST, PREVIOUS, SEGMENT_SUFFIX, is_segment_name, is_temporary_name};
use crate::error::IndexError;

/// The name of a numbered segment.
#[must_use]
pub fn segment_name(number: u64) -> String {
    format!("{number:012}{SEGMENT_SUFFIX}")
}

/// A number above those of all segments in the folder.
///
/// # Errors
/// `INDEX_IO`.
pub fn next_free_number(folder: &Path) -> Result<u64, IndexError> {
    let numbers = names(folder)?.into_iter().filter_map(|name| {
        let number = name.strip_suffix(SEGMENT_SUFFIX)?;
        number.parse::<u64>().ok()
    });
    Ok(numbers.max().map_or(1, |largest| largest + 1))
}

/// The manifest as a file to be shipped together with those that it names.
///
/// # Errors
/// `INDEX_IO`.
pub fn manifest_entry(folder: &Path) -> Result<FileEntry, IndexError> {
    let path = folder.join(MANIFEST);
    let bytes = fs::read(&path).map_err(IndexError::io("read", &path))?;
    Ok(FileEntry {
        name: MANIFEST.to_owned(),
        bytes: bytes.len() as u64,
        checksum: XxHash3_64::oneshot(&bytes),
    })
}

/// Deletes the index in a folder and nothing else that is there. A folder that does not exist is fine.
///
/// # Errors
/// `INDEX_LOCKED` while the index is open; `INDEX_IO`.
pub fn discard(folder: &Path) -> Result<(), IndexError> {
    if !folder.exists() {
        return Ok(());
    }
    let _lock = DirectoryLock::acquire(folder)?;
    for name in names(folder)? {
        let is_ours = name == MANIFEST
            || name == PREVIOUS
            || is_segment_name(&name)
            || is_temporary_name(&name);
        if is_ours {
            let path = folder.join(&name);
            fs::remove_file(&path).map_err(IndexError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, IndexError> {
    fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()))
                .collect::<io::Result<Vec<_>>>()
        })
        .map_err(IndexError::io("list", folder))
}
