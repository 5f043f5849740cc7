//! What the dead rows of a block take away from its statistics. Worth keeping beside the rows' marks: without it every
//! query would walk the long lists to count the dead again.

use std::sync::atomic::{AtomicU32, Ordering};

use super::block::{LexicalBlock, PostingList};
use super::cursor::common;
use crate::row_set::RowSet;

/// Units of the rows of one block that are not live. Belongs to that block and that set of live rows; shared by searches.
pub struct DeadUnits {
    /// Ascending.
    units: Vec<u32>,
    length: u64,
    /// By long list: its number of dead units and one, once a query has asked; 0 before.
    counts: Box<[AtomicU32]>,
}

impl DeadUnits {
    #[must_use]
    pub fn of(block: &LexicalBlock, live: &RowSet) -> Self {
        let lengths = block.unit_lengths.as_slice();
        let units: Vec<u32> = live
            .iter_absent(block.len())
            .flat_map(|row| block.units_of(row))
            .collect();
        let dead_lengths = units.iter().filter_map(|unit| lengths.get(*unit as usize));
        let length = dead_lengths.copied().map(u64::from).sum();
        let long_lists = if units.is_empty() {
            0
        } else {
            block.bounds.as_slice().len()
        };
        Self {
            units,
            length,
            counts: (0..long_lists).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.units.len()
    }

    /// Words of the dead units.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Number of postings of the list whose unit is dead.
    pub(crate) fn count(&self, list: &PostingList<'_>) -> usize {
        if self.units.is_empty() {
            return 0;
        }
        let kept = list.long_list().and_then(|at| self.counts.get(at));
        let Some(kept) = kept else {
            return common(&self.units, list.units);
        };
        // Searches that ask at the same time count the same, so no order between them is needed.
        match kept.load(Ordering::Relaxed) {
            0 => {
                let count = common(&self.units, list.units);
                kept.store(
                    u32::try_from(count + 1).unwrap_or(u32::MAX),
                    Ordering::Relaxed,
                );
                count
            }
            known => known as usize - 1,
        }
    }
}
