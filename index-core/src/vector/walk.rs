//! Search in a graph: down the upper levels to a near row, then best first on level 0. Rows that do not pass are walked
//! through and not counted. Scores on the way are those of the 8-bit codes; the best rows found are scored exactly. The
//! 4-bit codes, which a scan reads first and corrects by bounds, are too coarse to find the way by: on vectors of real
//! texts they cost seven points of recall.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::best::{ordered, value_of};
use super::block::VectorBlock;
use super::graph::{Graph, NONE};
use super::kernels::{CodeRows, Set, dots8, prefetch};
use super::query::QueryVector;
use super::refine::{Candidate, Scored, Visited, refine};
use super::scan::{estimate, upper_bound};
use crate::row_set::Passing;

/// Reused by the searches of a thread; grows to the largest block it has seen.
#[derive(Default)]
struct Scratch {
    /// A bit per row.
    seen: Vec<u64>,
    /// Rows whose bit is set, so that clearing costs what the search did.
    marked: Vec<u32>,
    near: Vec<u32>,
    dots: Vec<i32>,
    /// Best first.
    open: BinaryHeap<u64>,
    /// Worst first; at most `ef` rows, all passing.
    found: BinaryHeap<Reverse<u64>>,
    /// Worst first; at most `wide` rows, passing or not.
    around: BinaryHeap<Reverse<u64>>,
    candidates: Vec<Candidate>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Orders by score, equal ones by row.
fn keyed(score: f32, row: u32) -> u64 {
    u64::from(ordered(score)) << 32 | u64::from(!row)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a key")]
fn unkeyed(key: u64) -> (f32, u32) {
    (value_of((key >> 32) as u32), !(key as u32))
}

/// How far a walk looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breadth {
    /// Passing rows that it keeps.
    pub ef: usize,
    /// It goes on until it knows so many rows, passing or not, that are nearer than what is left. A filter that lets the
    /// query's own region pass, or everything but that, ends a walk before it has looked around there.
    pub wide: usize,
}

impl From<usize> for Breadth {
    fn from(ef: usize) -> Self {
        Self { ef, wide: 0 }
    }
}

/// Whether `most` rows are kept and all of them are better.
fn is_beyond(kept: &BinaryHeap<Reverse<u64>>, most: usize, key: u64) -> bool {
    kept.len() >= most && kept.peek().is_none_or(|worst| key < worst.0)
}

fn keep(kept: &mut BinaryHeap<Reverse<u64>>, most: usize, key: u64) {
    if kept.len() >= most {
        kept.pop();
    }
    kept.push(Reverse(key));
}

impl VectorBlock {
    /// The `k` best rows that the graph finds while it keeps the best `ef`, and those equal to the k-th; best first.
    ///
    /// `None` without a graph, when more than `visits_max` rows were compared, or when fewer than `k` rows were found
    /// though more pass; the caller then scans. Nothing for a query of another dimension.
    #[must_use]
    pub fn search_graph(
        &self,
        query: &QueryVector,
        k: usize,
        breadth: impl Into<Breadth>,
        passing: Passing<'_>,
        visits_max: usize,
    ) -> Option<(Vec<Scored>, Visited)> {
        let graph = self.graph.as_ref()?;
        let wanted = k.min(self.count(passing));
        if wanted == 0 || query.unit().len() != self.dimensions {
            return Some((Vec::new(), Visited::default()));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut walk = Walk {
                block: self,
                graph,
                query,
                set: Set::best(),
                codes: self.rows8(),
                scales: &self.scales8,
                visits: 0,
                visits_max,
            };
            scratch.prepare(self.len());
            let Breadth { ef, wide } = breadth.into();
            let breadth = Breadth {
                ef: ef.max(wanted).min(self.len()),
                wide: wide.min(self.len()),
            };
            let is_done = walk.level0(breadth, passing, scratch);
            let mut visited = Visited {
                rows: walk.visits,
                ..Visited::default()
            };
            let answer = (is_done && scratch.found.len() >= wanted).then(|| {
                walk.bound(scratch);
                let best = refine(
                    self,
                    query,
                    (k, None),
                    (&mut scratch.candidates, &[]),
                    &mut visited,
                );
                (best, visited)
            });
            scratch.clear();
            answer
        })
    }

    fn count(&self, passing: Passing<'_>) -> usize {
        match passing {
            Passing::All => self.present.len(),
            Passing::Rows(rows) if self.is_within(rows) => rows.len(),
            Passing::Rows(rows) => rows.count_and(&self.present),
        }
    }
}

impl Scratch {
    fn prepare(&mut self, rows: usize) {
        if self.seen.len() < rows.div_ceil(64) {
            self.seen.resize(rows.div_ceil(64), 0);
        }
    }

    fn clear(&mut self) {
        for row in self.marked.drain(..) {
            self.seen[row as usize / 64] = 0;
        }
        self.open.clear();
        self.found.clear();
        self.around.clear();
    }

    /// Leaves in `near` those of `links` that had not been seen. Without branches on what was seen, which no processor
    /// can foresee.
    #[inline]
    fn mark(&mut self, links: &[u32]) {
        self.near.clear();
        self.near.resize(links.len(), NONE);
        let mut count = 0;
        for link in links {
            if *link == NONE {
                break;
            }
            let word = &mut self.seen[*link as usize / 64];
            let bit = 1 << (link % 64);
            self.near[count] = *link;
            count += usize::from(*word & bit == 0);
            *word |= bit;
        }
        self.near.truncate(count);
        self.marked.extend_from_slice(&self.near);
    }
}

struct Walk<'a> {
    block: &'a VectorBlock,
    graph: &'a Graph,
    query: &'a QueryVector,
    set: Set,
    codes: CodeRows<'a>,
    scales: &'a [f32],
    visits: usize,
    visits_max: usize,
}

impl Walk<'_> {
    /// False when the budget was spent.
    fn level0(&mut self, breadth: Breadth, passing: Passing<'_>, scratch: &mut Scratch) -> bool {
        let slots = self.graph.slots0();
        let width = 2 * self.graph.connectivity;
        let start = self.descend(scratch);
        scratch.mark(&[start]);
        self.compare(scratch);
        self.take(breadth, passing, scratch);
        while let Some(key) = scratch.open.pop() {
            if is_beyond(&scratch.found, breadth.ef, key)
                && is_beyond(&scratch.around, breadth.wide, key)
            {
                break;
            }
            let (_, row) = unkeyed(key);
            scratch.mark(&slots[row as usize * width..(row as usize + 1) * width]);
            for near in &scratch.near {
                prefetch(self.codes.row(*near as usize));
                prefetch(&self.scales[*near as usize..=*near as usize]);
            }
            // Probably the next to be popped, unless one of these is nearer.
            if let Some(next) = scratch.open.peek() {
                let row = unkeyed(*next).1 as usize;
                prefetch(&slots[row * width..(row + 1) * width]);
            }
            if self.visits + scratch.near.len() > self.visits_max {
                return false;
            }
            self.compare(scratch);
            self.take(breadth, passing, scratch);
        }
        true
    }

    /// Dots of `scratch.near`.
    fn compare(&mut self, scratch: &mut Scratch) {
        let rows = scratch.near.iter().map(|row| *row as usize);
        scratch.dots.resize(scratch.near.len(), 0);
        let dots = &mut scratch.dots;
        dots8::<0>(self.set, &self.query.codes, self.codes, rows, dots);
        self.visits += scratch.near.len();
    }

    /// Makes candidates of the rows found, with bounds of their scores.
    fn bound(&self, scratch: &mut Scratch) {
        scratch.candidates.clear();
        let candidate = |Reverse(key): &Reverse<u64>| {
            let (score, row) = unkeyed(*key);
            let upper = upper_bound(self.query, score, self.block.residuals8[row as usize]);
            Candidate { upper, row }
        };
        scratch
            .candidates
            .extend(scratch.found.iter().map(candidate));
    }

    fn take(&self, breadth: Breadth, passing: Passing<'_>, scratch: &mut Scratch) {
        let Breadth { ef, wide } = breadth;
        for (row, dot) in scratch.near.iter().zip(&scratch.dots) {
            let score = estimate(*dot, self.scales[*row as usize], self.query.scale);
            let key = keyed(score, *row);
            let is_found = !is_beyond(&scratch.found, ef, key);
            let is_around = !is_beyond(&scratch.around, wide, key);
            if !is_found && !is_around {
                continue;
            }
            scratch.open.push(key);
            if is_around {
                keep(&mut scratch.around, wide, key);
            }
            if is_found && passing.contains(*row) {
                keep(&mut scratch.found, ef, key);
            }
        }
    }

    /// The row of level 0 to start from.
    fn descend(&mut self, scratch: &mut Scratch) -> u32 {
        let mut row = self.graph.entry;
        for level in self.graph.upper.iter().rev() {
            let Ok(node) = level.rows.binary_search(&row) else {
                continue;
            };
            #[expect(clippy::cast_possible_truncation, reason = "rows are numbered by u32")]
            let mut node = node as u32;
            let mut best = f32::NEG_INFINITY;
            loop {
                let links = level.links(node, self.graph.connectivity);
                scratch.near.clear();
                scratch
                    .near
                    .extend(links.iter().map(|link| level.rows[*link as usize]));
                scratch.near.push(level.rows[node as usize]);
                for row in &scratch.near {
                    prefetch(self.codes.row(*row as usize));
                }
                self.compare(scratch);
                let mut next = node;
                let ends = links.iter().copied().chain([node]);
                for ((link, row), dot) in ends.zip(&scratch.near).zip(&scratch.dots) {
                    let score = estimate(*dot, self.scales[*row as usize], self.query.scale);
                    if score > best {
                        (best, next) = (score, link);
                    }
                }
                if next == node {
                    break;
                }
                node = next;
            }
            row = level.rows[node as usize];
        }
        row
    }
}
