//! Metadata of rows, dictionary-encoded: comparing two values is comparing two numbers.

use std::collections::HashMap;

use crate::demonstration::Demonstration;
use crate::filter::Column;

/// Text values of all columns of a shard, each stored once.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    numbers: HashMap<Box<str>, u32>,
}

impl Dictionary {
    fn number_of(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(value.into(), number);
        number
    }

    /// `None`: no row has this value in any column.
    pub(crate) fn get(&self, value: &str) -> Option<u32> {
        self.numbers.get(value).copied()
    }
}

/// The filterable values of one row.
#[derive(Debug, Clone)]
pub(crate) struct ColumnValues {
    single: [u32; 7],
    models: Box<[u32]>,
}

impl ColumnValues {
    pub(crate) fn of(source: &Demonstration, dictionary: &mut Dictionary) -> Self {
        let single = [
            &source.environment,
            &source.campaign,
            &source.document,
            &source.task,
            &source.episode,
            &source.kind,
            &source.replay,
        ];
        Self {
            single: single.map(|value| dictionary.number_of(value)),
            models: source
                .models
                .iter()
                .map(|value| dictionary.number_of(value))
                .collect(),
        }
    }

    pub(crate) fn get(&self, column: Column) -> &[u32] {
        let single = |index: usize| &self.single[index..=index];
        match column {
            Column::Environment => single(0),
            Column::Campaign => single(1),
            Column::Document => single(2),
            Column::Task => single(3),
            Column::Episode => single(4),
            Column::Kind => single(5),
            Column::Replay => single(6),
            Column::Model => &self.models,
        }
    }
}
