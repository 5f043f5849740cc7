//! Builds the world that bubblewrap cannot: one size-limited file system under three directories, a read-only root,
//! and a process without privileges.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::protocol::Limits;
use crate::session::{EXCHANGE, EXCHANGE_BYTES, SAVE_PATH, SAVE_SCRIPT, WORKSPACE};
use crate::{seccomp, sys};

pub const HOME: &str = "/home/agent";
pub const TEMPORARY: &str = "/tmp";

/// Where bubblewrap puts this binary; taken away once it runs.
const BINARY: &str = "/.hindcast-guest";
const STAGE: &str = "/.writable";
const SAFE: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

/// Files of `/proc` that tell of the host, or of keys.
const MASKED: &[&str] = &[
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kallsyms",
    "/proc/kmsg",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/config.gz",
    "/proc/cmdline",
    "/proc/modules",
    "/proc/interrupts",
    "/proc/diskstats",
    "/proc/partitions",
];

pub fn build(limits: &Limits, files: &[(String, String)]) -> io::Result<()> {
    sys::set_umask(0o022);
    write(SAVE_PATH, SAVE_SCRIPT)?;
    for (path, content) in files {
        write(path, content)?;
    }
    mount_writable(limits)?;
    fs::create_dir_all(EXCHANGE)?;
    let size = format!("size={EXCHANGE_BYTES},nr_inodes=64,mode=0700");
    sys::mount("session", EXCHANGE, "tmpfs", SAFE | libc::MS_NOEXEC, &size)?;
    for path in MASKED {
        if Path::new(path).exists() {
            sys::mount("/dev/null", path, "", libc::MS_BIND, "")?;
        }
    }
    if Path::new(BINARY).exists() {
        sys::detach(BINARY)?;
        fs::remove_file(BINARY)?;
    }
    for path in ["/dev", "/"] {
        sys::mount(
            "",
            path,
            "",
            libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | SAFE,
            "",
        )?;
    }
    Ok(())
}

/// Gives up every privilege, for itself and for all that it starts.
pub fn confine() -> io::Result<()> {
    sys::drop_capabilities()?;
    sys::hide_from_peers()?;
    sys::die_with_parent()?;
    sys::install_seccomp(&seccomp::program())
}

/// One file system, so that its size bounds everything writable together.
fn mount_writable(limits: &Limits) -> io::Result<()> {
    fs::create_dir(STAGE)?;
    let size = format!(
        "size={},nr_inodes={},mode=0755",
        limits.disk_bytes_max, limits.files_max
    );
    sys::mount("sandbox", STAGE, "tmpfs", SAFE, &size)?;
    for (target, name, mode) in [
        (WORKSPACE, "workspace", 0o755),
        (HOME, "home", 0o755),
        (TEMPORARY, "tmp", 0o1777),
    ] {
        let source = format!("{STAGE}/{name}");
        fs::create_dir(&source)?;
        fs::set_permissions(&source, fs::Permissions::from_mode(mode))?;
        fs::create_dir_all(target)?;
        sys::mount(&source, target, "", libc::MS_BIND, "")?;
        sys::mount("", target, "", libc::MS_REMOUNT | libc::MS_BIND | SAFE, "")?;
    }
    sys::detach(STAGE)?;
    fs::remove_dir(STAGE)
}

fn write(path: &str, content: &str) -> io::Result<()> {
    if let Some(parent) = Path::new(path).parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}
