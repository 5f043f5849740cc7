//! Requirements: 4.6.replicas
//! Replicas of one log answer identically at every sequence, to the bit and through graphs: whatever their batches, when
//! their builds finish, and how often they are killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::ops::Range;
use std::path::Path;

use hindcast_index_core::{
    Answer, DemonstrationIndex, GraphNews, GraphOrder, GraphSchedule, IndexOptions, Query,
    SearchMode, ShardOptions, ShownGraph,
};
use proptest::prelude::*;
use support::{demonstration, query, seen};

const ENVIRONMENTS: [&str; 2] = ["shell", "web"];
/// Rows of the smallest range.
const UNIT: u32 = 32;

fn open(folder: Option<&Path>) -> DemonstrationIndex {
    let options = IndexOptions {
        shard: ShardOptions { graph_rows_min: 32 },
        graphs: GraphSchedule::Log,
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(folder, options).unwrap()
}

#[derive(Debug, Clone)]
enum Entry {
    Put {
        id: usize,
        environment: usize,
    },
    Retire(usize),
    Begin {
        environment: usize,
        order: GraphOrder,
    },
    Show {
        environment: usize,
        begun_at: u64,
    },
}

/// What an entry is made of: what it may say of graphs depends on where in the log it stands.
type Seed = (u8, usize, u32, u64);

fn log() -> impl Strategy<Value = Vec<Entry>> {
    let seed = (0_u8..100, 0_usize..70, any::<u32>(), 0_u64..40);
    proptest::collection::vec(seed, 60..260).prop_map(|seeds| {
        let mut begun: Vec<(usize, u64)> = Vec::new();
        let entries = (1_u64..).zip(seeds);
        entries
            .map(|(sequence, seed)| entry(sequence, seed, &mut begun))
            .collect()
    })
}

fn entry(sequence: u64, (kind, id, number, lag): Seed, begun: &mut Vec<(usize, u64)>) -> Entry {
    // One in seven changes its environment now and then.
    let environment = if id % 7 == 0 {
        number as usize % 2
    } else {
        id % 2
    };
    let next = u32::try_from(sequence).unwrap();
    let rows = UNIT << (number % 3);
    match kind {
        0..10 => Entry::Retire(id),
        10..16 if next > rows => {
            begun.push((environment, sequence));
            let from = number / 3 % (next / rows) * rows;
            let order = GraphOrder {
                from,
                to: from + rows,
                has_graph: number % 5 > 0,
                after: (sequence - 1).saturating_sub(lag),
            };
            Entry::Begin { environment, order }
        }
        16..24 if !begun.is_empty() => {
            let (environment, begun_at) = begun[number as usize % begun.len()];
            Entry::Show {
                environment,
                begun_at,
            }
        }
        _ => Entry::Put { id, environment },
    }
}

/// Applies entries in calls of up to `piece` demonstrations. `waits`: for graphs that are shown before they are built.
fn apply(
    index: &DemonstrationIndex,
    log: &[Entry],
    entries: Range<usize>,
    piece: usize,
    waits: bool,
) {
    let (mut puts, mut sequences) = (Vec::new(), Vec::new());
    for at in entries {
        let sequence = at as u64 + 1;
        if let Entry::Put { id, environment } = log[at] {
            let mut put = demonstration(id, at);
            put.environment = ENVIRONMENTS[environment].into();
            puts.push(put);
            sequences.push(sequence);
            if puts.len() < piece {
                continue;
            }
        }
        index
            .upsert_at(std::mem::take(&mut puts), &std::mem::take(&mut sequences))
            .unwrap();
        match &log[at] {
            Entry::Put { .. } => {}
            Entry::Retire(id) => {
                index.remove(&[format!("demo-{id}")]).unwrap();
            }
            Entry::Begin { environment, order } => {
                let environment = ENVIRONMENTS[*environment];
                index.begin_graph(environment, order, sequence).unwrap();
            }
            Entry::Show {
                environment,
                begun_at,
            } => {
                let environment = ENVIRONMENTS[*environment];
                let shown = index.show_graph(environment, *begun_at, None).unwrap();
                if waits && shown == ShownGraph::Awaited {
                    index.settle().unwrap();
                }
            }
        }
    }
    index.upsert_at(puts, &sequences).unwrap();
}

/// Answers and the graphs that they are of.
fn all_answers(index: &DemonstrationIndex) -> Vec<(Answer, u64)> {
    let modes = [SearchMode::Graph, SearchMode::Auto];
    (0..8)
        .flat_map(|seed| modes.map(|mode| (seed, mode)))
        .map(|(seed, mode)| {
            let asked = Query {
                environment: ENVIRONMENTS[seed % 2].into(),
                mode,
                ..query(seed)
            };
            let answer = index.search(&asked).unwrap();
            let epoch = answer.epoch;
            (seen(answer), epoch)
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Follow {
        entries: usize,
        piece: usize,
    },
    /// Everything that was begun is built, long before it is shown.
    Settle,
    Checkpoint,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1_usize..60, 1_usize..40).prop_map(|(entries, piece)| Step::Follow { entries, piece }),
        1 => Just(Step::Settle),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Kill),
    ];
    proptest::collection::vec(step, 4..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn replicas_answer_identically_at_every_sequence(log in log(), steps in steps()) {
        let steady = open(None);
        let folder = tempfile::tempdir().unwrap();
        let mut index = open(Some(folder.path()));
        let (mut reached, mut compared) = (0, 0);
        for step in steps {
            match step {
                Step::Follow { entries, piece } => {
                    let to = log.len().min(reached + entries);
                    apply(&index, &log, reached..to, piece, true);
                    reached = to;
                }
                Step::Settle => { index.settle().unwrap(); }
                Step::Checkpoint => { index.checkpoint(reached as u64).unwrap(); }
                Step::Kill => {
                    index.close();
                    index = open(Some(folder.path()));
                    let kept = usize::try_from(index.sequence()).unwrap();
                    apply(&index, &log, kept..reached, 9, true);
                }
            }
            apply(&steady, &log, compared..reached, 1, true);
            compared = reached;
            prop_assert_eq!(all_answers(&index), all_answers(&steady), "at {}", reached);
        }
    }

    /// Graphs whose showing it only passes are not waited for one by one, and some never built.
    #[test]
    fn a_replica_that_catches_up_ends_where_the_others_are(log in log(), piece in 1_usize..50) {
        let steady = open(None);
        apply(&steady, &log, 0..log.len(), 1, true);
        let late = open(None);
        apply(&late, &log, 0..log.len(), piece, false);
        late.settle().unwrap();
        prop_assert_eq!(all_answers(&late), all_answers(&steady));
    }
}

fn put(id: usize) -> Entry {
    Entry::Put { id, environment: 0 }
}

fn order(from: u32, to: u32, after: u64) -> GraphOrder {
    GraphOrder {
        from,
        to,
        has_graph: true,
        after,
    }
}

/// Until the first 64 sequences are said to have rested.
fn await_due(index: &DemonstrationIndex, has_graph: bool) {
    let bounds = (0, 64);
    let due = GraphNews::Due { bounds, has_graph };
    while index.graph_news().unwrap() != [("shell".to_owned(), due)] {
        std::thread::yield_now();
    }
}

/// What the stream no longer has is missing in its graphs only as long as they are older than it is.
#[test]
fn a_replica_of_the_compacted_log_has_the_graphs_that_are_begun_after_it_came() {
    let mut log: Vec<Entry> = (0..128).map(|at| put(at % 90)).collect();
    log.push(Entry::Begin {
        environment: 0,
        order: order(0, 128, 128),
    });
    log.push(Entry::Show {
        environment: 0,
        begun_at: 129,
    });
    let steady = open(None);
    apply(&steady, &log, 0..log.len(), 7, true);
    let late = open(None);
    apply(&late, &log, 38..log.len(), 7, true);
    assert_ne!(steady.stats().unwrap().epoch, 0);
    assert_eq!(all_answers(&late), all_answers(&steady));
}

/// A replica of the compacted log cannot have a graph of rows that it never saw; then all of them get another.
#[test]
fn a_replica_whose_graph_is_not_the_others_asks_for_one_that_is() {
    let mut log: Vec<Entry> = (0..64).map(put).collect();
    log.push(Entry::Begin {
        environment: 0,
        order: order(0, 64, 64),
    });
    log.extend((0..3).map(put));
    let (steady, late) = (open(None), open(None));
    apply(&steady, &log, 0..log.len(), 7, true);
    apply(&late, &log, 3..log.len(), 7, true);
    steady.settle().unwrap();
    let [(_, GraphNews::Built { fingerprint, .. })] = steady.graph_news().unwrap()[..] else {
        panic!("it is built and not in the log yet");
    };
    for index in [&steady, &late] {
        index.show_graph("shell", 65, Some(fingerprint)).unwrap();
        index.settle().unwrap();
    }
    let diverged = |index: &DemonstrationIndex| index.stats().unwrap().diverged;
    assert_eq!((diverged(&steady), diverged(&late)), (0, 1));
    assert_ne!(all_answers(&steady), all_answers(&late));
    assert_eq!(steady.graph_news().unwrap(), []);
    await_due(&late, true);
    for index in [&steady, &late] {
        assert!(index.begin_graph("shell", &order(0, 64, 68), 69).unwrap());
        index.settle().unwrap();
    }
    let news = steady.graph_news().unwrap();
    assert_eq!(late.graph_news().unwrap(), news);
    let [(_, GraphNews::Built { fingerprint, .. })] = news[..] else {
        panic!("{news:?}");
    };
    for index in [&steady, &late] {
        index.show_graph("shell", 69, Some(fingerprint)).unwrap();
    }
    assert_eq!((diverged(&steady), diverged(&late)), (0, 1));
    assert_eq!(all_answers(&steady), all_answers(&late));
    assert_eq!(late.graph_news().unwrap(), []);
}

#[test]
fn of_two_that_ask_for_a_graph_the_first_is_heard() {
    let index = open(None);
    let log: Vec<Entry> = (0..40).map(put).collect();
    apply(&index, &log, 0..40, 40, true);
    assert!(index.begin_graph("shell", &order(0, 32, 40), 41).unwrap());
    assert!(!index.begin_graph("shell", &order(0, 32, 40), 42).unwrap());
    assert_eq!(
        index.show_graph("shell", 42, None).unwrap(),
        ShownGraph::Unknown
    );
    assert_eq!(index.stats().unwrap().graph_rows, 0);
    assert_eq!(
        index.show_graph("shell", 41, None).unwrap(),
        ShownGraph::Awaited
    );
    index.settle().unwrap();
    assert_eq!(index.stats().unwrap().graph_rows, 31);
    // Who asks after it has seen it may have another.
    assert!(!index.begin_graph("shell", &order(0, 32, 40), 43).unwrap());
    assert!(index.begin_graph("shell", &order(0, 32, 43), 44).unwrap());
    let begins = |order: GraphOrder, at| index.begin_graph("shell", &order, at).unwrap();
    assert!(!begins(order(0, 16, 44), 45), "it would be cut");
    assert!(!begins(order(16, 48, 44), 49), "no range is there");
    assert!(!begins(order(0, 64, 44), 63), "it is not full");
    assert!(!begins(order(0, 32, 44), 39), "the log is further");
    assert!(begins(order(0, 64, 44), 64));
    assert!(!begins(order(0, 32, 64), 65), "it would cut what was begun");
    assert!(!index.begin_graph("nowhere", &order(0, 32, 64), 66).unwrap());
}

#[test]
fn news_are_told_when_rows_have_rested_and_until_they_are_in_the_log() {
    let index = open(None);
    let log: Vec<Entry> = (0..70).map(put).collect();
    apply(&index, &log, 0..70, 70, true);
    assert_eq!(index.graph_news().unwrap(), [], "they have only just come");
    await_due(&index, true);
    assert!(index.begin_graph("shell", &order(0, 64, 70), 71).unwrap());
    assert_eq!(index.graph_news().unwrap(), []);
    index.settle().unwrap();
    let news = index.graph_news().unwrap();
    let [
        (
            _,
            GraphNews::Built {
                at: 71,
                bounds: (0, 64),
                fingerprint,
            },
        ),
    ] = news[..]
    else {
        panic!("{news:?}");
    };
    assert_eq!(index.stats().unwrap().graph_rows, 0, "it is not shown");
    let shown = index.show_graph("shell", 71, Some(fingerprint)).unwrap();
    assert_eq!(shown, ShownGraph::Searched);
    assert_eq!(index.stats().unwrap().diverged, 0);
    assert_eq!(index.graph_news().unwrap(), []);
    // Most of the rows go, and the rest is to be scanned.
    let retired: Vec<String> = (0..60).map(|id| format!("demo-{id}")).collect();
    index.remove(&retired).unwrap();
    await_due(&index, false);
    assert!(index.optimise().is_err(), "its log decides");
}

#[test]
fn sequences_that_go_back_are_refused_and_change_nothing() {
    let index = open(None);
    index.upsert_at(vec![demonstration(1, 0)], &[10]).unwrap();
    for (ids, sequences, named) in [
        (vec![2], vec![10], "10"),
        (vec![2, 3], vec![12, 12], "12"),
        (vec![2], vec![], "0 sequences"),
        (vec![2], vec![u64::from(u32::MAX)], "4294967295"),
        (vec![2], vec![1 << 32], "4294967296"),
    ] {
        let rows: Vec<_> = ids.into_iter().map(|id| demonstration(id, 0)).collect();
        let refused = index.upsert_at(rows, &sequences).unwrap_err();
        assert_eq!(refused.code(), "INDEX_INVALID", "{sequences:?}");
        assert!(refused.to_string().contains(named), "{refused}");
    }
    let unnumbered = index.upsert(vec![demonstration(2, 0)]).unwrap_err();
    assert_eq!(unnumbered.code(), "INDEX_INVALID");
    assert_eq!(index.stats().unwrap().rows, 1);
    // A gap beyond many ranges costs nothing.
    index
        .upsert_at(vec![demonstration(2, 0)], &[4_000_000_000])
        .unwrap();
    assert_eq!(index.stats().unwrap().rows, 2);
}
