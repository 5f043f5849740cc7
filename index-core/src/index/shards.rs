//! The shards of an index and their folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::error::IndexError;
use crate::index::checkpoint::{Checkpoint, Folder};
use crate::index::explain::PartExplanation;
use crate::index::passing::Conditions;
use crate::index::recall::{Recall, RecallProbe};
use crate::index::segment::Layout;
use crate::index::shard::{Shard, ShardRules};
use crate::index::snapshot::Snapshot;
use crate::index::upkeep::Bell;
use crate::index::vector_search::Found;
use crate::storage::CollectionIdentity;
use crate::vector::QueryVector;

/// By environment.
type ByEnvironment = BTreeMap<Arc<str>, Arc<Shard>>;

pub(crate) struct Shards {
    pub(crate) layout: Arc<Layout>,
    rules: ShardRules,
    by_environment: ArcSwap<ByEnvironment>,
    /// Held while a shard is added.
    adding: Mutex<()>,
    folder: ArcSwapOption<Folder>,
    /// Held while a checkpoint is written.
    writing: Mutex<()>,
    /// Sequence of the log that the folder held when it was opened.
    pub(crate) sequence: u64,
    /// Why an older checkpoint than the last one was opened.
    pub(crate) fallback: Option<IndexError>,
    is_closed: AtomicBool,
    /// Tells the background that there may be work.
    pub(super) bell: Bell,
    pub(super) recall: RecallProbe,
    /// Held by whoever does background work: shards are maintained by one at a time.
    pub(super) maintaining: Mutex<()>,
}

/// Where an index is kept and what its vectors are.
pub(crate) struct Home<'a> {
    pub(crate) folder: Option<&'a Path>,
    pub(crate) index_version: &'a str,
    pub(crate) identity: CollectionIdentity,
}

impl Shards {
    pub(crate) fn open(
        layout: Layout,
        rules: ShardRules,
        home: Home<'_>,
    ) -> Result<Self, IndexError> {
        let layout = Arc::new(layout);
        let restored = home
            .folder
            .map(|path| Folder::open(path, home.index_version, home.identity, &layout, rules))
            .transpose()?;
        let (folder, sequence, fallback, shards) = match restored {
            None => (None, 0, None, Vec::new()),
            Some(restored) => (
                Some(restored.folder),
                restored.sequence,
                restored.fallback,
                restored.shards,
            ),
        };
        let shards: ByEnvironment = shards
            .into_iter()
            .map(|(environment, shard)| (Arc::from(environment), Arc::new(shard)))
            .collect();
        Ok(Self {
            layout,
            rules,
            by_environment: ArcSwap::from_pointee(shards),
            adding: Mutex::new(()),
            folder: ArcSwapOption::from_pointee(folder),
            writing: Mutex::new(()),
            sequence,
            fallback,
            is_closed: AtomicBool::new(false),
            bell: Bell::default(),
            recall: RecallProbe::default(),
            maintaining: Mutex::new(()),
        })
    }

    pub(crate) fn get(&self, environment: &str) -> Result<Option<Arc<Shard>>, IndexError> {
        self.check_open()?;
        Ok(self.by_environment.load().get(environment).cloned())
    }

    pub(crate) fn all(&self) -> Result<Arc<ByEnvironment>, IndexError> {
        self.check_open()?;
        Ok(self.by_environment.load_full())
    }

    pub(crate) fn get_or_add(&self, environment: &str) -> Result<Arc<Shard>, IndexError> {
        if let Some(shard) = self.get(environment)? {
            return Ok(shard);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = self.get(environment)? {
            return Ok(shard);
        }
        let shard = Arc::new(Shard::new(self.layout.clone(), self.rules));
        let mut shards = (**self.by_environment.load()).clone();
        shards.insert(environment.into(), shard.clone());
        self.by_environment.store(Arc::new(shards));
        Ok(shard)
    }

    /// # Errors
    /// `INDEX_INVALID` for an index without a folder; `INDEX_IO`.
    pub(crate) fn checkpoint(&self, sequence: u64) -> Result<Checkpoint, IndexError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let shards = self.all()?;
        let folder = self.folder.load_full().ok_or_else(|| {
            IndexError::invalid("this index lives in memory; open it with a folder to keep it")
        })?;
        folder.checkpoint(sequence, &shards)
    }

    /// Lets the answer be looked at again, perhaps.
    pub(crate) fn probe(
        &self,
        snapshot: &Arc<Snapshot>,
        conditions: &Conditions,
        query: &QueryVector,
        answer: (usize, &[Found], &[PartExplanation]),
    ) {
        if self.recall.offer(snapshot, conditions, query, answer) {
            self.ring();
        }
    }

    pub(crate) fn recall(&self) -> Recall {
        self.recall.read()
    }

    /// Asks every shard for one graph over all of its rows; `settle` builds them.
    pub(crate) fn optimise(&self) -> Result<(), IndexError> {
        for shard in self.all()?.values() {
            shard.request_all()?;
        }
        Ok(())
    }

    pub(crate) fn pending_jobs(&self) -> Result<usize, IndexError> {
        Ok(self.all()?.values().map(|shard| shard.pending_jobs()).sum())
    }

    /// Frees everything once the last reader is gone; every later call fails with `INDEX_CLOSED`. Closing twice is fine.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.by_environment.store(Arc::default());
        self.recall.clear();
        self.ring();
        // Waits for a job and a checkpoint that are ending, so that the folder is free when this returns.
        drop(
            self.maintaining
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.folder.store(None);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn check_open(&self) -> Result<(), IndexError> {
        if self.is_closed() {
            Err(IndexError::Closed)
        } else {
            Ok(())
        }
    }
}
