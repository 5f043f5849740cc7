//! The operations on a file system that change it, behind a trait: a test stops after any of them, as a kill would.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub(super) trait Disk: Send + Sync {
    /// Replaces a file of that name; only used with temporary names.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes renames and removals in the folder survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

pub(super) trait DiskFile: Write + Send + Sync {
    /// Makes what was written survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
