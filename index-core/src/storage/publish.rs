//! Reading and replacing the manifest.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::disk::{Disk, SystemDisk};
use super::manifest::Manifest;
use super::names::{MANIFEST, PREVIOUS, temporary};
use crate::error::IndexError;

/// A manifest that was read, and whether it is the last one that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedManifest {
    pub manifest: Manifest,
    /// Why the one before had to be taken: more of the stream is replayed then, nothing is lost. To be reported.
    pub fallback: Option<IndexError>,
}

/// None if nothing was ever published in the folder.
///
/// # Errors
/// `INDEX_CORRUPT` if neither the manifest nor the one before is whole, `INDEX_NEWER` if the manifest is of a later
/// version (the one before is then not taken: its files may be gone), `INDEX_IO` if it cannot be read.
pub fn read_manifest(folder: &Path) -> Result<Option<OpenedManifest>, IndexError> {
    let fault = match read(folder, MANIFEST) {
        Ok(Some(manifest)) => {
            return Ok(Some(OpenedManifest {
                manifest,
                fallback: None,
            }));
        }
        Ok(None) => IndexError::damaged(&folder.join(MANIFEST), "it is missing"),
        Err(fault @ IndexError::Damaged { .. }) => fault,
        Err(fault) => return Err(fault),
    };
    match read(folder, PREVIOUS) {
        Ok(Some(manifest)) => Ok(Some(OpenedManifest {
            manifest,
            fallback: Some(fault),
        })),
        Ok(None) if !folder.join(MANIFEST).exists() => Ok(None),
        Ok(None) => Err(fault),
        Err(IndexError::Damaged { reason, .. }) => Err(IndexError::damaged(
            &folder.join(PREVIOUS),
            format!("{reason}, and so is the newer {MANIFEST} ({fault})"),
        )),
        Err(error) => Err(error),
    }
}

/// For a caller that finds a file of the manifest damaged: the one before, whose files are kept for this.
///
/// # Errors
/// As [`read_manifest`], of that one alone.
pub fn read_previous_manifest(folder: &Path) -> Result<Option<Manifest>, IndexError> {
    read(folder, PREVIOUS)
}

pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Manifest>, IndexError> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => Manifest::decode(&path, &bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IndexError::io("read", &path)(error)),
    }
}

/// Makes the manifest the one that counts, at once or not at all, also across a power cut. The one before stays as
/// `MANIFEST.previous`.
///
/// # Errors
/// `INDEX_INVALID` for a manifest that contradicts itself or names a file that is not there at its length,
/// `INDEX_NEWER` if a later version has published here, `INDEX_IO` if the disk refuses. After an error the old one
/// counts, unless only the last sync failed: then either does, and both are whole.
pub fn publish_manifest(folder: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    publish_on(&SystemDisk, folder, manifest)
}

pub(super) fn publish_on(
    disk: &dyn Disk,
    folder: &Path,
    manifest: &Manifest,
) -> Result<(), IndexError> {
    let bytes = manifest.encode()?;
    check_files(folder, manifest)?;
    // A damaged manifest must not replace a whole one before it.
    match read(folder, MANIFEST) {
        Ok(Some(current)) => replace(disk, folder, PREVIOUS, &current.encode()?)?,
        Ok(None) | Err(IndexError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    replace(disk, folder, MANIFEST, &bytes)
}

fn check_files(folder: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    for file in manifest.files() {
        let found = folder.join(&file.name).metadata().map(|data| data.len());
        if found.as_ref().ok() != Some(&file.bytes) {
            return Err(IndexError::invalid(format!(
                "the manifest names {} of {} bytes, but the file has {found:?}",
                file.name, file.bytes
            )));
        }
    }
    Ok(())
}

fn replace(disk: &dyn Disk, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), IndexError> {
    let temporary = folder.join(temporary(name));
    let path = folder.join(name);
    let written = write(disk, &temporary, bytes).and_then(|()| {
        disk.rename(&temporary, &path)
            .map_err(IndexError::io("rename a file to", &path))
    });
    if let Err(error) = written {
        // Best effort; otherwise the next garbage collection removes it.
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    disk.sync_folder(folder)
        .map_err(IndexError::io("sync", folder))
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    let mut file = disk.create(path).map_err(IndexError::io("create", path))?;
    file.write_all(bytes)
        .map_err(IndexError::io("write", path))?;
    file.sync().map_err(IndexError::io("sync", path))
}
