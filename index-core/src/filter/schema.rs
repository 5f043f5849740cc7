//! Which columns rows have.

use crate::error::IndexError;

/// Most columns, and most bytes of a column's name.
const COLUMNS_MAX: usize = 64;

/// Names of the columns that can be filtered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    text: Vec<String>,
    numbers: Vec<String>,
}

impl Schema {
    #[must_use]
    pub fn new(text: &[&str], numbers: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            text: owned(text),
            numbers: owned(numbers),
        }
    }

    /// # Errors
    /// `INDEX_INVALID` for a name that is empty, longer than 64 bytes or given twice, and for more than 64 columns.
    pub fn of(text: Vec<String>, numbers: Vec<String>) -> Result<Self, IndexError> {
        let mut names: Vec<&String> = text.iter().chain(&numbers).collect();
        names.sort_unstable();
        if names.len() > COLUMNS_MAX {
            return Err(IndexError::invalid(format!(
                "{} columns; at most {COLUMNS_MAX} are allowed",
                names.len()
            )));
        }
        let is_bad = |name: &&&String| name.is_empty() || name.len() > COLUMNS_MAX;
        let twice = names
            .windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| &pair[0]);
        if let Some(name) = names.iter().find(is_bad).or(twice) {
            return Err(IndexError::invalid(format!(
                "{name:?} cannot be a column: a name has 1 to {COLUMNS_MAX} bytes and is given once"
            )));
        }
        Ok(Self { text, numbers })
    }

    #[must_use]
    pub fn text(&self) -> &[String] {
        &self.text
    }

    #[must_use]
    pub fn numbers(&self) -> &[String] {
        &self.numbers
    }

    /// # Errors
    /// `INDEX_INVALID` naming the column and those that there are.
    pub(crate) fn text_column(&self, name: &str) -> Result<usize, IndexError> {
        position(&self.text, name, "text")
    }

    /// # Errors
    /// `INDEX_INVALID` naming the column and those that there are.
    pub(crate) fn number_column(&self, name: &str) -> Result<usize, IndexError> {
        position(&self.numbers, name, "number")
    }
}

fn position(names: &[String], name: &str, kind: &str) -> Result<usize, IndexError> {
    names.iter().position(|known| known == name).ok_or_else(|| {
        IndexError::invalid(format!(
            "{name:?} is not a {kind} column that can be filtered; there are: {}",
            names.join(", ")
        ))
    })
}
