//! BM25 (Robertson & Zaragoza 2009) over observations. The unit is one observation, so that a hit says which
//! demonstration matched and where in it. A `LexicalBlock` holds the postings of one segment and never changes; `search`
//! ranks over many blocks with the statistics of all their live units together, so that an answer depends on the live
//! rows and on nothing else: not on how rows are spread over blocks, nor on their order.

mod best_rows;
mod block;
mod bounds;
mod concat;
mod cursor;
mod dead_units;
mod feature_counts;
mod search;
mod section;
mod sections;
mod sorted_hashes;
mod statistics;
#[cfg(test)]
mod tests;
mod unit_terms;
mod window;

pub use block::LexicalBlock;
pub use dead_units::DeadUnits;
pub use feature_counts::FeatureCounts;
pub use search::{LexicalHit, LexicalPart, search};
pub use unit_terms::UnitTerms;
