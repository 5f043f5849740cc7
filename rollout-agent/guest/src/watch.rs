//! What all processes of the sandbox use together. Limits of the kernel hold per process; this is the sum, and it
//! needs no control group, which an unprivileged user rarely may create.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use crate::protocol::Killed;
use crate::setup::World;
use crate::sys;

const INTERVAL: Duration = Duration::from_millis(25);
/// What one socket of the sandbox may hold that is in nobody's memory: `net.core.wmem_default`.
const SOCKET_BYTES: u64 = 212_992;
/// The same of a pipe; it cannot be made larger inside.
const PIPE_BYTES: u64 = 65_536;
/// What an open file may cost, whatever it is: one of `/proc` keeps a page once it has been read.
const FILE_BYTES: u64 = 5_120;
/// What one epoll keeps of each file that it waits for.
const EPOLL_BYTES: u64 = 200;
/// Processes with smaller tables of descriptors are not looked into, unless all tables together have room for too much.
const MANY_DESCRIPTORS: u64 = 512;
/// Sampling takes no more than a twentieth of the processor's time,
const COST_FACTOR: u32 = 20;
/// unless what it looks at would have that long to grow unseen.
const INTERVAL_MAX: Duration = Duration::from_millis(250);

#[derive(Default, Clone, Copy)]
struct Usage {
    threads: u64,
    memory_bytes: u64,
    /// Of the kernel's, in sockets and pipes: as much as they may hold, and so beside the memory and not part of it.
    buffer_bytes: u64,
}

pub struct Watch {
    world: World,
    memory_bytes_max: u64,
    processes_max: u64,
    due: Instant,
    crowded: bool,
}

impl Watch {
    pub fn new(world: World, memory_bytes_max: u64, processes_max: u64) -> Self {
        Self {
            world,
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
        if Instant::now() < self.due {
            return None;
        }
        // Of our own: on a busy machine the wall clock mostly shows how long others have worked.
        let started = sys::processor_time();
        let usage = sample(self.world, self.memory_bytes_max);
        let crowded = usage.threads + 1 >= self.processes_max;
        let was_crowded = std::mem::replace(&mut self.crowded, crowded);
        let cost = sys::processor_time().saturating_sub(started);
        self.due = Instant::now() + (cost * COST_FACTOR).clamp(INTERVAL, INTERVAL_MAX);
        if usage.memory_bytes.max(usage.buffer_bytes) > self.memory_bytes_max {
            return Some(Killed::Memory);
        }
        (crowded && was_crowded).then_some(Killed::Processes)
    }

    /// For while this process is at work on files. What is ended is reaped afterwards.
    pub fn keep(&mut self) {
        if self.check().is_some() {
            sys::kill_all();
        }
    }
}

fn sample(world: World, memory_bytes_max: u64) -> Usage {
    let pids = other_processes();
    let mut usage = Usage::default();
    let mut tables = Vec::new();
    for &pid in &pids {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
            continue;
        };
        usage.threads += field(&status, "Threads:");
        usage.memory_bytes += 1024 * (resident(&status) + hidden(&status));
        tables.push((pid, field(&status, "FDSize:")));
    }
    usage.buffer_bytes = file_bytes(&tables, memory_bytes_max) + socket_bytes();
    if world == World::UserSpaceKernel {
        usage.memory_bytes = whole_bytes();
        return usage;
    }
    // The resident sets count pages that processes share once for each; only the costly proportional sets are exact.
    if usage.memory_bytes > memory_bytes_max {
        usage.memory_bytes = pids.iter().map(|&pid| proportional_bytes(pid)).sum();
    }
    usage
}

/// What gVisor counts of the whole sandbox, which it tells of no process: all that is in no file, but for the guest's own few
/// megabytes that of commands alone. Files in memory are the disk.
fn whole_bytes() -> u64 {
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    1024 * field(&told, "AnonPages:").saturating_sub(field(&told, "Shmem:"))
}

/// KiB that a process has touched. gVisor tells them in one with what the process has of files.
fn resident(status: &str) -> u64 {
    if !status.contains("\nRssAnon:") {
        return field(status, "VmRSS:");
    }
    field(status, "RssAnon:") + field(status, "RssShmem:")
}

/// KiB of a process that no resident set shows: what it has had moved out, and the tables that say where its pages are.
/// Those grow also where nothing is touched but the one page of zeros that everybody shares.
fn hidden(status: &str) -> u64 {
    field(status, "VmSwap:") + field(status, "VmPTE:")
}

/// What the kernel may keep for what processes have open; `tables` tells how many descriptors each has room for.
fn file_bytes(tables: &[(u32, u64)], memory_bytes_max: u64) -> u64 {
    let room: u64 = tables.iter().map(|&(_, descriptors)| descriptors).sum();
    let from = if room * PIPE_BYTES > memory_bytes_max {
        0
    } else {
        MANY_DESCRIPTORS
    };
    let mut pipes = HashSet::new();
    let mut bytes = 0;
    for &(pid, descriptors) in tables
        .iter()
        .filter(|&&(_, descriptors)| descriptors >= from)
    {
        // A process may hide what it has open; then it is charged for all that it may have.
        bytes += add_files(pid, &mut pipes).unwrap_or(descriptors * PIPE_BYTES);
    }
    bytes + pipes.len() as u64 * PIPE_BYTES
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

/// What a process has open, but for pipes, which others may have open too: those by their numbers. None where it hides it.
fn add_files(pid: u32, pipes: &mut HashSet<Vec<u8>>) -> Option<u64> {
    let (mut files, mut epolls) = (0, 0);
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        files += 1;
        if let Ok(target) = fs::read_link(entry.path()) {
            let target = target.into_os_string().into_vec();
            if target.starts_with(b"pipe:") {
                pipes.insert(target);
            } else if target == b"anon_inode:[eventpoll]" {
                epolls += 1;
            }
        }
    }
    Some(files * (FILE_BYTES + epolls * EPOLL_BYTES))
}

/// What the sockets of this network hold or may hold. The kernel lists them all, whoever has them open.
fn socket_bytes() -> u64 {
    let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let unix = table("unix").lines().skip(1).count() as u64;
    let queued: u64 = ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .map(|name| queued_bytes(&table(name)))
        .sum();
    unix * SOCKET_BYTES + queued
}

/// The sum of the column `tx_queue:rx_queue`.
fn queued_bytes(table: &str) -> u64 {
    let bytes = |hexadecimal: &str| u64::from_str_radix(hexadecimal, 16).unwrap_or(0);
    table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(4)?.split_once(':'))
        .map(|(sent, received)| bytes(sent) + bytes(received))
        .sum()
}

fn proportional_bytes(pid: u32) -> u64 {
    // A process may hide its maps by making itself not dumpable; then it is charged for all that it touches.
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return 0;
    };
    let touched = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map_or_else(
        |_| resident(&status),
        |rollup| field(&rollup, "Pss_Anon:") + field(&rollup, "Pss_Shmem:"),
    );
    1024 * (touched + hidden(&status))
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
    fn memory_counts_where_its_kinds_are_not_told_apart() {
        let linux =
            "Name:\tsh\nVmRSS:\t900 kB\nRssAnon:\t100 kB\nRssFile:\t700 kB\nRssShmem:\t100 kB\n";
        assert_eq!(resident(linux), 200);
        assert_eq!(resident("Name:\tsh\nVmSize:\t1 kB\nVmRSS:\t900 kB\n"), 900);
    }

    #[test]
    fn queues_are_summed() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr\n\
            0: 0100007F:0BB8 00000000:0000 01 00000010:00000001 00:00000000\n\
            1: 0100007F:0BB8 00000000:0000 01 00000000:000000FF 00:00000000\n";
        assert_eq!(queued_bytes(table), 16 + 1 + 255);
        assert_eq!(queued_bytes(""), 0);
    }

    #[test]
    fn fields_are_read_by_name() {
        let status = "Name:\tx\nThreads:\t3\nRssAnon:\t   120 kB\n";
        assert_eq!(field(status, "Threads:"), 3);
        assert_eq!(field(status, "RssAnon:"), 120);
        assert_eq!(field(status, "RssShmem:"), 0);
    }
}
