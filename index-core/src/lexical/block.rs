//! Postings of the rows of one segment in flat arrays, which are the same in memory and in a file.

use super::bounds::{BOUND_POSTINGS_MIN, BoundArray, ListBound};
use super::section::Section;
use super::sorted_hashes;
use super::unit_terms::UnitTerms;
use crate::error::IndexError;

/// In `counts`: the true count stands in `large_counts`.
pub(crate) const COUNT_IS_LARGE: u8 = u8::MAX;

/// The postings of rows `0..rows`. Each row has units (observations), numbered through the block; the position of a
/// unit is its distance from the first unit of its row. Never changes.
#[derive(Default)]
pub struct LexicalBlock {
    /// Hashes of the terms, ascending.
    pub(crate) terms: Section<u64>,
    /// Where each term's postings begin, and where the last one's end.
    pub(crate) starts: Section<u32>,
    /// Units of the postings, ascending within a term.
    pub(crate) units: Section<u32>,
    pub(crate) counts: Section<u8>,
    /// (posting, count) of counts that do not fit, ascending.
    pub(crate) large_counts: Section<[u32; 2]>,
    /// Terms with at least `BOUND_POSTINGS_MIN` postings, ascending, and their bounds.
    pub(crate) bounded_terms: Section<u32>,
    pub(crate) bounds: Section<BoundArray>,
    /// Where each row's units begin, and where the last one's end; empty where there is no row.
    pub(crate) row_starts: Section<u32>,
    pub(crate) unit_rows: Section<u32>,
    pub(crate) unit_lengths: Section<u32>,
    /// Sum of the lengths.
    pub(crate) length: u64,
}

pub(crate) fn too_large() -> IndexError {
    IndexError::invalid("a lexical block holds at most 2³² − 1 rows, observations and postings")
}

impl LexicalBlock {
    /// # Errors
    /// `Invalid` where rows, observations or postings do not fit 32 bits.
    pub fn from_rows<'a>(rows: impl Iterator<Item = &'a [UnitTerms]>) -> Result<Self, IndexError> {
        let mut builder = BlockBuilder::default();
        let mut entries: Vec<(u64, u32, u32)> = Vec::new();
        for row in rows {
            for terms in row {
                let unit = u32::try_from(builder.unit_lengths.len()).map_err(|_| too_large())?;
                builder.unit_lengths.push(terms.length());
                entries.extend(
                    terms
                        .counts()
                        .iter()
                        .map(|(hash, count)| (*hash, unit, *count)),
                );
            }
            builder.end_row()?;
        }
        entries.sort_unstable();
        for list in entries.chunk_by(|left, right| left.0 == right.0) {
            for (_, unit, count) in list {
                builder.posting(*unit, *count)?;
            }
            builder.end_term(list[0].0)?;
        }
        Ok(builder.finish())
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row_starts.as_slice().len().saturating_sub(1)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of observations.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.unit_lengths.as_slice().len()
    }

    /// Bytes of memory that the block owns; arrays that lie in bytes of the caller do not count.
    #[must_use]
    pub fn owned_bytes(&self) -> usize {
        self.terms.owned_bytes()
            + self.starts.owned_bytes()
            + self.units.owned_bytes()
            + self.counts.owned_bytes()
            + self.large_counts.owned_bytes()
            + self.bounded_terms.owned_bytes()
            + self.bounds.owned_bytes()
            + self.row_starts.owned_bytes()
            + self.unit_rows.owned_bytes()
            + self.unit_lengths.owned_bytes()
    }

    /// Units of a row; empty for a row that is not here.
    pub(crate) fn units_of(&self, row: u32) -> std::ops::Range<u32> {
        let starts = self.row_starts.as_slice();
        match (starts.get(row as usize), starts.get(row as usize + 1)) {
            (Some(start), Some(end)) => *start..*end,
            _ => 0..0,
        }
    }

    /// Postings of the term with this hash.
    pub(crate) fn find(&self, hash: u64) -> Option<PostingList<'_>> {
        self.list(sorted_hashes::position(self.terms.as_slice(), hash)?)
    }

    pub(crate) fn list(&self, term: usize) -> Option<PostingList<'_>> {
        let starts = self.starts.as_slice();
        let (start, end) = (*starts.get(term)?, *starts.get(term + 1)?);
        let range = start as usize..end as usize;
        Some(PostingList {
            block: self,
            term,
            start,
            units: self.units.as_slice().get(range.clone())?,
            counts: self.counts.as_slice().get(range)?,
        })
    }
}

#[derive(Clone, Copy)]
pub(crate) struct PostingList<'a> {
    block: &'a LexicalBlock,
    term: usize,
    start: u32,
    pub(crate) units: &'a [u32],
    counts: &'a [u8],
}

impl<'a> PostingList<'a> {
    pub(crate) fn count(&self, index: usize) -> u32 {
        match self.counts.get(index) {
            Some(&COUNT_IS_LARGE) => self.large_count(index),
            Some(&count) => u32::from(count),
            None => 0,
        }
    }

    #[cold]
    fn large_count(&self, index: usize) -> u32 {
        let large = self.block.large_counts.as_slice();
        let posting =
            u32::try_from(index).map_or(u32::MAX, |index| self.start.saturating_add(index));
        large
            .binary_search_by_key(&posting, |entry| entry[0])
            .map_or(u32::from(COUNT_IS_LARGE), |at| large[at][1])
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (u32, u32)> + 'a {
        self.units
            .iter()
            .enumerate()
            .map(move |(index, unit)| (*unit, self.count(index)))
    }

    /// Index of the list among the long ones, if it is one.
    pub(crate) fn long_list(&self) -> Option<usize> {
        if self.units.len() < BOUND_POSTINGS_MIN {
            return None;
        }
        let term = u32::try_from(self.term).ok()?;
        self.block
            .bounded_terms
            .as_slice()
            .binary_search(&term)
            .ok()
    }

    /// Only long lists have one.
    pub(crate) fn bound(&self) -> Option<ListBound> {
        let bounds = self.block.bounds.as_slice();
        bounds
            .get(self.long_list()?)
            .copied()
            .map(ListBound::from_array)
    }
}

/// Fills the arrays of a block: first the rows, then term after term in ascending order.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    terms: Vec<u64>,
    starts: Vec<u32>,
    units: Vec<u32>,
    counts: Vec<u8>,
    large_counts: Vec<[u32; 2]>,
    bounded_terms: Vec<u32>,
    bounds: Vec<BoundArray>,
    row_starts: Vec<u32>,
    unit_rows: Vec<u32>,
    pub(crate) unit_lengths: Vec<u32>,
}

impl BlockBuilder {
    /// The lengths of the row's units have been pushed.
    pub(crate) fn end_row(&mut self) -> Result<(), IndexError> {
        if self.row_starts.is_empty() {
            self.row_starts.push(0);
        }
        let row = u32::try_from(self.row_starts.len() - 1).map_err(|_| too_large())?;
        self.unit_rows.resize(self.unit_lengths.len(), row);
        self.row_starts
            .push(u32::try_from(self.unit_lengths.len()).map_err(|_| too_large())?);
        Ok(())
    }

    pub(crate) fn posting(&mut self, unit: u32, count: u32) -> Result<(), IndexError> {
        let small = u8::try_from(count).unwrap_or(COUNT_IS_LARGE);
        if small == COUNT_IS_LARGE {
            let posting = u32::try_from(self.units.len()).map_err(|_| too_large())?;
            self.large_counts.push([posting, count]);
        }
        self.units.push(unit);
        self.counts.push(small);
        Ok(())
    }

    /// Closes the list of a term; one without postings leaves no trace.
    pub(crate) fn end_term(&mut self, hash: u64) -> Result<(), IndexError> {
        let start = self.starts.last().copied().unwrap_or_default();
        let end = u32::try_from(self.units.len()).map_err(|_| too_large())?;
        if start == end {
            return Ok(());
        }
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        let list = start as usize..end as usize;
        if list.len() >= BOUND_POSTINGS_MIN {
            self.bounded_terms
                .push(u32::try_from(self.terms.len()).map_err(|_| too_large())?);
            self.bounds.push(self.bound_of(list).to_array());
        }
        self.terms.push(hash);
        self.starts.push(end);
        Ok(())
    }

    fn bound_of(&self, list: std::ops::Range<usize>) -> ListBound {
        let mut large = self
            .large_counts
            .partition_point(|entry| (entry[0] as usize) < list.start);
        ListBound::of(list.map(|posting| {
            let count = match self.counts[posting] {
                COUNT_IS_LARGE => {
                    large += 1;
                    self.large_counts[large - 1][1]
                }
                count => u32::from(count),
            };
            (count, self.unit_lengths[self.units[posting] as usize])
        }))
    }

    pub(crate) fn finish(self) -> LexicalBlock {
        LexicalBlock {
            length: self.unit_lengths.iter().copied().map(u64::from).sum(),
            terms: self.terms.into(),
            starts: self.starts.into(),
            units: self.units.into(),
            counts: self.counts.into(),
            large_counts: self.large_counts.into(),
            bounded_terms: self.bounded_terms.into(),
            bounds: self.bounds.into(),
            row_starts: self.row_starts.into(),
            unit_rows: self.unit_rows.into(),
            unit_lengths: self.unit_lengths.into(),
        }
    }
}
