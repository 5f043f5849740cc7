use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::{Disk, DiskFile, SystemDisk};

/// A disk that stops for good after so many operations, and can then forget what was not synced.
#[derive(Clone)]
pub(super) struct StoppingDisk(Arc<Mutex<State>>);

struct State {
    left: usize,
    /// Files whose content was written since their last sync.
    unsynced: HashSet<PathBuf>,
    /// What to do to take back the changes of the folder since its last sync, oldest first.
    undo: Vec<Undo>,
}

struct Undo {
    /// The file that a rename moved, and its name before.
    moved: Option<(PathBuf, PathBuf)>,
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl StoppingDisk {
    pub(super) fn after(operations: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            left: operations,
            unsynced: HashSet::new(),
            undo: Vec::new(),
        })))
    }

    /// How many changes of the folder a power cut could take back.
    pub(super) fn unsynced_changes(&self) -> usize {
        self.state().undo.len()
    }

    /// A power cut: the last `changes` of the folder never happened, and files that were not synced lose half.
    pub(super) fn cut_power(&self, changes: usize) {
        let mut state = self.state();
        for path in &state.unsynced {
            if let Ok(bytes) = fs::read(path) {
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        for _ in 0..changes {
            let undo = state.undo.pop().unwrap();
            if let Some((now, before)) = &undo.moved {
                fs::rename(now, before).unwrap();
            }
            match undo.before {
                Some(bytes) => fs::write(&undo.path, bytes).unwrap(),
                None if undo.moved.is_none() => fs::remove_file(&undo.path).unwrap(),
                None => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.left = state
            .left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("the power is gone"))?;
        Ok(state)
    }
}

impl Disk for StoppingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.step()?;
        state.undo.push(Undo {
            moved: None,
            path: path.to_path_buf(),
            before: fs::read(path).ok(),
        });
        Ok(Box::new(StoppingFile {
            disk: self.clone(),
            path: path.to_path_buf(),
            file: SystemDisk.create(path)?,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        state.undo.push(Undo {
            moved: Some((to.to_path_buf(), from.to_path_buf())),
            path: to.to_path_buf(),
            before: fs::read(to).ok(),
        });
        if state.unsynced.remove(from) {
            state.unsynced.insert(to.to_path_buf());
        }
        SystemDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        state.undo.push(Undo {
            moved: None,
            path: path.to_path_buf(),
            before: fs::read(path).ok(),
        });
        SystemDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step()?.undo.clear();
        SystemDisk.sync_folder(folder)
    }
}

struct StoppingFile {
    disk: StoppingDisk,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl Write for StoppingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step = self.disk.step();
        match step {
            Ok(mut state) => {
                state.unsynced.insert(self.path.clone());
                self.file.write(bytes)
            }
            // Torn: a part of it arrives.
            Err(error) => {
                self.file.write_all(&bytes[..bytes.len() / 2])?;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for StoppingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?.unsynced.remove(&self.path);
        self.file.sync()
    }
}
