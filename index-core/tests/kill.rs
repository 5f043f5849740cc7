//! Requirements: 4.6.crash-safe
//! A process that is killed at any instruction loses nothing that it had acknowledged, and its folder opens clean.
//! `HINDCAST_KILLS` is the number of kills, `HINDCAST_KILL_SEED` where their random delays begin.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says how often it tried"
)]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hindcast_index_core::{DemonstrationIndex, IndexOptions, ShardOptions, VectorStorage};
use support::log::{apply, assert_holds, live, mix};

const FOLDER_VARIABLE: &str = "HINDCAST_KILL_FOLDER";
const STORAGE_VARIABLE: &str = "HINDCAST_KILL_STORAGE";
/// A process that shows no progress for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Graphs from few rows on, so that the process spends its time in merges, builds and checkpoints.
fn open(folder: &Path, storage: VectorStorage) -> DemonstrationIndex {
    let options = IndexOptions {
        storage,
        shard: ShardOptions { graph_rows_min: 64 },
        ..IndexOptions::default()
    };
    DemonstrationIndex::open(Some(folder), options).unwrap()
}

/// One write, so that a kill leaves whole lines.
fn say(line: &str) {
    std::io::stdout()
        .write_all(format!("\n{line}\n").as_bytes())
        .unwrap();
}

#[test]
#[ignore = "the process that the test below kills"]
fn process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else {
        return;
    };
    say("opening");
    let storage = VectorStorage::of_name(&std::env::var(STORAGE_VARIABLE).unwrap()).unwrap();
    let index = open(Path::new(&folder), storage);
    let mut sequence = index.sequence();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while index.wait_for_work() {
                index.tend().unwrap();
            }
        });
        loop {
            say("applying");
            let next = sequence + 1 + (mix(sequence) % 60) as u64;
            apply(&index, sequence, next);
            sequence = next;
            if mix(sequence + 1).is_multiple_of(2) {
                say("merging");
                index.settle().unwrap();
            }
            if mix(sequence + 2).is_multiple_of(2) {
                say("checkpointing");
                index.checkpoint(sequence).unwrap();
                say(&format!("acknowledged {sequence}"));
            }
        }
    });
}

/// A running child and what it has said.
struct Victim {
    child: Child,
    said: PathBuf,
    complained: PathBuf,
}

impl Victim {
    fn start(folder: &Path, storage: VectorStorage, notes: &Path) -> Self {
        let (said, complained) = (notes.join("said"), notes.join("complained"));
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "process_that_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER_VARIABLE, folder)
            .env(STORAGE_VARIABLE, storage.name())
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(&complained).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            said,
            complained,
        }
    }

    fn lines(&self) -> Vec<String> {
        let said = fs::read_to_string(&self.said).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    /// Sequences of the checkpoints that the process has acknowledged.
    fn acknowledged(&self) -> Vec<u64> {
        let number = |line: &String| line.strip_prefix("acknowledged ")?.parse().ok();
        self.lines().iter().filter_map(number).collect()
    }

    fn wait_for(&mut self, acknowledgements: usize) {
        let started = Instant::now();
        while self.acknowledged().len() < acknowledgements {
            assert!(started.elapsed() < PATIENCE, "{}", self.complaint());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        fs::read_to_string(&self.complained).unwrap()
    }

    /// Sends SIGKILL. Returns what the process was doing.
    fn kill(&mut self) -> String {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "it ended by itself: {}",
            self.complaint()
        );
        let complaint = self.complaint();
        self.child.wait().unwrap();
        assert_eq!(complaint, "", "it had complained before it was killed");
        let what = ["opening", "applying", "merging", "checkpointing"];
        let last = self.lines().into_iter().rev();
        last.filter_map(|line| what.iter().find(|what| line == **what))
            .map(|what| (*what).to_owned())
            .next()
            .unwrap_or_else(|| "starting".into())
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn kill_at_any_instruction_loses_nothing_and_opens_clean() {
    let kills = setting("HINDCAST_KILLS", 25);
    kill_often(kills.div_ceil(2), VectorStorage::F32);
    kill_often(kills / 2, VectorStorage::Bf16);
}

fn kill_often(kills: u64, storage: VectorStorage) {
    let seed = setting("HINDCAST_KILL_SEED", 0) << 32;
    let (home, notes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = home.path().join("index");
    let mut acknowledged = 0;
    let mut killed_while: BTreeMap<String, u64> = BTreeMap::new();
    let (mut unfinished, mut checked, mut checkpoints) = (0, 0, 0);
    for kill in 0..kills {
        let number = mix(seed + kill);
        let mut victim = Victim::start(&folder, storage, notes.path());
        // Every fifth is killed while it starts or opens what the one before left; the others are seen to make progress.
        if kill % 5 == 4 {
            std::thread::sleep(Duration::from_micros((number % 20_000) as u64));
        } else {
            victim.wait_for(number % 3 + usize::from(kill == 0));
            std::thread::sleep(Duration::from_micros((number / 3 % 40_000) as u64));
        }
        *killed_while.entry(victim.kill()).or_default() += 1;
        checkpoints += victim.acknowledged().len();
        acknowledged = victim
            .acknowledged()
            .into_iter()
            .fold(acknowledged, u64::max);
        unfinished += usize::from(has_unfinished_file(&folder));
        // Before the fast ones nobody tidies up.
        if kill % 5 == 3 && kill + 1 < kills {
            continue;
        }
        let index = open(&folder, storage);
        let sequence = index.sequence();
        assert!(
            sequence >= acknowledged,
            "{acknowledged} was acknowledged, {sequence} is there"
        );
        assert_holds(&index, &live(sequence));
        checked += 1;
    }
    assert!(acknowledged > 0 || kills == 0, "nothing was ever written");
    println!(
        "{storage}: {kills} kills while {killed_while:?}; {unfinished} left unfinished files, {checkpoints} acknowledged checkpoints up to entry {acknowledged}, {checked} reopened and compared: nothing lost"
    );
}

fn has_unfinished_file(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .any(|path| path.extension().is_some_and(|ending| ending == "tmp"))
}
