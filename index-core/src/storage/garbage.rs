use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::disk::{Disk, SystemDisk};
use super::manifest::Manifest;
use super::names::{MANIFEST, PREVIOUS, is_segment_name, is_temporary_name};
use super::publish::read;
use super::segment_layout::MAGIC;
use crate::error::IndexError;

/// Removes our segments that neither the given manifest nor those in the folder name, and what a killed process left
/// half written. Returns the names removed. To be called after publishing, by the holder of the folder's lock, and
/// while no [`super::SegmentWriter`] is open in it and no finished segment waits for its manifest.
///
/// A file is ours if its name has our pattern and its content begins as ours; nothing else is touched.
///
/// # Errors
/// `INDEX_NEWER` if a later version has published here, and nothing is removed; `INDEX_IO` if the disk refuses.
pub fn collect_garbage(folder: &Path, current: &Manifest) -> Result<Vec<String>, IndexError> {
    collect_on(&SystemDisk, folder, current)
}

pub(super) fn collect_on(
    disk: &dyn Disk,
    folder: &Path,
    current: &Manifest,
) -> Result<Vec<String>, IndexError> {
    let kept = [
        Some(current.clone()),
        whole(folder, MANIFEST)?,
        whole(folder, PREVIOUS)?,
    ];
    let named: HashSet<&str> = kept
        .iter()
        .flatten()
        .flat_map(Manifest::files)
        .map(|file| &*file.name)
        .collect();
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder).map_err(IndexError::io("list", folder))? {
        let entry = entry.map_err(IndexError::io("list", folder))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // A link or a folder of such a name was not made by us.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let is_garbage = is_temporary_name(&name)
            || is_segment_name(&name) && !named.contains(&*name) && begins_as_ours(&entry.path());
        if is_file && is_garbage {
            disk.remove(&entry.path())
                .map_err(IndexError::io("remove", &entry.path()))?;
            removed.push(name);
        }
    }
    if !removed.is_empty() {
        disk.sync_folder(folder)
            .map_err(IndexError::io("sync", folder))?;
    }
    removed.sort_unstable();
    Ok(removed)
}

/// A damaged manifest can never be opened again, so nothing is kept for it.
fn whole(folder: &Path, name: &str) -> Result<Option<Manifest>, IndexError> {
    match read(folder, name) {
        Err(IndexError::Damaged { .. }) => Ok(None),
        other => other,
    }
}

fn begins_as_ours(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == MAGIC
}
