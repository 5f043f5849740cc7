//! Merging blocks: the kept rows of each, one block after the other, in time linear in what the blocks hold.

use super::block::{BlockBuilder, LexicalBlock, too_large};
use crate::error::IndexError;

/// A unit of a row that is not kept.
const DROPPED: u32 = u32::MAX;

impl LexicalBlock {
    /// The listed rows of each part become rows `0..`, in the order given. A row is listed at most once; one that its
    /// part does not have becomes a row without observations.
    ///
    /// # Errors
    /// `Invalid` where the result does not fit 32 bits.
    pub fn concat(parts: &[(&LexicalBlock, &[u32])]) -> Result<Self, IndexError> {
        let mut builder = BlockBuilder::default();
        let mut sources = Vec::with_capacity(parts.len());
        for (block, rows) in parts {
            let units = renumber(block, rows, &mut builder)?;
            sources.push(Source {
                block,
                units,
                are_rows_ascending: rows.is_sorted(),
                term: 0,
            });
        }
        let mut list = Vec::new();
        while let Some(hash) = sources.iter().filter_map(Source::hash).min() {
            for source in sources
                .iter_mut()
                .filter(|source| source.hash() == Some(hash))
            {
                source.take(&mut list);
                for (unit, count) in list.drain(..) {
                    builder.posting(unit, count)?;
                }
            }
            builder.end_term(hash)?;
        }
        Ok(builder.finish())
    }
}

/// Adds the rows, and returns the new number of each unit of the block.
fn renumber(
    block: &LexicalBlock,
    rows: &[u32],
    builder: &mut BlockBuilder,
) -> Result<Vec<u32>, IndexError> {
    let lengths = block.unit_lengths.as_slice();
    let mut units = vec![DROPPED; lengths.len()];
    for row in rows {
        for unit in block.units_of(*row) {
            let Some(length) = lengths.get(unit as usize) else {
                continue;
            };
            units[unit as usize] =
                u32::try_from(builder.unit_lengths.len()).map_err(|_| too_large())?;
            builder.unit_lengths.push(*length);
        }
        builder.end_row()?;
    }
    Ok(units)
}

struct Source<'a> {
    block: &'a LexicalBlock,
    units: Vec<u32>,
    are_rows_ascending: bool,
    /// The next term to take.
    term: usize,
}

impl Source<'_> {
    fn hash(&self) -> Option<u64> {
        self.block.terms.as_slice().get(self.term).copied()
    }

    /// Fills `kept` with the kept postings of the next term, ascending by new unit, and goes to the term after it.
    fn take(&mut self, kept: &mut Vec<(u32, u32)>) {
        if let Some(list) = self.block.list(self.term) {
            kept.extend(list.iter().filter_map(|(unit, count)| {
                let unit = *self.units.get(unit as usize)?;
                (unit != DROPPED).then_some((unit, count))
            }));
        }
        if !self.are_rows_ascending {
            kept.sort_unstable();
        }
        self.term += 1;
    }
}
