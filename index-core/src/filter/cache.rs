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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn key(number: usize) -> Arc<str> {
        number.to_string().into()
    }

    #[test]
    fn a_filter_is_computed_once_as_long_as_it_is_among_the_last_that_were_asked() {
        let (cache, computed) = (FilterCache::default(), Cell::new(0));
        let ask = |number| {
            let compute = || {
                computed.set(computed.get() + 1);
                Ok(RowSet::from_rows(64, [u32::try_from(number).unwrap()]))
            };
            cache.get(&key(number), compute).unwrap()
        };
        assert!(Arc::ptr_eq(&ask(0), &ask(0)));
        for number in 1..FILTERS_MAX {
            assert!(ask(number).contains(u32::try_from(number).unwrap()));
        }
        assert_eq!(computed.get(), FILTERS_MAX);
        // The first one was asked again, so another has to go.
        ask(0);
        ask(FILTERS_MAX);
        ask(0);
        assert_eq!(computed.get(), FILTERS_MAX + 1);
        ask(1);
        assert_eq!(computed.get(), FILTERS_MAX + 2);
        assert_eq!(cache.sets.lock().unwrap().len(), FILTERS_MAX);
    }

    #[test]
    fn nobody_waits_for_the_cache_and_nothing_that_failed_is_kept() {
        let cache = FilterCache::default();
        let full = || Ok(RowSet::full(3));
        let refused = || Err(IndexError::invalid("no such column"));
        assert!(cache.get(&key(0), refused).is_err());
        assert_eq!(cache.get(&key(0), full).unwrap().len(), 3);
        let _busy = cache.sets.lock().unwrap();
        let asked = cache.get(&key(0), || Ok(RowSet::empty(3))).unwrap();
        assert_eq!(asked.len(), 0, "it was computed and not awaited");
    }
}
