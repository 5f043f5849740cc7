//! Building a graph: usearch inserts the rows with our metric, in the calling thread only (parallel insertion strands
//! rows), then the links are copied out, verified and repaired, and usearch's index is dropped.

use std::sync::Arc;

use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::block::VectorBlock;
use super::graph::{BuildReport, Graph, GraphOptions, Level, NONE, level0_lines};
use super::kernels::{LINE, row_metric};
use super::quantise::stride8;
use super::section::{Section, lines_of};
use crate::error::IndexError;

pub(super) const CONNECTIVITY_MAX: usize = 256;

/// Bytes of a row's number, which is what usearch stores in place of a vector.
const NUMBER_BYTES: usize = 4;

impl VectorBlock {
    /// Deterministic: the same rows give the same graph. `keep_going` is asked between rows; a build that it ends
    /// returns `None`.
    ///
    /// # Errors
    /// `INDEX_INVALID` for options out of range, `INDEX_CORRUPT` when usearch refuses what was checked here.
    pub fn build_graph(
        &self,
        options: GraphOptions,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(Graph, BuildReport)>, IndexError> {
        let connectivity = options.connectivity;
        if !(2..=CONNECTIVITY_MAX).contains(&connectivity) || options.expansion_add == 0 {
            return Err(IndexError::invalid(format!(
                "a graph needs 2 to {CONNECTIVITY_MAX} links per row and an expansion, not {options:?}"
            )));
        }
        let Some(index) = self.insert_all(options, keep_going)? else {
            return Ok(None);
        };
        let (mut slots0, upper) = self.links_of(&index, connectivity)?;
        drop(index);
        let entry = match upper.last().and_then(|level: &Level| level.rows.first()) {
            Some(row) => *row,
            None => self.present.iter().next().unwrap_or(NONE),
        };
        let repaired = self.repair(&mut slots0, 2 * connectivity, entry, keep_going);
        let Some(repaired) = repaired else {
            return Ok(None);
        };
        slots0.resize(
            level0_lines(self.len(), connectivity) * LINE / size_of::<u32>(),
            NONE,
        );
        let report = BuildReport {
            rows: self.present.len(),
            levels: upper.len() + 1,
            repaired,
        };
        let graph = Graph {
            rows: self.len(),
            connectivity,
            entry,
            repaired,
            level0: Section::Owned(lines_of(bytemuck::cast_slice(&slots0))),
            upper,
        };
        Ok(Some((graph, report)))
    }

    fn insert_all(
        &self,
        options: GraphOptions,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Index>, IndexError> {
        let mut index = Index::new(&IndexOptions {
            dimensions: NUMBER_BYTES,
            metric: MetricKind::IP,
            quantization: ScalarKind::I8,
            connectivity: options.connectivity,
            expansion_add: options.expansion_add,
            expansion_search: options.expansion_add,
            multi: false,
        })
        .map_err(|error| refused(&error))?;
        let (codes, scales) = (Arc::clone(&self.codes8), Arc::clone(&self.scales8));
        index.change_metric::<i8>(row_metric(codes, scales, stride8(self.dimensions)));
        index
            .reserve_capacity_and_threads(self.present.len(), 1)
            .map_err(|error| refused(&error))?;
        for row in self.present.iter() {
            if !keep_going() {
                return Ok(None);
            }
            let number = row.to_le_bytes().map(u8::cast_signed);
            index
                .add::<i8>(u64::from(row), &number)
                .map_err(|error| refused(&error))?;
        }
        Ok(Some(index))
    }

    /// Links of level 0 with free slots at the end of each list, and the upper levels.
    fn links_of(
        &self,
        index: &Index,
        connectivity: usize,
    ) -> Result<(Vec<u32>, Vec<Level>), IndexError> {
        let mut slots0 = vec![NONE; self.len() * 2 * connectivity];
        let mut levels: Vec<Vec<u32>> = Vec::new();
        for row in self.present.iter() {
            let start = row as usize * 2 * connectivity;
            copy_links(
                index,
                (row, 0),
                &mut slots0[start..start + 2 * connectivity],
                |row| self.has(row).then_some(row),
            )?;
            for level in 0..index.level_of_key(u64::from(row)) {
                if levels.len() <= level {
                    levels.push(Vec::new());
                }
                levels[level].push(row);
            }
        }
        let mut upper = Vec::with_capacity(levels.len());
        for (level, rows) in (1..).zip(levels) {
            let mut links = vec![NONE; rows.len() * connectivity];
            for (row, links) in rows.iter().zip(links.chunks_exact_mut(connectivity)) {
                copy_links(index, (*row, level), links, |row| {
                    let node = rows.binary_search(&row).ok()?;
                    u32::try_from(node).ok()
                })?;
            }
            upper.push(Level { rows, links });
        }
        Ok((slots0, upper))
    }

    /// Links every row that cannot be reached from `entry`; how many there were, or `None` if ended.
    fn repair(
        &self,
        slots: &mut [u32],
        width: usize,
        entry: u32,
        keep_going: &(dyn Fn() -> bool + Sync),
    ) -> Option<usize> {
        let mut reached = vec![false; self.len()];
        let mut repaired = 0;
        if entry == NONE {
            return Some(0);
        }
        reach(slots, width, entry, &mut reached);
        for row in self.present.iter() {
            if reached[row as usize] {
                continue;
            }
            if !keep_going() {
                return None;
            }
            let parent = self.nearest_reached(row, &reached).unwrap_or(entry);
            attach(slots, width, parent, row);
            repaired += 1;
            reach(slots, width, row, &mut reached);
        }
        Some(repaired)
    }

    /// By a scan: stranded rows are rare.
    fn nearest_reached(&self, row: u32, reached: &[bool]) -> Option<u32> {
        let codes = self.rows8();
        let of = codes.row(row as usize);
        let set = super::kernels::Set::best();
        let mut best: Option<(f32, u32)> = None;
        for other in self.present.iter().filter(|other| reached[*other as usize]) {
            #[expect(clippy::cast_precision_loss, reason = "only an order")]
            let score = super::kernels::row_dot8(set, of, codes.row(other as usize)) as f32
                * self.scales8[other as usize];
            if best.is_none_or(|(least, _)| score > least) {
                best = Some((score, other));
            }
        }
        best.map(|(_, row)| row)
    }
}

fn copy_links(
    index: &Index,
    (row, level): (u32, usize),
    slots: &mut [u32],
    node_of: impl Fn(u32) -> Option<u32>,
) -> Result<(), IndexError> {
    for (at, key) in index.neighbors(u64::from(row), level).enumerate() {
        let node = u32::try_from(key).ok().and_then(&node_of);
        let (Some(node), Some(slot)) = (node, slots.get_mut(at)) else {
            return Err(IndexError::Corrupt(format!(
                "the vector graph links row {row} to key {key} on level {level}"
            )));
        };
        *slot = node;
    }
    Ok(())
}

/// Marks what can be reached from `start`.
fn reach(slots: &[u32], width: usize, start: u32, reached: &mut [bool]) {
    let mut stack = vec![start];
    reached[start as usize] = true;
    while let Some(row) = stack.pop() {
        for link in &slots[row as usize * width..(row as usize + 1) * width] {
            if *link == NONE {
                break;
            }
            if !reached[*link as usize] {
                reached[*link as usize] = true;
                stack.push(*link);
            }
        }
    }
}

/// Links `parent` to `row` and `row` back. If `parent` is full, its last link moves to `row`, so that what was reached
/// through it stays reachable.
fn attach(slots: &mut [u32], width: usize, parent: u32, row: u32) {
    let place = |slots: &[u32], row: u32| {
        let list = &slots[row as usize * width..(row as usize + 1) * width];
        row as usize * width
            + list
                .iter()
                .position(|link| *link == NONE)
                .unwrap_or(width - 1)
    };
    let at = place(slots, parent);
    let displaced = std::mem::replace(&mut slots[at], row);
    let back = place(slots, row);
    slots[back] = if displaced == NONE { parent } else { displaced };
}

fn refused(error: &impl std::fmt::Display) -> IndexError {
    IndexError::Corrupt(format!("the vector graph failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector_storage::VectorStorage;

    #[test]
    fn stranded_rows_are_linked_again_and_no_other_is_lost() {
        let angles = (0_u8..40).map(|row| f32::from(row) * 0.1);
        let rows: Vec<[f32; 2]> = angles.map(|angle| [angle.cos(), angle.sin()]).collect();
        let block =
            VectorBlock::from_rows(2, VectorStorage::F32, rows.iter().map(|row| Some(&row[..])))
                .unwrap();
        let width = 2;
        // A ring of the first twenty rows whose lists are full, rows that only know each other, and rows without links.
        let mut slots = vec![NONE; 40 * width];
        for row in 0..20_u32 {
            slots[row as usize * width] = (row + 1) % 20;
            slots[row as usize * width + 1] = (row + 7) % 20;
        }
        for row in 20..30_u32 {
            slots[row as usize * width] = 20 + (row + 1) % 10;
            slots[row as usize * width + 1] = 20 + (row + 3) % 10;
        }
        let repaired = block.repair(&mut slots, width, 0, &|| true).unwrap();
        assert!((11..=20).contains(&repaired), "{repaired}");
        let mut reached = vec![false; 40];
        reach(&slots, width, 0, &mut reached);
        assert_eq!(reached.iter().position(|is_reached| !is_reached), None);
        assert_eq!(block.repair(&mut slots, width, 0, &|| true), Some(0));
    }
}
