//! The columns of demonstrations.

use crate::filter::{RowColumns, Schema};
use crate::index::demonstration::Demonstration;

const TEXT_COLUMNS: [&str; 12] = [
    "environment",
    "campaign",
    "document",
    "task",
    "episode",
    "kind",
    "replay",
    "model",
    "benchmark",
    "application",
    "split",
    "duplicateGroup",
];
const NUMBER_COLUMNS: [&str; 2] = ["length", "utility"];

/// The column that names the source trajectory.
pub(crate) const EPISODE_COLUMN: usize = 4;
/// The number column that holds the utility.
pub(crate) const UTILITY_COLUMN: usize = 1;

pub(crate) fn demonstration_schema() -> Schema {
    Schema::new(&TEXT_COLUMNS, &NUMBER_COLUMNS)
}

/// `duplicate_group`: equal for demonstrations with the same actions.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2⁵² steps")]
pub(crate) fn columns_of(source: &Demonstration, duplicate_group: u128) -> RowColumns {
    let one = |value: &String| vec![value.clone()];
    let maybe = |value: &Option<String>| value.iter().cloned().collect();
    let mut models = source.models.clone();
    models.sort_unstable();
    models.dedup();
    RowColumns {
        text: vec![
            one(&source.environment),
            one(&source.campaign),
            one(&source.document),
            one(&source.task),
            one(&source.episode),
            one(&source.kind),
            one(&source.replay),
            models,
            maybe(&source.benchmark),
            maybe(&source.application),
            maybe(&source.split),
            vec![format!("{duplicate_group:032x}")],
        ],
        numbers: vec![source.steps() as f64, source.utility],
    }
}
