//! Work that goes on in the background of an index: what is due, and when the thread that does it is woken.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::IndexError;
use crate::index::merge::Urgency;
use crate::index::shards::Shards;

/// While a graph is being built, which may take minutes, small segments are merged so often. Without it, searches beside
/// steady writes would go through more segments from second to second.
const MERGE_EVERY: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(super) struct Bell {
    call: Mutex<Call>,
    rings: Condvar,
}

#[derive(Default)]
struct Call {
    has_rung: bool,
    /// When there is work though nothing rings.
    due: Option<Instant>,
}

impl Shards {
    /// Does background work until there is none. Returns the number of jobs.
    pub(crate) fn settle(&self) -> Result<usize, IndexError> {
        self.work(Urgency::Now)
    }

    /// As `settle`, but graphs of ranges that are still changing wait; `wait_for_work` returns when they are due.
    pub(crate) fn tend(&self) -> Result<usize, IndexError> {
        let jobs = self.work(Urgency::WhenRested)?;
        let shards = self.all()?;
        let due = shards.values().filter_map(|shard| shard.next_due()).min();
        self.bell
            .call
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .due = due;
        Ok(jobs)
    }

    fn work(&self, urgency: Urgency) -> Result<usize, IndexError> {
        let _maintaining = self
            .maintaining
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let merged_at = Mutex::new(Instant::now());
        let keep_going = || {
            self.merge_meanwhile(&merged_at);
            !self.is_closed()
        };
        let mut jobs = 0;
        loop {
            let before = jobs;
            let mut failed = None;
            for shard in self.all()?.values() {
                while let Some(job) = shard.next_job(urgency) {
                    match shard.run(job, &keep_going) {
                        Ok(true) => {}
                        Ok(false) => return Err(IndexError::Closed),
                        // The other environments must not wait for it.
                        Err(error) => {
                            failed.get_or_insert(error);
                            break;
                        }
                    }
                    self.check_open()?;
                    jobs += 1;
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if jobs == before && !self.recall.run_one(&self.layout.schema)? {
                return Ok(jobs);
            }
        }
    }

    /// Merges what is small from within the building of a graph. What fails here is tried again, and reported, after it.
    fn merge_meanwhile(&self, merged_at: &Mutex<Instant>) {
        let mut merged_at = merged_at.lock().unwrap_or_else(PoisonError::into_inner);
        if merged_at.elapsed() < MERGE_EVERY {
            return;
        }
        for shard in self.all().iter().flat_map(|shards| shards.values()) {
            while shard.merge_flat().unwrap_or(false) {}
        }
        *merged_at = Instant::now();
    }

    /// Tells `wait_for_work` to look.
    pub(crate) fn ring(&self) {
        self.bell
            .call
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .has_rung = true;
        self.bell.rings.notify_all();
    }

    /// Blocks until `ring`, `close`, or what `tend` left is due. `false`: closed.
    pub(crate) fn wait_for_work(&self) -> bool {
        let Bell { call, rings } = &self.bell;
        let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
        while !call.has_rung && !self.is_closed() {
            let left = call
                .due
                .map(|due| due.saturating_duration_since(Instant::now()));
            call = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let woken = rings.wait_timeout(call, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => rings.wait(call).unwrap_or_else(PoisonError::into_inner),
            };
        }
        *call = Call::default();
        !self.is_closed()
    }
}
