//! Boolean conditions on columns and the rows of a segment that meet them.

use std::fmt::Write;

use crate::error::IndexError;
use crate::filter::{ColumnTable, Schema};
use crate::row_set::RowSet;

/// A boolean condition. Empty `All` passes everything, empty `Any` nothing; a value that no row has passes nothing. A
/// column with several values per row passes if one of them fits.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Column and values.
    In(String, Vec<String>),
    /// Column, smallest and largest value, both inclusive.
    Range(String, Option<f64>, Option<f64>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

/// Deepest nesting: a filter is evaluated by recursion.
const DEPTH_MAX: usize = 32;

impl Filter {
    /// # Errors
    /// `INDEX_INVALID` for an unknown column, a bound that is no number, or nesting deeper than 32.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), IndexError> {
        self.check_within(schema, DEPTH_MAX)
    }

    fn check_within(&self, schema: &Schema, depth: usize) -> Result<(), IndexError> {
        let Some(rest) = depth.checked_sub(1) else {
            return Err(IndexError::invalid(format!(
                "a filter is nested deeper than {DEPTH_MAX}"
            )));
        };
        match self {
            Self::In(column, _) => schema.text_column(column).map(|_| ()),
            Self::Range(column, min, max) => {
                if [min, max].into_iter().flatten().any(|bound| bound.is_nan()) {
                    return Err(IndexError::invalid(format!(
                        "a bound of the range of {column:?} is no number"
                    )));
                }
                schema.number_column(column).map(|_| ())
            }
            Self::All(filters) | Self::Any(filters) => filters
                .iter()
                .try_for_each(|filter| filter.check_within(schema, rest)),
            Self::Not(filter) => filter.check_within(schema, rest),
        }
    }

    /// Equal for equal filters; the key of cached row sets.
    pub(crate) fn key(&self) -> String {
        let mut key = String::new();
        // Writing to a String cannot fail.
        let _ = write!(key, "{self:?}");
        key
    }

    /// All rows of a segment that meet the condition, dead ones included.
    pub(crate) fn rows(
        &self,
        schema: &Schema,
        columns: &ColumnTable,
        len: usize,
    ) -> Result<RowSet, IndexError> {
        Ok(match self {
            Self::In(column, values) => {
                let mut set = RowSet::empty(len);
                columns.text[schema.text_column(column)?]
                    .each_row_list(values, |rows| set.insert_all(rows));
                set
            }
            Self::Range(column, min, max) => {
                let values = &columns.numbers[schema.number_column(column)?];
                RowSet::of(len, |row| {
                    let value = values[row as usize];
                    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
                })
            }
            Self::All(filters) => {
                let mut set = RowSet::full(len);
                for filter in filters {
                    set = set.and(&filter.rows(schema, columns, len)?);
                }
                set
            }
            Self::Any(filters) => {
                let mut set = RowSet::empty(len);
                for filter in filters {
                    set = set.union(&filter.rows(schema, columns, len)?);
                }
                set
            }
            Self::Not(filter) => RowSet::full(len).and_not(&filter.rows(schema, columns, len)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::RowColumns;

    fn table() -> (Schema, ColumnTable) {
        let schema = Schema::new(&["task", "model"], &["length"]);
        let row = |task: &str, models: &[&str], length: f64| RowColumns {
            text: vec![
                vec![task.to_owned()],
                models.iter().map(|&model| model.to_owned()).collect(),
            ],
            numbers: vec![length],
        };
        let rows = [
            row("t-1", &["a", "b"], 1.0),
            row("t-2", &["b"], 2.0),
            row("t-1", &[], 3.0),
        ];
        let table = ColumnTable::from_rows(&schema, &rows.iter().collect::<Vec<_>>());
        (schema, table)
    }

    fn passing(filter: &Filter) -> Vec<u32> {
        let (schema, table) = table();
        filter.check(&schema).unwrap();
        let parts = [(&table, [0, 1, 2].as_slice())];
        let copy = ColumnTable::concat(&schema, &parts);
        let rows: Vec<u32> = filter.rows(&schema, &table, 3).unwrap().iter().collect();
        let again: Vec<u32> = filter.rows(&schema, &copy, 3).unwrap().iter().collect();
        assert_eq!(rows, again);
        rows
    }

    #[test]
    fn conditions_combine_as_in_logic() {
        let is = |column: &str, value: &str| Filter::In(column.into(), vec![value.into()]);
        assert_eq!(passing(&is("model", "b")), [0, 1]);
        assert_eq!(passing(&is("task", "b")), [] as [u32; 0]);
        assert_eq!(passing(&Filter::Not(Box::new(is("task", "t-1")))), [1]);
        assert_eq!(passing(&Filter::All(vec![])), [0, 1, 2]);
        assert_eq!(passing(&Filter::Any(vec![])), [] as [u32; 0]);
        assert_eq!(
            passing(&Filter::All(vec![is("task", "t-1"), is("model", "a")])),
            [0]
        );
        assert_eq!(
            passing(&Filter::Any(vec![is("task", "t-2"), is("model", "a")])),
            [0, 1]
        );
        assert_eq!(
            passing(&Filter::Range("length".into(), Some(2.0), None)),
            [1, 2]
        );
        assert_eq!(
            passing(&Filter::Range("length".into(), Some(2.0), Some(2.0))),
            [1]
        );
    }

    #[test]
    fn unknown_columns_bottomless_filters_and_nan_are_refused() {
        let (schema, _) = table();
        let deep = (0..100).fold(Filter::All(vec![]), |inner, _| Filter::Not(Box::new(inner)));
        for bad in [
            deep,
            Filter::In("colour".into(), vec![]),
            Filter::Range("task".into(), None, None),
            Filter::Range("length".into(), Some(f64::NAN), None),
        ] {
            assert!(
                matches!(bad.check(&schema), Err(IndexError::Invalid(_))),
                "{bad:?}"
            );
        }
    }
}
