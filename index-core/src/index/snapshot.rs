//! What readers of a shard see: segments with their live rows. A snapshot never changes; a writer makes the next one.

use std::sync::{Arc, OnceLock};

use imbl::HashMap;

use crate::error::IndexError;
use crate::index::segment::Segment;
use crate::lexical::{DeadUnits, LexicalPart};
use crate::row_set::{Passing, RowSet};

#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    pub(crate) live: Arc<RowSet>,
    /// What BM25 must know of the dead rows, from the first search on.
    dead_units: Arc<OnceLock<DeadUnits>>,
}

/// A row of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) row: u32,
}

/// Parts are ascending and disjoint in their ordinals.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) parts: Vec<Part>,
    pub(crate) live_rows: usize,
    /// Features of the dead rows that segments still count. Shared with earlier snapshots as far as it is the same.
    retired: HashMap<u64, u32>,
}

impl Part {
    /// All rows live.
    pub(crate) fn new(segment: Segment) -> Self {
        let live = RowSet::full(segment.len());
        Self::with_live(Arc::new(segment), live)
    }

    pub(crate) fn with_live(segment: Arc<Segment>, live: RowSet) -> Self {
        Self {
            segment,
            live: Arc::new(live),
            dead_units: Arc::default(),
        }
    }

    /// The part as BM25 searches it; `None` for one without texts.
    pub(crate) fn lexical<'a>(&'a self, passing: Passing<'a>) -> Option<LexicalPart<'a>> {
        let block = &self.segment.text.as_ref()?.lexical;
        let dead = || DeadUnits::of(block, &self.live);
        Some(LexicalPart {
            block,
            live: &self.live,
            is_all_live: self.dead_rows() == 0,
            dead: Some(self.dead_units.get_or_init(dead)),
            passing,
        })
    }

    pub(crate) fn dead_rows(&self) -> usize {
        self.segment.len() - self.live.len()
    }
}

impl Snapshot {
    pub(crate) fn push(&mut self, part: Part) {
        self.live_rows += part.live.len();
        self.parts.push(part);
    }

    /// The live row with this id.
    pub(crate) fn find(&self, id: &str) -> Option<Place> {
        self.parts.iter().enumerate().rev().find_map(|(part, of)| {
            let row = of.segment.rows_of(id).find(|row| of.live.contains(*row))?;
            Some(Place { part, row })
        })
    }

    /// The live row with this ordinal.
    pub(crate) fn find_ordinal(&self, ordinal: u32) -> Option<Place> {
        let part = self
            .parts
            .partition_point(|part| part.segment.span().is_some_and(|(_, last)| last < ordinal));
        let of = self.parts.get(part)?;
        let row = of.segment.row_of_ordinal(ordinal)?;
        of.live.contains(row).then_some(Place { part, row })
    }

    /// Marks a live row dead and returns its ordinal.
    pub(crate) fn kill(&mut self, place: Place) -> u32 {
        let part = &mut self.parts[place.part];
        Arc::make_mut(&mut part.live).remove(place.row);
        part.dead_units = Arc::default();
        self.live_rows -= 1;
        let segment = part.segment.clone();
        if let Some(text) = &segment.text {
            for hash in text.features_of(place.row).hashes() {
                *self.retired.entry(hash).or_insert(0) += 1;
            }
        }
        segment.ordinals[place.row as usize]
    }

    /// Live rows that have a feature of hash-v1.
    pub(crate) fn frequency(&self, hash: u64) -> u32 {
        let texts = self
            .parts
            .iter()
            .filter_map(|part| part.segment.text.as_ref());
        let counted: u32 = texts.map(|text| text.features.get(hash)).sum();
        counted.saturating_sub(self.retired.get(&hash).copied().unwrap_or_default())
    }

    /// Puts `part` in the place of the parts `from..to`. Its dead rows are counted as retired instead of theirs: it may
    /// have forgotten some, and, built from an older snapshot, still hold others that they had forgotten.
    pub(crate) fn replace(&mut self, from: usize, to: usize, part: Option<Part>) {
        if let Some(new) = &part {
            self.live_rows += new.live.len();
            each_dead_feature(new, |hash| *self.retired.entry(hash).or_insert(0) += 1);
        }
        for old in self.parts.splice(from..to, part) {
            self.live_rows -= old.live.len();
            each_dead_feature(&old, |hash| {
                let left = self.retired.get(&hash).map_or(0, |count| count - 1);
                if left == 0 {
                    self.retired.remove(&hash);
                } else {
                    self.retired.insert(hash, left);
                }
            });
        }
    }

    /// Forgets segments without a live row.
    pub(crate) fn drop_empty(&mut self) {
        for at in (0..self.parts.len()).rev() {
            if self.parts[at].live.is_empty() {
                self.replace(at, at + 1, None);
            }
        }
    }

    /// # Errors
    /// `INDEX_CORRUPT` when the parts, as they were read, are not ascending and disjoint in their ordinals.
    pub(crate) fn check_order(&self, environment: &str) -> Result<(), IndexError> {
        let spans: Vec<_> = self.parts.iter().map(|part| part.segment.span()).collect();
        let is_good = spans.iter().all(Option::is_some)
            && spans.windows(2).all(|pair| match (pair[0], pair[1]) {
                (Some((_, last)), Some((first, _))) => last < first,
                _ => false,
            });
        if is_good {
            return Ok(());
        }
        Err(IndexError::Corrupt(format!(
            "the segments of {environment:?} overlap"
        )))
    }

    /// Counts the features of dead rows anew, after parts were read from files.
    pub(crate) fn recount_retired(&mut self) {
        self.retired = HashMap::new();
        for part in &self.parts {
            each_dead_feature(part, |hash| *self.retired.entry(hash).or_insert(0) += 1);
        }
    }

    /// Names the segments that are searched by graphs: two replicas at the same sequence with the same epoch give the
    /// same answers. Everything else is exact and needs no name.
    pub(crate) fn epoch(&self) -> u64 {
        if !self.parts.iter().any(|part| part.segment.has_graph()) {
            return 0;
        }
        let mut hash = crate::text::StableHash64::new();
        for part in self.parts.iter().filter(|part| part.segment.has_graph()) {
            let (first, last) = part.segment.span().unwrap_or_default();
            hash = hash
                .write(&first.to_le_bytes())
                .write(&last.to_le_bytes())
                .write(&(part.segment.len() as u64).to_le_bytes())
                .write(&part.segment.fingerprint().to_le_bytes());
        }
        hash.finish()
    }
}

/// Calls `found` with each feature of each dead row that the part's segment still counts.
fn each_dead_feature(part: &Part, mut found: impl FnMut(u64)) {
    let Some(text) = part.segment.text.as_ref().filter(|_| part.dead_rows() > 0) else {
        return;
    };
    for row in part.live.iter_absent(part.segment.len()) {
        text.features_of(row).hashes().for_each(&mut found);
    }
}
