use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::names::LOCK;
use crate::error::IndexError;

/// Keeps a folder to one holder. The system gives it back when the process ends, however it ends, so a lock is never
/// stale. The file stays: to remove it would let two processes lock two files of one name.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    folder: PathBuf,
}

impl DirectoryLock {
    /// Makes the folder if it is not there.
    ///
    /// # Errors
    /// `INDEX_LOCKED` naming the holder if the folder is open elsewhere, also in this process; `INDEX_IO` if it cannot
    /// be made or written, or its file system has no locks.
    pub fn acquire(folder: &Path) -> Result<Self, IndexError> {
        fs::create_dir_all(folder).map_err(IndexError::io("make the folder", folder))?;
        let path = folder.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(IndexError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(IndexError::Locked {
                    folder: folder.to_path_buf(),
                    pid: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(IndexError::io("lock", &path)(error)),
        }
        // The number is for messages only; the lock is what counts.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
            .map_err(IndexError::io("write", &path))?;
        Ok(Self {
            file,
            folder: folder.to_path_buf(),
        })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Best effort: closing the file gives the lock back anyway.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// None in the moment between locking and writing the number, or if the file holds something else.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
