use crate::columns::{ColumnValues, Dictionary};
use crate::error::IndexError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Environment,
    Campaign,
    Document,
    Task,
    Episode,
    Kind,
    Replay,
    Model,
}

impl Column {
    /// # Errors
    /// `INDEX_INVALID` for a name that is no column.
    pub fn parse(name: &str) -> Result<Self, IndexError> {
        Ok(match name {
            "environment" => Self::Environment,
            "campaign" => Self::Campaign,
            "document" => Self::Document,
            "task" => Self::Task,
            "episode" => Self::Episode,
            "kind" => Self::Kind,
            "replay" => Self::Replay,
            "model" => Self::Model,
            _ => {
                return Err(IndexError::invalid(format!(
                    "{name:?} is not a column that can be filtered"
                )));
            }
        })
    }
}

/// A boolean condition on columns. Empty `All` passes everything, empty `Any` nothing; a value that no row has passes
/// nothing. `model` has several values per row: one that fits is enough.
#[derive(Debug, Clone)]
pub enum Filter {
    In(Column, Vec<String>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

/// Deepest nesting; a filter is evaluated once per row, by recursion.
const DEPTH_MAX: usize = 32;

impl Filter {
    /// # Errors
    /// `INDEX_INVALID` for a filter that is nested deeper than 32.
    pub(crate) fn check_depth(&self) -> Result<(), IndexError> {
        if self.is_within(DEPTH_MAX) {
            Ok(())
        } else {
            Err(IndexError::invalid(format!(
                "a filter is nested deeper than {DEPTH_MAX}"
            )))
        }
    }

    fn is_within(&self, depth: usize) -> bool {
        let Some(rest) = depth.checked_sub(1) else {
            return false;
        };
        match self {
            Self::In(..) => true,
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().all(|filter| filter.is_within(rest))
            }
            Self::Not(filter) => filter.is_within(rest),
        }
    }
}

/// A filter whose texts have become numbers of one shard's dictionary.
pub(crate) enum CompiledFilter {
    /// Sorted.
    In(Column, Vec<u32>),
    All(Vec<CompiledFilter>),
    Any(Vec<CompiledFilter>),
    Not(Box<CompiledFilter>),
}

impl CompiledFilter {
    pub(crate) fn new(filter: &Filter, dictionary: &Dictionary) -> Self {
        let all = |filters: &[Filter]| {
            filters
                .iter()
                .map(|inner| Self::new(inner, dictionary))
                .collect()
        };
        match filter {
            Filter::In(column, values) => {
                let mut numbers: Vec<u32> = values
                    .iter()
                    .filter_map(|value| dictionary.get(value))
                    .collect();
                numbers.sort_unstable();
                Self::In(*column, numbers)
            }
            Filter::All(filters) => Self::All(all(filters)),
            Filter::Any(filters) => Self::Any(all(filters)),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, dictionary))),
        }
    }

    pub(crate) fn passes(&self, row: &ColumnValues) -> bool {
        match self {
            Self::In(column, values) => row
                .get(*column)
                .iter()
                .any(|value| values.binary_search(value).is_ok()),
            Self::All(filters) => filters.iter().all(|filter| filter.passes(row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(row)),
            Self::Not(filter) => !filter.passes(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demonstration::Demonstration;

    #[test]
    fn conditions_combine_as_in_logic() {
        let mut dictionary = Dictionary::default();
        let demonstration = Demonstration {
            task: "task-1".into(),
            kind: "replicate".into(),
            models: vec!["a".into(), "b".into()],
            ..Demonstration::default()
        };
        let row = ColumnValues::of(&demonstration, &mut dictionary);
        let is = |column, value: &str| Filter::In(column, vec![value.into()]);
        let passes = |filter: Filter| CompiledFilter::new(&filter, &dictionary).passes(&row);
        assert!(passes(is(Column::Model, "b")));
        assert!(
            !passes(is(Column::Task, "replicate")),
            "a value of another column does not count"
        );
        assert!(!passes(is(Column::Task, "unknown")));
        assert!(passes(Filter::Not(Box::new(is(Column::Task, "unknown")))));
        assert!(passes(Filter::All(vec![])) && !passes(Filter::Any(vec![])));
        assert!(passes(Filter::Any(vec![
            is(Column::Task, "x"),
            is(Column::Kind, "replicate")
        ])));
        assert!(!passes(Filter::All(vec![
            is(Column::Task, "x"),
            is(Column::Kind, "replicate")
        ])));
    }

    #[test]
    fn bottomless_filters_are_refused() {
        let deep = (0..100).fold(Filter::All(vec![]), |inner, _| Filter::Not(Box::new(inner)));
        assert!(deep.check_depth().is_err());
        assert!(Column::parse("colour").is_err());
    }
}
