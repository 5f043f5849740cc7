//! How an answer came about.

use crate::index::snapshot::Part;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// No row passes.
    Skip,
    /// Every row that passes was compared.
    Exact,
    Graph,
    /// The graph was left because a scan had become cheaper.
    Fallback,
}

impl Strategy {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Exact => "exact",
            Self::Graph => "graph",
            Self::Fallback => "fallback",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartExplanation {
    /// Rows of the segment, dead ones included.
    pub rows: usize,
    pub passing: usize,
    pub strategy: Strategy,
    /// Rows whose vectors were looked at.
    pub visited: usize,
}

impl PartExplanation {
    pub(crate) fn skipped(part: &Part) -> Self {
        Self {
            rows: part.segment.len(),
            passing: 0,
            strategy: Strategy::Skip,
            visited: 0,
        }
    }
}

/// Microseconds by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimes {
    pub filter: u32,
    pub exact: u32,
    pub lexical: u32,
    pub dense: u32,
    pub select: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Of the dense search; empty where there was none.
    pub parts: Vec<PartExplanation>,
    pub times: StageTimes,
}
