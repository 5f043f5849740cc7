//! Row sets of filters that were asked before. A segment never changes, so what is cached is never stale.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, TryLockError};

use crate::error::IndexError;
use crate::row_set::RowSet;

/// Filters remembered per segment; at a million rows one set takes 125 KB.
const FILTERS_MAX: usize = 32;

#[derive(Default)]
pub(crate) struct FilterCache {
    /// Least recently used first.
    sets: Mutex<VecDeque<(Arc<str>, Arc<RowSet>)>>,
}

impl FilterCache {
    /// The cached set, or what `compute` makes. A reader never waits for another: where the cache is busy, it computes.
    pub(crate) fn get(
        &self,
        key: &Arc<str>,
        compute: impl FnOnce() -> Result<RowSet, IndexError>,
    ) -> Result<Arc<RowSet>, IndexError> {
        if let Some(found) = self.find(key) {
            return Ok(found);
        }
        let set = Arc::new(compute()?);
        if let Ok(mut sets) = self.sets.try_lock() {
            if sets.len() >= FILTERS_MAX {
                sets.pop_front();
            }
            sets.push_back((key.clone(), set.clone()));
        }
        Ok(set)
    }

    fn find(&self, key: &str) -> Option<Arc<RowSet>> {
        let mut sets = match self.sets.try_lock() {
            Ok(sets) => sets,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let at = sets.iter().position(|(known, _)| **known == *key)?;
        let entry = sets.remove(at)?;
        let set = entry.1.clone();
        sets.push_back(entry);
        Some(set)
    }
}
