//! Columns of a segment. A text column holds a set of values per row (one, for most columns); each distinct set is an
//! *entry*, rows hold entry numbers. Comparing two values is comparing two numbers.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::error::IndexError;
use crate::filter::Schema;
use crate::index::jagged::{Jagged, Pods};
use crate::storage::{SegmentReader, SegmentWriter};

/// The filterable values of one row, in the order of the schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowColumns {
    /// Per text column: the set of values, sorted and without duplicates.
    pub text: Vec<Vec<String>>,
    pub numbers: Vec<f64>,
}

pub(crate) struct ColumnTable {
    pub(crate) text: Vec<TextColumn>,
    pub(crate) numbers: Vec<Pods<f64>>,
}

impl ColumnTable {
    pub(crate) fn from_rows(schema: &Schema, rows: &[&RowColumns]) -> Self {
        let text =
            |column: usize| TextColumn::new(rows.iter().map(|row| as_strs(&row.text[column])));
        let numbers =
            |column: usize| Pods::from_vec(rows.iter().map(|row| row.numbers[column]).collect());
        Self {
            text: (0..schema.text().len()).map(text).collect(),
            numbers: (0..schema.numbers().len()).map(numbers).collect(),
        }
    }

    /// The listed rows of each part, in order.
    pub(crate) fn concat(schema: &Schema, parts: &[(&Self, &[u32])]) -> Self {
        let text = |column: usize| {
            TextColumn::new(parts.iter().flat_map(|(part, rows)| {
                rows.iter()
                    .map(move |row| part.text[column].values_of(*row))
            }))
        };
        let numbers = |column: usize| {
            let kept = parts.iter().flat_map(|(part, rows)| {
                rows.iter()
                    .map(move |row| part.numbers[column][*row as usize])
            });
            Pods::from_vec(kept.collect())
        };
        Self {
            text: (0..schema.text().len()).map(text).collect(),
            numbers: (0..schema.numbers().len()).map(numbers).collect(),
        }
    }

    pub(crate) fn write(&self, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        for (at, column) in self.text.iter().enumerate() {
            column.write(writer, &format!("column.{at}"))?;
        }
        for (at, column) in self.numbers.iter().enumerate() {
            column.write(writer, &format!("number.{at}"))?;
        }
        Ok(())
    }

    pub(crate) fn read(
        schema: &Schema,
        reader: &SegmentReader,
        rows: usize,
    ) -> Result<Self, IndexError> {
        let text = |at: usize| TextColumn::read(reader, &format!("column.{at}"), rows);
        let numbers = |at: usize| Pods::read(reader, &format!("number.{at}"), Some(rows));
        Ok(Self {
            text: (0..schema.text().len())
                .map(text)
                .collect::<Result<_, _>>()?,
            numbers: (0..schema.numbers().len())
                .map(numbers)
                .collect::<Result<_, _>>()?,
        })
    }
}

pub(crate) struct TextColumn {
    /// Distinct values, sorted.
    strings: Jagged<u8>,
    /// Numbers of the strings of each entry; entries are sorted by their strings.
    entries: Jagged<u32>,
    /// Entry of each row.
    values: Pods<u32>,
    /// Rows of each entry, ascending; made when a filter first needs it.
    rows: OnceLock<Jagged<u32>>,
}

fn as_strs(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl TextColumn {
    fn new<'a>(rows: impl Iterator<Item = Vec<&'a str>>) -> Self {
        let mut seen: BTreeMap<Vec<&str>, u32> = BTreeMap::new();
        let mut values = Vec::new();
        for row in rows {
            let next = number(seen.len());
            values.push(*seen.entry(row).or_insert(next));
        }
        let mut strings: Vec<&str> = seen.keys().flatten().copied().collect();
        strings.sort_unstable();
        strings.dedup();
        let mut sorted = vec![0; seen.len()];
        for (at, provisional) in seen.values().enumerate() {
            sorted[*provisional as usize] = number(at);
        }
        for value in &mut values {
            *value = sorted[*value as usize];
        }
        let numbers_of = |entry: &Vec<&str>| -> Vec<u32> {
            entry
                .iter()
                .filter_map(|value| strings.binary_search(value).ok().map(number))
                .collect()
        };
        Self {
            entries: Jagged::from_rows(seen.keys().map(numbers_of)),
            strings: Jagged::from_rows(strings.iter().map(|value| value.as_bytes())),
            values: Pods::from_vec(values),
            rows: OnceLock::new(),
        }
    }

    pub(crate) fn values_of(&self, row: u32) -> Vec<&str> {
        let entry = self.values[row as usize] as usize;
        let numbers = self.entries.row(entry).iter();
        numbers.map(|at| self.strings.text(*at as usize)).collect()
    }

    /// The first value of a row; empty where it has none.
    pub(crate) fn first_of(&self, row: u32) -> &str {
        let entry = self.values[row as usize] as usize;
        let first = self.entries.row(entry).first();
        first.map_or("", |at| self.strings.text(*at as usize))
    }

    /// Calls `found` with the rows of each entry that has one of `values`.
    pub(crate) fn each_row_list(&self, values: &[String], mut found: impl FnMut(&[u32])) {
        let wanted: Vec<u32> = values
            .iter()
            .filter_map(|value| self.string_number(value))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let rows = self.rows.get_or_init(|| self.invert());
        // With one value per row and nothing else, entry and string numbers are the same.
        if self.entries.len() == self.strings.len()
            && wanted
                .iter()
                .all(|at| self.entries.row(*at as usize) == [*at])
            && self.entries.iter().all(|entry| entry.len() == 1)
        {
            for at in wanted {
                found(rows.row(at as usize));
            }
            return;
        }
        for (entry, strings) in self.entries.iter().enumerate() {
            if strings.iter().any(|at| wanted.contains(at)) {
                found(rows.row(entry));
            }
        }
    }

    fn string_number(&self, value: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.strings.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.strings.row(middle).cmp(value.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(number(middle)),
            }
        }
        None
    }

    /// In two passes over the rows, without a list per entry: the first filter on a column waits for this.
    fn invert(&self) -> Jagged<u32> {
        let mut starts = vec![0_u64; self.entries.len() + 1];
        for entry in self.values.iter() {
            starts[*entry as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let offsets = starts.clone();
        let mut rows = vec![0_u32; self.values.len()];
        for (row, entry) in (0..).zip(self.values.iter()) {
            let next = &mut starts[*entry as usize];
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rows")]
            let at = *next as usize;
            rows[at] = row;
            *next += 1;
        }
        Jagged::from_parts(offsets, rows)
    }

    fn write(&self, writer: &mut SegmentWriter, name: &str) -> Result<(), IndexError> {
        self.strings.write(writer, &format!("{name}.strings"))?;
        self.entries.write(writer, &format!("{name}.entries"))?;
        self.values.write(writer, &format!("{name}.rows"))
    }

    fn read(reader: &SegmentReader, name: &str, rows: usize) -> Result<Self, IndexError> {
        let strings = Jagged::<u8>::read(reader, &format!("{name}.strings"), None)?;
        let entries = Jagged::<u32>::read(reader, &format!("{name}.entries"), None)?;
        let values = Pods::<u32>::read(reader, &format!("{name}.rows"), Some(rows))?;
        let are_entries_good = entries
            .iter()
            .flatten()
            .all(|at| (*at as usize) < strings.len());
        if !are_entries_good || values.iter().any(|at| *at as usize >= entries.len()) {
            return Err(IndexError::Corrupt(format!(
                "section {name} names a value that is not there"
            )));
        }
        Ok(Self {
            strings,
            entries,
            values,
            rows: OnceLock::new(),
        })
    }
}
