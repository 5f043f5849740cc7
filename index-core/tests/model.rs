//! Requirements: 4.6.live, 4.6.replicas
//! Random writes, searches, background work, checkpoints and crashes against a model that is a plain map.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use hindcast_index_core::{
    Answer, Demonstration, DemonstrationIndex, Exclusions, Filter, IndexOptions, Query, Ranking,
    SearchMode, ShardOptions, VectorQuery, VectorStorage,
};
use proptest::prelude::*;
use support::{demonstration, exact_index_as, query, seen};

const ENVIRONMENTS: [&str; 2] = ["shell", "web"];
/// Of `hash-v1`.
const DIMENSIONS: usize = 1_024;

fn open(folder: Option<&Path>, storage: VectorStorage) -> DemonstrationIndex {
    let options = IndexOptions {
        shard: ShardOptions { graph_rows_min: 32 },
        storage,
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(folder, options).unwrap()
}

/// What is live: version and environment of each id.
type Live = BTreeMap<usize, (usize, usize)>;

#[derive(Debug, Clone)]
enum Write {
    Upsert(usize, usize, usize),
    Remove(usize),
}

#[derive(Debug, Clone)]
enum Step {
    /// Put into the index in pieces of so many.
    Write(Vec<Write>, usize),
    Settle,
    Optimise,
    Checkpoint,
    /// The index is gone; what the log has after the checkpoint is written again.
    Crash,
    Check {
        seed: usize,
        filter: usize,
    },
}

fn written(id: usize, version: usize, environment: usize) -> Demonstration {
    Demonstration {
        environment: ENVIRONMENTS[environment].into(),
        utility: f64::from(u32::try_from(id % 5).unwrap()) / 4.0,
        ..demonstration(id, version)
    }
}

/// Applies writes: neighbouring upserts, and neighbouring removals, are put into calls of up to `piece`.
fn apply(index: &DemonstrationIndex, writes: &[Write], piece: usize) {
    let is_removal = |write: &Write| matches!(write, Write::Remove(_));
    for run in writes.chunk_by(|left, right| is_removal(left) == is_removal(right)) {
        for call in run.chunks(piece) {
            let (mut upserts, mut removals) = (Vec::new(), Vec::new());
            for write in call {
                match write {
                    Write::Upsert(id, version, environment) => {
                        upserts.push(written(*id, *version, *environment));
                    }
                    Write::Remove(id) => removals.push(format!("demo-{id}")),
                }
            }
            index.upsert(upserts).unwrap();
            index.remove(&removals).unwrap();
        }
    }
}

fn record(live: &mut Live, writes: &[Write]) {
    for write in writes {
        match write {
            Write::Upsert(id, version, environment) => {
                live.insert(*id, (*version, *environment));
            }
            Write::Remove(id) => {
                live.remove(id);
            }
        }
    }
}

const FILTERS: usize = 6;

/// A filter or exclusion, and what it means.
fn condition(number: usize) -> (Option<Filter>, Exclusions, fn(usize) -> bool) {
    let is = |value: &str| Filter::In("document".into(), vec![value.into()]);
    let nothing = Exclusions::default();
    match number {
        0 => (None, nothing, |_| true),
        1 => (Some(is("doc-3")), nothing, |id| id % 10 == 3),
        2 => (Some(Filter::Not(Box::new(is("doc-3")))), nothing, |id| {
            id % 10 != 3
        }),
        3 => (
            Some(Filter::Range("utility".into(), Some(0.4), None)),
            nothing,
            |id| id % 5 >= 2,
        ),
        4 => (
            Some(Filter::Any(vec![is("doc-1"), is("doc-2")])),
            Exclusions {
                demonstrations: vec!["demo-1".into()],
                tasks: vec!["task-12".into()],
                ..nothing
            },
            |id| matches!(id % 10, 1 | 2) && id != 1 && id != 12,
        ),
        _ => (Some(is("nowhere")), nothing, |_| false),
    }
}

/// Everything that can be asked of the state `live`, of both environments.
fn check(index: &DemonstrationIndex, live: &Live, seed: usize, number: usize) {
    let fresh = exact_index_as(index.stats().unwrap().storage);
    let upserts = live
        .iter()
        .map(|(id, (version, environment))| written(*id, *version, *environment));
    fresh.upsert(upserts.collect()).unwrap();
    assert_eq!(index.stats().unwrap().rows, live.len());
    let (filter, exclude, passes) = condition(number);
    for (at, environment) in ENVIRONMENTS.iter().enumerate() {
        let passing: Vec<String> = live
            .iter()
            .filter(|(id, (_, own))| *own == at && passes(**id))
            .map(|(id, (version, _))| format!("{id}/{version}"))
            .collect();
        let rankings = [
            Ranking::Paper,
            Ranking::Fused {
                rrf_k: 60,
                mmr_lambda: Some(0.7),
                utility_weight: 0.2,
            },
        ];
        for ranking in rankings {
            let asked = |mode| Query {
                environment: (*environment).into(),
                filter: filter.clone(),
                exclude: exclude.clone(),
                ranking,
                mode,
                ..query(seed)
            };
            let exact = seen(index.search(&asked(SearchMode::Exact)).unwrap());
            assert_eq!(
                exact,
                seen(fresh.search(&asked(SearchMode::Exact)).unwrap())
            );
            for mode in [SearchMode::Auto, SearchMode::Graph, SearchMode::Exact] {
                let answer = index.search(&asked(mode)).unwrap();
                assert_eq!(answer.passing, passing.len());
                assert!(answer.hits.iter().all(|hit| passing.contains(&hit.payload)));
            }
        }
        let nearest = |index: &DemonstrationIndex, mode| {
            let vectors =
                (0..DIMENSIONS).map(|at| [-2.0, 0.5, 3.0, -1.0, 1.5][(at * 7 + seed) % 5]);
            let asked = VectorQuery {
                vectors: vectors.collect(),
                k: 12,
                expansion: None,
                filter: filter.clone(),
                exclude: exclude.clone(),
                mode,
            };
            index.search_vectors(environment, &asked).unwrap().remove(0)
        };
        let (exact, expected) = (
            nearest(index, SearchMode::Exact),
            nearest(&fresh, SearchMode::Exact),
        );
        assert_eq!((exact.ids, exact.scores), (expected.ids, expected.scores));
        let graph = nearest(index, SearchMode::Graph);
        assert_eq!(graph.ids.len(), passing.len().min(12), "never short");
    }
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    // One in five changes its environment now and then.
    let upsert = (0_usize..90, 0_usize..40, 0_usize..2).prop_map(|(id, version, own)| {
        let moves = id % 5 == 0;
        Write::Upsert(id, version, if moves { own } else { id % 2 })
    });
    let write = prop_oneof![4 => upsert, 1 => (0_usize..90).prop_map(Write::Remove)];
    proptest::collection::vec(write, 1..60)
}

fn storages() -> impl Strategy<Value = VectorStorage> {
    prop_oneof![Just(VectorStorage::F32), Just(VectorStorage::Bf16)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (writes(), 1_usize..50).prop_map(|(writes, piece)| Step::Write(writes, piece)),
        2 => Just(Step::Settle),
        1 => Just(Step::Optimise),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Crash),
        4 => (0_usize..500, 0..FILTERS).prop_map(|(seed, filter)| Step::Check { seed, filter }),
    ];
    proptest::collection::vec(step, 1..24)
}

/// An index in a folder, the log that it is fed from, and what is live after it.
struct Replica {
    folder: tempfile::TempDir,
    storage: VectorStorage,
    index: DemonstrationIndex,
    log: Vec<Write>,
    live: Live,
}

impl Replica {
    fn new(storage: VectorStorage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            storage,
            index: open(Some(folder.path()), storage),
            folder,
            log: Vec::new(),
            live: Live::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Write(writes, piece) => {
                apply(&self.index, &writes, piece);
                record(&mut self.live, &writes);
                self.log.extend(writes);
            }
            Step::Settle => {
                self.index.settle().unwrap();
            }
            Step::Optimise => {
                self.index.optimise().unwrap();
            }
            Step::Checkpoint => {
                self.index.checkpoint(self.log.len() as u64).unwrap();
            }
            Step::Crash => self.crash(),
            Step::Check { seed, filter } => check(&self.index, &self.live, seed, filter),
        }
    }

    fn crash(&mut self) {
        self.index.close();
        self.index = open(Some(self.folder.path()), self.storage);
        let from = usize::try_from(self.index.sequence()).unwrap();
        apply(&self.index, &self.log[from..], 17);
    }
}

fn through_graphs(index: &DemonstrationIndex) -> Vec<Answer> {
    let asked = |seed: usize| Query {
        environment: ENVIRONMENTS[seed % 2].into(),
        mode: SearchMode::Graph,
        ..query(seed)
    };
    (0..10)
        .map(|seed| index.search(&asked(seed)).unwrap())
        .map(seen)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_history_with_crashes_answers_as_its_last_state_does(steps in steps(), storage in storages(), seed in 0_usize..500) {
        let mut replica = Replica::new(storage);
        for step in steps {
            replica.take(step);
        }
        replica.crash();
        check(&replica.index, &replica.live, seed, 0);
    }

    /// Whatever their batches and background work, and to the bit also through graphs of the same epoch. A crash while a
    /// graph is to be built can change the epoch: rows that had died by the checkpoint are left out of the graph.
    #[test]
    fn replicas_at_the_same_sequence_answer_alike(steps in steps(), storage in storages(), settles: bool) {
        let mut replica = Replica::new(storage);
        for step in steps {
            match step {
                // It is asked for by a person and not by the log.
                Step::Optimise => {}
                Step::Checkpoint if settles => {
                    replica.take(Step::Settle);
                    replica.take(Step::Checkpoint);
                }
                other => replica.take(other),
            }
        }
        let other = open(None, storage);
        apply(&other, &replica.log, 1);
        other.settle().unwrap();
        replica.index.settle().unwrap();
        let (left, right) = (replica.index.stats().unwrap(), other.stats().unwrap());
        if settles {
            prop_assert_eq!((left.epoch, left.graph_rows), (right.epoch, right.graph_rows));
        }
        if left.epoch == right.epoch {
            prop_assert_eq!(through_graphs(&replica.index), through_graphs(&other));
        }
    }

    /// A build that was asked for and not done is asked for again: a crash leaves no graph of mostly dead rows.
    #[test]
    fn a_build_that_a_crash_interrupts_is_done_later(kept in 1_usize..60, storage in storages()) {
        let mut replica = Replica::new(storage);
        let writes = |ids: std::ops::Range<usize>| ids.map(|id| Write::Upsert(id, 0, 0)).collect();
        replica.take(Step::Write(writes(0..64), 64));
        replica.take(Step::Settle);
        prop_assert_eq!(replica.index.stats().unwrap().graph_rows, 64);
        replica.take(Step::Write((kept..64).map(Write::Remove).collect(), 64));
        replica.take(Step::Checkpoint);
        replica.crash();
        replica.index.settle().unwrap();
        let stats = replica.index.stats().unwrap();
        prop_assert_eq!(stats.graph_rows + stats.scan_rows, kept);
        prop_assert!(stats.dead_rows * 4 <= kept.max(4), "{:?}", stats);
    }
}
