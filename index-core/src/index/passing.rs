//! Which rows of a snapshot may be returned: those that are alive, meet the filter, and are not excluded.

use std::sync::Arc;

use crate::error::IndexError;
use crate::filter::{Filter, Schema};
use crate::index::snapshot::{Part, Snapshot};
use crate::row_set::{Passing, RowSet};

/// Filter and exclusions of a query: the leakage guard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    pub(crate) filter: Option<Filter>,
    /// Column and values that must not appear.
    pub(crate) excluded_values: Vec<(&'static str, Vec<String>)>,
    pub(crate) excluded_ids: Vec<String>,
}

/// The rows of one part that pass.
pub(crate) struct PassingPart {
    rows: Arc<RowSet>,
    len: usize,
    live: usize,
}

impl PassingPart {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Living rows that the conditions keep out.
    pub(crate) fn withheld(&self) -> usize {
        self.live - self.rows.len()
    }

    pub(crate) fn as_passing(&self) -> Passing<'_> {
        if self.rows.len() == self.len {
            Passing::All
        } else {
            Passing::Rows(&self.rows)
        }
    }

    pub(crate) fn contains(&self, row: u32) -> bool {
        self.rows.contains(row)
    }
}

/// Per part of the snapshot.
pub(crate) fn passing_parts(
    schema: &Schema,
    snapshot: &Snapshot,
    conditions: &Conditions,
) -> Result<Vec<PassingPart>, IndexError> {
    let filter = conditions
        .filter
        .as_ref()
        .map(|filter| (filter, Arc::from(filter.key())));
    let excluded: Vec<(usize, &[String])> = conditions
        .excluded_values
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(column, values)| Ok((schema.text_column(column)?, values.as_slice())))
        .collect::<Result<_, IndexError>>()?;
    snapshot
        .parts
        .iter()
        .map(|part| {
            let rows = match &filter {
                None => part.live.clone(),
                Some((filter, key)) => live_and_filtered(schema, part, filter, key)?,
            };
            Ok(PassingPart {
                rows: without(rows, part, &excluded, &conditions.excluded_ids),
                len: part.segment.len(),
                live: part.live.len(),
            })
        })
        .collect()
}

fn live_and_filtered(
    schema: &Schema,
    part: &Part,
    filter: &Filter,
    key: &Arc<str>,
) -> Result<Arc<RowSet>, IndexError> {
    let filtered = part.segment.filtered(schema, filter, key)?;
    if part.dead_rows() == 0 {
        return Ok(filtered);
    }
    Ok(Arc::new(filtered.and(&part.live)))
}

fn without(
    mut rows: Arc<RowSet>,
    part: &Part,
    excluded: &[(usize, &[String])],
    ids: &[String],
) -> Arc<RowSet> {
    for (column, values) in excluded {
        part.segment.columns.text[*column].each_row_list(values, |list| {
            if list.iter().any(|row| rows.contains(*row)) {
                Arc::make_mut(&mut rows).remove_all(list);
            }
        });
    }
    for id in ids {
        for row in part.segment.rows_of(id) {
            if rows.contains(row) {
                Arc::make_mut(&mut rows).remove(row);
            }
        }
    }
    rows
}
