//! A finished HNSW graph as flat arrays; it is never changed.

use super::section::{Line, Section};
use crate::row_set::RowSet;

/// Marks a free slot of a list of links.
pub(super) const NONE: u32 = u32::MAX;

/// How a graph is built.
#[derive(Debug, Clone, Copy)]
pub struct GraphOptions {
    /// Links per row and level; twice as many on level 0.
    pub connectivity: usize,
    /// Rows compared per insertion.
    pub expansion_add: usize,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            connectivity: 16,
            expansion_add: 128,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildReport {
    pub rows: usize,
    pub levels: usize,
    /// Rows that could not be reached from the entry and were linked again.
    pub repaired: usize,
}

/// Links between rows of a block. Level 0 has every row; a row without a vector has no links.
pub struct Graph {
    pub(super) rows: usize,
    /// Slots per list on the upper levels; level 0 has twice as many.
    pub(super) connectivity: usize,
    /// Row at which a search starts.
    pub(super) entry: u32,
    pub(super) repaired: usize,
    /// `rows · 2 · connectivity` links, in lines of 64 bytes.
    pub(super) level0: Section<Line>,
    /// From level 1 upwards.
    pub(super) upper: Vec<Level>,
}

/// An upper level. Its nodes are numbered in the order of `rows`, which ascends; links are such numbers.
pub(super) struct Level {
    pub(super) rows: Vec<u32>,
    pub(super) links: Vec<u32>,
}

impl Level {
    pub(super) fn links(&self, node: u32, connectivity: usize) -> &[u32] {
        let start = node as usize * connectivity;
        let links = &self.links[start..start + connectivity];
        &links[..links
            .iter()
            .position(|link| *link == NONE)
            .unwrap_or(connectivity)]
    }
}

impl Graph {
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn connectivity(&self) -> usize {
        self.connectivity
    }

    /// Rows that the build found unreachable and linked again.
    #[must_use]
    pub fn repaired(&self) -> usize {
        self.repaired
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        let upper: usize = self
            .upper
            .iter()
            .map(|level| level.rows.len() + level.links.len())
            .sum();
        self.level0.bytes().len() + upper * size_of::<u32>()
    }

    /// Bytes of the links of level 0, which those above come of.
    pub(crate) fn links(&self) -> &[u8] {
        self.level0.bytes()
    }

    /// Whether every link, on every level, leads to one of `present`, so that a walk of a block of `rows` rows is safe.
    pub(super) fn is_of(&self, present: &RowSet, rows: usize) -> bool {
        let is_end = |row: &u32| *row == NONE || present.contains(*row);
        let is_level = |level: &Level| {
            level.rows.windows(2).all(|pair| pair[0] < pair[1])
                && level.rows.iter().all(|row| present.contains(*row))
                && level.links.len() == level.rows.len() * self.connectivity
                && level
                    .links
                    .iter()
                    .all(|link| *link == NONE || (*link as usize) < level.rows.len())
        };
        self.rows == rows
            && is_end(&self.entry)
            && (self.entry == NONE) == present.is_empty()
            && self.slots0().len() >= rows * 2 * self.connectivity
            && self.slots0().iter().all(is_end)
            && self.upper.iter().all(is_level)
    }

    /// All links of level 0, free slots included.
    pub(super) fn slots0(&self) -> &[u32] {
        bytemuck::cast_slice(&self.level0)
    }
}

/// Lines that hold the links of level 0.
pub(super) fn level0_lines(rows: usize, connectivity: usize) -> usize {
    (rows * 2 * connectivity * size_of::<u32>()).div_ceil(size_of::<Line>())
}
