//! Where each normalised observation of a segment stands: a table sorted by hash.

use crate::error::IndexError;
use crate::index::jagged::Pods;
use crate::storage::{SegmentReader, SegmentWriter};

pub(crate) struct ExactTable {
    hashes: Pods<u128>,
    rows: Pods<u32>,
    positions: Pods<u32>,
}

impl ExactTable {
    /// `rows` yields the hashes of each row's observations in order; `None` for silence, which matches nothing.
    pub(crate) fn from_rows<'a>(rows: impl Iterator<Item = &'a [Option<u128>]>) -> Self {
        let mut places = Vec::new();
        for (row, hashes) in (0_u32..).zip(rows) {
            for (position, hash) in (0_u32..).zip(hashes) {
                if let Some(hash) = hash {
                    places.push((*hash, row, position));
                }
            }
        }
        Self::sorted(places)
    }

    pub(crate) fn concat(parts: &[(&Self, &[u32])]) -> Self {
        let mut places = Vec::new();
        let mut next = 0_u32;
        for (part, kept) in parts {
            let highest = part.rows.iter().max().map_or(0, |row| *row as usize + 1);
            let mut moved = vec![None; highest];
            for row in *kept {
                if let Some(slot) = moved.get_mut(*row as usize) {
                    *slot = Some(next);
                }
                next += 1;
            }
            for (at, row) in part.rows.iter().enumerate() {
                if let Some(row) = moved[*row as usize] {
                    places.push((part.hashes[at], row, part.positions[at]));
                }
            }
        }
        Self::sorted(places)
    }

    fn sorted(mut places: Vec<(u128, u32, u32)>) -> Self {
        places.sort_unstable();
        Self {
            hashes: Pods::from_vec(places.iter().map(|place| place.0).collect()),
            rows: Pods::from_vec(places.iter().map(|place| place.1).collect()),
            positions: Pods::from_vec(places.iter().map(|place| place.2).collect()),
        }
    }

    /// Rows and positions of an observation, ascending.
    pub(crate) fn places(&self, hash: u128) -> impl Iterator<Item = (u32, u32)> {
        let from = self.hashes.partition_point(|known| *known < hash);
        (from..self.hashes.len())
            .take_while(move |at| self.hashes[*at] == hash)
            .map(|at| (self.rows[at], self.positions[at]))
    }

    pub(crate) fn write(&self, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        self.hashes.write(writer, "exact.hashes")?;
        self.rows.write(writer, "exact.rows")?;
        self.positions.write(writer, "exact.positions")
    }

    pub(crate) fn read(reader: &SegmentReader, rows: usize) -> Result<Self, IndexError> {
        let hashes = Pods::<u128>::read(reader, "exact.hashes", None)?;
        let places = hashes.len();
        let table = Self {
            rows: Pods::read(reader, "exact.rows", Some(places))?,
            positions: Pods::read(reader, "exact.positions", Some(places))?,
            hashes,
        };
        if table.rows.iter().any(|row| *row as usize >= rows)
            || table.hashes.windows(2).any(|pair| pair[0] > pair[1])
        {
            return Err(IndexError::Corrupt(
                "section exact is not sorted or names rows that are not there".into(),
            ));
        }
        Ok(table)
    }
}
