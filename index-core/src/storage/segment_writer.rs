use std::hash::Hasher;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::bytes::ALIGNMENT;
use super::disk::{Disk, DiskFile, SystemDisk};
use super::manifest::FileEntry;
use super::names::{check_segment_name, temporary};
use super::segment_layout::{
    HEADER_BYTES, SEGMENT_VERSION, Section, aligned, ending, header, is_section_name,
};
use crate::error::IndexError;

/// Large enough that a section of small parts costs few system calls.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes a segment under a temporary name; only [`SegmentWriter::finish`] gives it its own. A writer that is dropped
/// before that leaves nothing behind.
pub struct SegmentWriter {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    name: String,
    temporary: PathBuf,
    /// None once closed: its temporary name is then no longer ours to remove.
    file: Option<BufWriter<Box<dyn DiskFile>>>,
    length: usize,
    sections: Vec<Section>,
    /// Bytes may be missing after a failed write, so such a file must never be finished.
    has_failed: bool,
}

impl SegmentWriter {
    /// The name is lower-case letters, digits and dashes, ending in `.segment`.
    ///
    /// # Errors
    /// `INDEX_INVALID` for another name, or one that is taken: a segment is never overwritten. `INDEX_IO` if the
    /// folder cannot be written.
    pub fn create(folder: &Path, name: &str) -> Result<Self, IndexError> {
        Self::create_on(Arc::new(SystemDisk), folder, name)
    }

    pub(super) fn create_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        name: &str,
    ) -> Result<Self, IndexError> {
        check_segment_name(name)?;
        if folder.join(name).symlink_metadata().is_ok() {
            return Err(IndexError::invalid(format!(
                "the segment {} is there already, and segments are never overwritten",
                folder.join(name).display()
            )));
        }
        let path = folder.join(temporary(name));
        let file = disk
            .create(&path)
            .map_err(IndexError::io("create", &path))?;
        let mut writer = Self {
            disk,
            folder: folder.to_path_buf(),
            name: name.to_owned(),
            temporary: path,
            file: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            length: 0,
            sections: Vec::new(),
            has_failed: false,
        };
        writer.write(&header(SEGMENT_VERSION))?;
        Ok(writer)
    }

    /// # Errors
    /// `INDEX_INVALID` for a section name that was used before or is not 1 to 200 visible ASCII characters; `INDEX_IO`
    /// if the disk refuses.
    pub fn add(&mut self, section: &str, bytes: &[u8]) -> Result<(), IndexError> {
        self.add_parts(section, [bytes])
    }

    /// One section from many pieces, so that a large one need not be in memory as a whole.
    ///
    /// # Errors
    /// As [`SegmentWriter::add`].
    pub fn add_parts(
        &mut self,
        section: &str,
        parts: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<(), IndexError> {
        if !is_section_name(section) || self.sections.iter().any(|other| other.name == section) {
            return Err(IndexError::invalid(format!(
                "{section:?} is no name for a section of {}, or was used before",
                self.name
            )));
        }
        self.pad()?;
        let offset = self.length;
        let mut hasher = XxHash3_64::new();
        for part in parts {
            hasher.write(part.as_ref());
            self.write(part.as_ref())?;
        }
        self.sections.push(Section {
            name: section.to_owned(),
            offset,
            length: self.length - offset,
            checksum: hasher.finish(),
        });
        Ok(())
    }

    /// Syncs the file, gives it its name and syncs the folder. After an error no file has the name, unless the last
    /// sync failed: then it is whole, and no manifest names it.
    ///
    /// # Errors
    /// `INDEX_IO` if the disk refuses.
    pub fn finish(mut self) -> Result<FileEntry, IndexError> {
        self.pad()?;
        let (ending, checksum) = ending(&self.sections, self.length);
        self.write(&ending)?;
        self.sync()
            .map_err(IndexError::io("sync", &self.temporary))?;
        let path = self.folder.join(&self.name);
        self.disk
            .rename(&self.temporary, &path)
            .map_err(IndexError::io("rename a file to", &path))?;
        self.file = None;
        self.disk
            .sync_folder(&self.folder)
            .map_err(IndexError::io("sync", &self.folder))?;
        Ok(FileEntry {
            name: std::mem::take(&mut self.name),
            bytes: self.length as u64,
            checksum,
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.flush()?;
        file.get_mut().sync()
    }

    fn pad(&mut self) -> Result<(), IndexError> {
        let zeros = aligned(self.length).unwrap_or(self.length) - self.length;
        self.write(&[0; ALIGNMENT][..zeros])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        let written = match &mut self.file {
            Some(file) if !self.has_failed => file.write_all(bytes),
            _ => Err(io::Error::other("an earlier write failed")),
        };
        self.has_failed |= written.is_err();
        self.length += bytes.len();
        written.map_err(IndexError::io("write", &self.temporary))
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Not flushed: what is left is thrown away.
            drop(file.into_parts());
            // Best effort; otherwise the next garbage collection removes it.
            let _ = self.disk.remove(&self.temporary);
        }
    }
}

const _: () = assert!(HEADER_BYTES.is_multiple_of(ALIGNMENT));
