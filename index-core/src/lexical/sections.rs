//! A block as the sections of a file, and back. Numbers are little-endian, as on every machine that this runs on.

use std::ops::Deref;

use super::block::{COUNT_IS_LARGE, LexicalBlock};
use super::section::Section;
use crate::error::IndexError;

const TERMS: &str = "lexical.terms";
const STARTS: &str = "lexical.starts";
const UNITS: &str = "lexical.units";
const COUNTS: &str = "lexical.counts";
const LARGE_COUNTS: &str = "lexical.large-counts";
const BOUNDED_TERMS: &str = "lexical.bounded-terms";
const BOUNDS: &str = "lexical.bounds";
const ROW_STARTS: &str = "lexical.row-starts";
const UNIT_ROWS: &str = "lexical.unit-rows";
const UNIT_LENGTHS: &str = "lexical.unit-lengths";

impl LexicalBlock {
    /// Name and bytes of every section.
    #[must_use]
    pub fn to_sections(&self) -> [(&'static str, &[u8]); 10] {
        [
            (TERMS, self.terms.as_bytes()),
            (STARTS, self.starts.as_bytes()),
            (UNITS, self.units.as_bytes()),
            (COUNTS, self.counts.as_bytes()),
            (LARGE_COUNTS, self.large_counts.as_bytes()),
            (BOUNDED_TERMS, self.bounded_terms.as_bytes()),
            (BOUNDS, self.bounds.as_bytes()),
            (ROW_STARTS, self.row_starts.as_bytes()),
            (UNIT_ROWS, self.unit_rows.as_bytes()),
            (UNIT_LENGTHS, self.unit_lengths.as_bytes()),
        ]
    }

    /// Looks at sections in place. Dictionary and unit table are checked here, which reads all of both; the postings,
    /// by far the largest part, are left untouched, and a wrong one can give a wrong answer but no panic: `check` reads
    /// them where the file's checksum is not trusted.
    ///
    /// # Errors
    /// `Corrupt` where the sections are not those of a block, and whatever `get` answers for one that it cannot find.
    pub fn from_sections<B>(
        mut get: impl FnMut(&str) -> Result<B, IndexError>,
    ) -> Result<Self, IndexError>
    where
        B: Deref<Target = [u8]> + Send + Sync + 'static,
    {
        let mut block = Self {
            terms: Section::from_bytes(TERMS, get(TERMS)?)?,
            starts: Section::from_bytes(STARTS, get(STARTS)?)?,
            units: Section::from_bytes(UNITS, get(UNITS)?)?,
            counts: Section::from_bytes(COUNTS, get(COUNTS)?)?,
            large_counts: Section::from_bytes(LARGE_COUNTS, get(LARGE_COUNTS)?)?,
            bounded_terms: Section::from_bytes(BOUNDED_TERMS, get(BOUNDED_TERMS)?)?,
            bounds: Section::from_bytes(BOUNDS, get(BOUNDS)?)?,
            row_starts: Section::from_bytes(ROW_STARTS, get(ROW_STARTS)?)?,
            unit_rows: Section::from_bytes(UNIT_ROWS, get(UNIT_ROWS)?)?,
            unit_lengths: Section::from_bytes(UNIT_LENGTHS, get(UNIT_LENGTHS)?)?,
            length: 0,
        };
        block.check_dictionary()?;
        block.check_units()?;
        let lengths = block.unit_lengths.as_slice();
        block.length = lengths.iter().copied().map(u64::from).sum();
        Ok(block)
    }

    /// Reads every posting.
    ///
    /// # Errors
    /// `Corrupt` where a posting names no unit, stands out of order or has no count.
    pub fn check(&self) -> Result<(), IndexError> {
        let unit_count = self.unit_count();
        for term in 0..self.terms.as_slice().len() {
            let Some(list) = self.list(term) else {
                return Err(corrupt("a term without postings"));
            };
            demand(is_ascending(list.units), "postings out of order")?;
            demand(
                list.units
                    .last()
                    .is_some_and(|unit| (*unit as usize) < unit_count),
                "a posting of no observation",
            )?;
        }
        let large = self.large_counts.as_slice();
        let mut marked = (0_u32..)
            .zip(self.counts.as_slice())
            .filter(|(_, count)| **count == COUNT_IS_LARGE)
            .map(|(posting, _)| posting);
        demand(
            large.iter().all(|entry| marked.next() == Some(entry[0])) && marked.next().is_none(),
            "large counts that do not fit the postings",
        )?;
        demand(
            !self.counts.as_slice().contains(&0),
            "a posting without a count",
        )
    }

    fn check_dictionary(&self) -> Result<(), IndexError> {
        let (terms, starts) = (self.terms.as_slice(), self.starts.as_slice());
        let postings = self.units.as_slice().len();
        demand(is_ascending(terms), "terms out of order")?;
        demand(
            is_table(starts, terms.len(), postings) && is_ascending(starts),
            "a posting table that does not fit its terms",
        )?;
        demand(
            self.counts.as_slice().len() == postings,
            "postings and counts of different length",
        )?;
        let (bounded, bounds) = (self.bounded_terms.as_slice(), self.bounds.as_slice());
        demand(
            bounded.len() == bounds.len() && is_ascending(bounded),
            "a table of bounds that does not fit its terms",
        )?;
        demand(
            self.large_counts
                .as_slice()
                .is_sorted_by(|left, right| left[0] < right[0]),
            "large counts out of order",
        )
    }

    fn check_units(&self) -> Result<(), IndexError> {
        let (starts, rows) = (self.row_starts.as_slice(), self.unit_rows.as_slice());
        let unit_count = self.unit_count();
        demand(
            is_table(starts, starts.len().saturating_sub(1), unit_count) && starts.is_sorted(),
            "a row table that does not fit its observations",
        )?;
        let expected = (0_u32..)
            .zip(starts.windows(2))
            .flat_map(|(row, bounds)| (bounds[0]..bounds[1]).map(move |_| row));
        demand(
            rows.len() == unit_count && expected.eq(rows.iter().copied()),
            "observations that do not fit their rows",
        )
    }
}

/// Whether `starts` begins at 0, ends at `end` and has one entry more than `len`; nothing at all is a table of nothing.
fn is_table(starts: &[u32], len: usize, end: usize) -> bool {
    match (starts.first(), starts.last()) {
        (Some(first), Some(last)) => {
            starts.len() == len + 1 && *first == 0 && *last as usize == end
        }
        _ => len == 0 && end == 0,
    }
}

fn is_ascending<T: PartialOrd>(values: &[T]) -> bool {
    values.is_sorted_by(|left, right| left < right)
}

fn demand(holds: bool, otherwise: &str) -> Result<(), IndexError> {
    if holds {
        Ok(())
    } else {
        Err(corrupt(otherwise))
    }
}

fn corrupt(what: &str) -> IndexError {
    IndexError::Corrupt(format!("the lexical sections have {what}"))
}
