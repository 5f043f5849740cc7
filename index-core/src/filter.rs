//! Conditions on the columns of rows.

mod cache;
mod column_table;
mod condition;
mod schema;

pub(crate) use cache::FilterCache;
pub(crate) use column_table::ColumnTable;
pub use column_table::RowColumns;
pub use condition::Filter;
pub use schema::Schema;
