//! How demonstrations get into an index and out of it.

use std::collections::{BTreeMap, HashMap};

use crate::error::IndexError;
use crate::index::demonstration::Demonstration;
use crate::index::demonstration_index::DemonstrationIndex;
use crate::index::prepared::PreparedRow;

impl DemonstrationIndex {
    /// Adds demonstrations; one whose id is known replaces the one before, and of equal ids the last wins.
    ///
    /// # Errors
    /// `INDEX_INVALID` naming the first demonstration that breaks a rule: then none of them is added.
    pub fn upsert(&self, demonstrations: Vec<Demonstration>) -> Result<(), IndexError> {
        self.put(demonstrations, None)
    }

    /// As `upsert`, with the sequence of each in the log, ascending from call to call. Ranges of rows, and so graphs, then
    /// begin at the same demonstrations in every replica, also in one that has not seen what was replaced before it came.
    ///
    /// # Errors
    /// As `upsert`; `INDEX_INVALID` for sequences of another number, in another order, or beyond 2³² − 2.
    pub fn upsert_at(
        &self,
        demonstrations: Vec<Demonstration>,
        sequences: &[u64],
    ) -> Result<(), IndexError> {
        let is_small = |sequence: &u64| u32::try_from(*sequence).ok();
        let ordinals: Option<Vec<u32>> = sequences.iter().map(is_small).collect();
        let ordinals = ordinals
            .filter(|all| all.len() == demonstrations.len() && all.is_sorted_by(|a, b| a < b));
        let Some(ordinals) = ordinals else {
            return Err(IndexError::invalid(format!(
                "{} sequences for {} demonstrations, the last {:?}; one for each, ascending, up to 2³² − 2",
                sequences.len(),
                demonstrations.len(),
                sequences.last()
            )));
        };
        self.put(demonstrations, Some(&ordinals))
    }

    fn put(
        &self,
        demonstrations: Vec<Demonstration>,
        ordinals: Option<&[u32]>,
    ) -> Result<(), IndexError> {
        self.shards.all()?;
        let mut rows = Vec::with_capacity(demonstrations.len());
        for demonstration in demonstrations {
            let environment = demonstration.environment.clone();
            let row = demonstration.prepare(&self.shards.layout.schema, &self.embedder)?;
            rows.push((environment, row));
        }
        let mut piece = Piece::default();
        for (at, (environment, row)) in rows.into_iter().enumerate() {
            let ordinal = ordinals.map(|all| all[at]);
            if piece.has_elsewhere(&row.id, &environment)
                || self.lives_elsewhere(&row.id, &environment)?
            {
                self.write(std::mem::take(&mut piece))?;
                self.move_row(&environment, row, ordinal)?;
            } else {
                piece.push(environment, row, ordinal);
            }
        }
        self.write(piece)?;
        self.shards.ring();
        Ok(())
    }

    fn lives_elsewhere(&self, id: &str, environment: &str) -> Result<bool, IndexError> {
        let shards = self.shards.all()?;
        let mut others = shards.iter().filter(|(other, _)| ***other != *environment);
        Ok(others.any(|(_, shard)| shard.snapshot().find(id).is_some()))
    }

    fn write(&self, piece: Piece) -> Result<(), IndexError> {
        for (environment, (rows, ordinals)) in piece.by_environment {
            let shard = self.shards.get_or_add(&environment)?;
            shard.upsert(&rows, Some(&*ordinals).filter(|all| !all.is_empty()))?;
        }
        Ok(())
    }

    /// An id lives in one environment at a time.
    fn move_row(
        &self,
        environment: &str,
        row: PreparedRow,
        ordinal: Option<u32>,
    ) -> Result<(), IndexError> {
        let id = std::slice::from_ref(&row.id);
        for (other, shard) in self.shards.all()?.iter() {
            if **other != *environment {
                shard.remove(id);
            }
        }
        let shard = self.shards.get_or_add(environment)?;
        shard.upsert(&[row], ordinal.as_ref().map(std::slice::from_ref))
    }

    /// Removes demonstrations; unknown ids are ignored. Returns how many there were.
    ///
    /// # Errors
    /// `INDEX_CLOSED`.
    pub fn remove(&self, ids: &[String]) -> Result<usize, IndexError> {
        let removed = self
            .shards
            .all()?
            .values()
            .map(|shard| shard.remove(ids))
            .sum();
        self.shards.ring();
        Ok(removed)
    }
}

/// Rows that may be written one environment after the other, because none of them touches another's: so the order of
/// environments decides nothing, and a shard sees its writes in the order of the log however they are put into batches.
#[derive(Default)]
struct Piece {
    /// Rows, and their numbers where the log gives them.
    by_environment: BTreeMap<String, (Vec<PreparedRow>, Vec<u32>)>,
    environments: HashMap<String, String>,
}

impl Piece {
    fn has_elsewhere(&self, id: &str, environment: &str) -> bool {
        self.environments
            .get(id)
            .is_some_and(|other| other != environment)
    }

    fn push(&mut self, environment: String, row: PreparedRow, ordinal: Option<u32>) {
        self.environments
            .insert(row.id.clone(), environment.clone());
        let (rows, ordinals) = self.by_environment.entry(environment).or_default();
        rows.push(row);
        ordinals.extend(ordinal);
    }
}
