//! What all processes of the sandbox use together. Limits of the kernel hold per process; this is the sum, and it
//! needs no control group, which an unprivileged user rarely may create.

use std::fs;
use std::time::{Duration, Instant};

use crate::protocol::Killed;

const INTERVAL: Duration = Duration::from_millis(25);
/// Sampling never takes more than a twentieth of the time.
const COST_FACTOR: u32 = 20;

#[derive(Default, Clone, Copy)]
struct Usage {
    threads: u64,
    memory_bytes: u64,
}

pub struct Watch {
    memory_bytes_max: u64,
    processes_max: u64,
    due: Instant,
    crowded: bool,
}

impl Watch {
    pub fn new(memory_bytes_max: u64, processes_max: u64) -> Self {
        Self {
            memory_bytes_max,
            processes_max,
            due: Instant::now() + INTERVAL,
            crowded: false,
        }
    }

    pub fn start(&mut self) {
        self.due = Instant::now() + INTERVAL;
        self.crowded = false;
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    /// The reason to end everything, if a limit is reached. The process limit must be reached twice in a row: the
    /// kernel refuses the next process anyway, and a program may recover from that; a fork bomb does not.
    pub fn check(&mut self) -> Option<Killed> {
        let started = Instant::now();
        if started < self.due {
            return None;
        }
        let usage = sample(self.memory_bytes_max);
        let crowded = usage.threads + 1 >= self.processes_max;
        let was_crowded = std::mem::replace(&mut self.crowded, crowded);
        let cost = started.elapsed();
        self.due = Instant::now() + INTERVAL.max(cost * COST_FACTOR);
        if usage.memory_bytes > self.memory_bytes_max {
            return Some(Killed::Memory);
        }
        (crowded && was_crowded).then_some(Killed::Processes)
    }
}

fn sample(memory_bytes_max: u64) -> Usage {
    let pids = other_processes();
    let mut usage = Usage::default();
    for &pid in &pids {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            continue;
        };
        usage.threads += field(&status, "Threads:");
        usage.memory_bytes += 1024 * (field(&status, "RssAnon:") + field(&status, "RssShmem:"));
    }
    // The resident sets count pages that processes share once for each; only the costly proportional sets are exact.
    if usage.memory_bytes > memory_bytes_max {
        usage.memory_bytes = pids.iter().map(|&pid| proportional_bytes(pid)).sum();
    }
    usage
}

fn other_processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != 1)
        .collect()
}

fn proportional_bytes(pid: u32) -> u64 {
    // A process may hide its maps by making itself not dumpable; then it is charged for all that it touches.
    if let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return 1024 * (field(&rollup, "Pss_Anon:") + field(&rollup, "Pss_Shmem:"));
    }
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return 0;
    };
    1024 * (field(&status, "RssAnon:") + field(&status, "RssShmem:"))
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name() {
        let status = "Name:\tx\nThreads:\t3\nRssAnon:\t   120 kB\n";
        assert_eq!(field(status, "Threads:"), 3);
        assert_eq!(field(status, "RssAnon:"), 120);
        assert_eq!(field(status, "RssShmem:"), 0);
    }
}
