use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use twox_hash::XxHash3_64;

use super::bytes::{SectionBytes, Storage};
use super::manifest::FileEntry;
use super::names::check_segment_name;
use super::segment_layout::{HEADER_BYTES, Layout, LayoutFault, SEGMENT_VERSION, Section, parse};
use crate::error::IndexError;

/// How much of a segment is read when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Every byte.
    All,
    /// Header, table and footer: that it is the file the manifest names, at its full length. Takes microseconds at
    /// any size; sections are checked by [`SegmentReader::owned`] or [`SegmentReader::verify`].
    Directory,
}

/// An open segment. Its file may be removed while it is open, the bytes stay until the last section is dropped.
pub struct SegmentReader {
    path: PathBuf,
    storage: Arc<Storage>,
    layout: Layout,
}

impl SegmentReader {
    /// # Errors
    /// `INDEX_CORRUPT` for a file that is gone or not the one named, `INDEX_NEWER` for one of a later version, `INDEX_IO` if
    /// it cannot be read.
    pub fn open(folder: &Path, entry: &FileEntry, verify: Verify) -> Result<Self, IndexError> {
        check_segment_name(&entry.name)?;
        let path = folder.join(&entry.name);
        let file = File::open(&path).map_err(|error| match error.kind() {
            // Not an error of the disk that passes: only a rebuild brings it back.
            ErrorKind::NotFound => IndexError::damaged(&path, "it is gone"),
            _ => IndexError::io("open", &path)(error),
        })?;
        let metadata = file.metadata().map_err(IndexError::io("read", &path))?;
        // A map of a folder or a device fails, one of an empty file is empty.
        if !metadata.is_file() {
            return Err(IndexError::damaged(&path, "it is no regular file"));
        }
        let map = map(&file).map_err(IndexError::io("map", &path))?;
        let reader = Self::over(&path, Storage::mapped(&path, map))?;
        let length = reader.storage.bytes().len() as u64;
        if length != entry.bytes || reader.layout.seal != entry.checksum {
            return Err(IndexError::damaged(
                &path,
                "it is a whole segment, but not the one that the manifest names",
            ));
        }
        if verify == Verify::All {
            reader.verify()?;
        }
        Ok(reader)
    }

    /// A segment in memory, every byte checked. The path is for errors only.
    ///
    /// # Errors
    /// As [`SegmentReader::open`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, IndexError> {
        let reader = Self::over(path, Storage::copied(path, bytes))?;
        reader.verify()?;
        Ok(reader)
    }

    fn over(path: &Path, storage: Arc<Storage>) -> Result<Self, IndexError> {
        let layout = parse(storage.bytes()).map_err(|fault| match fault {
            LayoutFault::Damaged(reason) => IndexError::damaged(path, reason),
            LayoutFault::Newer(found) => IndexError::Newer {
                path: path.to_path_buf(),
                found,
                known: SEGMENT_VERSION,
            },
        })?;
        Ok(Self {
            path: path.to_path_buf(),
            storage,
            layout,
        })
    }

    /// Checks every byte of the file.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` naming the section that is damaged.
    pub fn verify(&self) -> Result<(), IndexError> {
        let bytes = self.storage.bytes();
        let mut end = HEADER_BYTES;
        for section in &self.layout.sections {
            self.check(section)?;
            self.check_zeros(&bytes[end..section.offset])?;
            end = section.offset + section.length;
        }
        self.check_zeros(&bytes[end..self.layout.table_offset])
    }

    /// The section's bytes where they lie in the file; not checked here under [`Verify::Directory`].
    ///
    /// # Errors
    /// `INDEX_CORRUPT` if the segment has no such section.
    pub fn section(&self, name: &str) -> Result<SectionBytes, IndexError> {
        let section = self.find(name)?;
        Ok(SectionBytes::within(
            &self.storage,
            section.offset..section.offset + section.length,
        ))
    }

    /// A copy of the section in memory, always checked: its bytes are read anyway.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` if the section is damaged or missing.
    pub fn owned(&self, name: &str) -> Result<SectionBytes, IndexError> {
        let section = self.find(name)?;
        let copy = SectionBytes::copied(&self.path, self.bytes_of(section));
        self.check_bytes(section, &copy)?;
        Ok(copy)
    }

    /// In the order in which they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layout.sections.iter().map(|section| &*section.name)
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|other| other == name)
    }

    /// The file's length.
    #[must_use]
    pub fn file_bytes(&self) -> usize {
        self.storage.bytes().len()
    }

    fn find(&self, name: &str) -> Result<&Section, IndexError> {
        let found = self.layout.sections.iter().find(|one| one.name == name);
        found.ok_or_else(|| IndexError::damaged(&self.path, format!("it has no section {name:?}")))
    }

    fn bytes_of(&self, section: &Section) -> &[u8] {
        &self.storage.bytes()[section.offset..section.offset + section.length]
    }

    fn check(&self, section: &Section) -> Result<(), IndexError> {
        self.check_bytes(section, self.bytes_of(section))
    }

    fn check_bytes(&self, section: &Section, bytes: &[u8]) -> Result<(), IndexError> {
        if XxHash3_64::oneshot(bytes) == section.checksum {
            return Ok(());
        }
        let reason = format!("the checksum of its section {:?} is wrong", section.name);
        Err(IndexError::damaged(&self.path, reason))
    }

    fn check_zeros(&self, bytes: &[u8]) -> Result<(), IndexError> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        Err(IndexError::damaged(
            &self.path,
            "there are bytes between its sections",
        ))
    }
}

#[expect(
    unsafe_code,
    reason = "a map of a file is the one thing here that the language cannot check"
)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the bytes of a map must not change while they are borrowed. A segment gets its name only when it is
    // complete, no code of ours opens it for writing again or cuts it (replacing and removing leave the mapped bytes
    // alone), and `DirectoryLock` keeps other processes of ours out of the folder. All reads are of types for which every
    // value is valid. A foreign program that writes into a segment gives wrong numbers, one that cuts it a SIGBUS.
    unsafe { Mmap::map(file) }
}
