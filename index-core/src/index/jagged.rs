//! Arrays of a segment: owned while the segment lives in memory, mapped when it was read from a file; the same type
//! either way.

use std::marker::PhantomData;
use std::ops::Deref;

use bytemuck::{AnyBitPattern, NoUninit};

use crate::error::IndexError;
use crate::storage::{SectionBytes, SegmentReader, SegmentWriter};

/// An immutable array of plain values.
pub(crate) struct Pods<T> {
    bytes: SectionBytes,
    values: PhantomData<T>,
}

impl<T: AnyBitPattern + NoUninit> Pods<T> {
    pub(crate) fn from_vec(values: Vec<T>) -> Self {
        Self {
            bytes: SectionBytes::from_vec(values),
            values: PhantomData,
        }
    }

    /// # Errors
    /// `INDEX_CORRUPT` when the section is missing or no array of `T` with `len` values (`None`: any number).
    pub(crate) fn read(
        reader: &SegmentReader,
        name: &str,
        len: Option<usize>,
    ) -> Result<Self, IndexError> {
        let bytes = reader.section(name)?;
        let found = bytes.as_pods::<T>()?.len();
        if len.is_some_and(|len| len != found) {
            return Err(IndexError::Corrupt(format!(
                "section {name} has {found} values"
            )));
        }
        Ok(Self {
            bytes,
            values: PhantomData,
        })
    }

    pub(crate) fn write(&self, writer: &mut SegmentWriter, name: &str) -> Result<(), IndexError> {
        writer.add(name, &self.bytes)
    }
}

impl<T: AnyBitPattern> Deref for Pods<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // Length and alignment were checked when the array was made.
        bytemuck::cast_slice(&self.bytes)
    }
}

/// Rows of different lengths, one after the other.
pub(crate) struct Jagged<T> {
    /// Of each row's beginning, and of the end.
    offsets: Pods<u64>,
    values: Pods<T>,
}

impl<T: AnyBitPattern + NoUninit> Jagged<T> {
    pub(crate) fn from_rows<R: AsRef<[T]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let (mut offsets, mut values) = (vec![0], Vec::new());
        for row in rows {
            values.extend_from_slice(row.as_ref());
            offsets.push(values.len() as u64);
        }
        Self {
            offsets: Pods::from_vec(offsets),
            values: Pods::from_vec(values),
        }
    }

    /// `offsets` ascend from 0 to the number of values.
    pub(crate) fn from_parts(offsets: Vec<u64>, values: Vec<T>) -> Self {
        Self {
            offsets: Pods::from_vec(offsets),
            values: Pods::from_vec(values),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "offsets lie within an array in memory"
    )]
    pub(crate) fn row(&self, row: usize) -> &[T] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|row| self.row(row))
    }

    pub(crate) fn write(&self, writer: &mut SegmentWriter, name: &str) -> Result<(), IndexError> {
        self.offsets.write(writer, &format!("{name}.offsets"))?;
        self.values.write(writer, &format!("{name}.values"))
    }

    /// # Errors
    /// `INDEX_CORRUPT` when the sections do not describe `len` rows (`None`: any number).
    pub(crate) fn read(
        reader: &SegmentReader,
        name: &str,
        len: Option<usize>,
    ) -> Result<Self, IndexError> {
        let offsets =
            Pods::<u64>::read(reader, &format!("{name}.offsets"), len.map(|len| len + 1))?;
        let values = Pods::<T>::read(reader, &format!("{name}.values"), None)?;
        let is_ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if offsets.first() != Some(&0)
            || offsets.last() != Some(&(values.len() as u64))
            || !is_ascending
        {
            return Err(IndexError::Corrupt(format!(
                "section {name} has offsets beyond its values"
            )));
        }
        Ok(Self { offsets, values })
    }
}

/// Text rows. What is read back was written from `str`, under a checksum; bytes that are no UTF-8 read as empty.
impl Jagged<u8> {
    pub(crate) fn text(&self, row: usize) -> &str {
        std::str::from_utf8(self.row(row)).unwrap_or_default()
    }
}
