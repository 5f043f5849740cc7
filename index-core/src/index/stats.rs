//! What an index holds, for operators.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::error::IndexError;
use crate::index::recall::Recall;
use crate::index::shards::Shards;
use crate::vector_storage::VectorStorage;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexStats {
    pub rows: usize,
    pub by_environment: BTreeMap<String, usize>,
    pub segments: usize,
    /// Live rows that are searched through a graph, and those that are scanned.
    pub graph_rows: usize,
    pub scan_rows: usize,
    /// Rows that were replaced or removed and still take place.
    pub dead_rows: usize,
    /// Merges and builds that wait for the background.
    pub pending_jobs: usize,
    /// Rows that a graph did not reach and that were linked again, since the index was opened.
    pub repaired: u64,
    /// Graphs that are searched here and are not those of the replica that announced them, since the index was opened: it
    /// had rows in them that were replaced before this one saw them.
    pub diverged: u64,
    /// Of the vectors: memory of the process, and files that are mapped.
    pub resident_bytes: usize,
    pub mapped_bytes: usize,
    /// How rows are kept, and what they take of these bytes.
    pub storage: VectorStorage,
    pub row_bytes: usize,
    /// Of answers of graphs that were searched again exactly, since the index was opened.
    pub recall: Recall,
    /// Names the graphs of all shards together.
    pub epoch: u64,
}

pub(crate) fn stats_of(shards: &Shards) -> Result<IndexStats, IndexError> {
    let mut stats = IndexStats {
        pending_jobs: shards.pending_jobs()?,
        recall: shards.recall(),
        storage: shards.layout.storage,
        ..IndexStats::default()
    };
    for (environment, shard) in shards.all()?.iter() {
        let snapshot = shard.snapshot();
        stats.rows += snapshot.live_rows;
        if snapshot.live_rows > 0 {
            stats
                .by_environment
                .insert(environment.to_string(), snapshot.live_rows);
        }
        stats.segments += snapshot.parts.len();
        stats.repaired += shard.repaired.load(Ordering::Relaxed);
        stats.diverged += shard.diverged.load(Ordering::Relaxed);
        stats.epoch ^= snapshot.epoch();
        for part in &snapshot.parts {
            stats.dead_rows += part.dead_rows();
            if part.segment.has_graph() {
                stats.graph_rows += part.live.len();
            } else {
                stats.scan_rows += part.live.len();
            }
            for block in &part.segment.vectors {
                let memory = block.memory();
                stats.resident_bytes += memory.resident;
                stats.mapped_bytes += memory.mapped;
                stats.row_bytes += memory.rows;
            }
        }
    }
    Ok(stats)
}
