//! Builds the world that bubblewrap cannot: one size-limited file system under three directories, a read-only root,
//! and a process without privileges.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::container::AGENT;
use crate::protocol::Limits;
use crate::session::{EXCHANGE, EXCHANGE_BYTES, SAVE_PATH, SAVE_SCRIPT, WORKSPACE};
use crate::{seccomp, sys, terminal};

/// What has made the namespaces around this process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum World {
    Namespaces,
    Container,
    /// A container whose kernel is a program (gVisor): it has no namespaces to speak of, and is itself the wall.
    UserSpaceKernel,
    Machine,
}

pub const HOME: &str = "/home/agent";
pub const TEMPORARY: &str = "/tmp";

/// Where bubblewrap puts this binary; taken away once it runs.
const BINARY: &str = "/.hindcast-guest";
pub const SAFE: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

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

pub fn build(world: World, limits: &Limits, files: &[(String, String)]) -> io::Result<()> {
    sys::set_umask(0o022);
    write(world, SAVE_PATH, SAVE_SCRIPT)?;
    for (path, content) in files {
        write(world, path, content)
            .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    }
    mount_writable(world, limits)?;
    fs::create_dir_all(EXCHANGE)?;
    let size = format!("size={EXCHANGE_BYTES},mode=0700");
    sys::mount_memory("session", EXCHANGE, SAFE | libc::MS_NOEXEC, &size, 64)?;
    give_to_commands(world, EXCHANGE)?;
    for path in MASKED {
        if Path::new(path).exists() {
            sys::mount("/dev/null", path, "", libc::MS_BIND, "")?;
        }
    }
    if Path::new("/sys/kernel").exists() {
        sys::mount(
            "none",
            "/sys",
            "tmpfs",
            SAFE | libc::MS_RDONLY,
            "size=4k,mode=0555",
        )?;
    }
    hide_binary(world)?;
    terminal::provide(world)?;
    // gVisor changes no mount that is there; its root is read-only from the start, and what is ours there is root's.
    if world == World::UserSpaceKernel {
        return Ok(());
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

/// Gives an image at `root` what a read-only root must have already. Run while the image is built, on the host.
pub fn seal(root: &str) -> io::Result<()> {
    for path in [
        WORKSPACE, HOME, TEMPORARY, EXCHANGE, "/proc", "/sys", "/dev",
    ] {
        fs::create_dir_all(format!("{root}{path}"))?;
    }
    write_anew(&format!("{root}{SAVE_PATH}"), SAVE_SCRIPT)
}

/// Gives up every privilege, for itself and for all that it starts.
pub fn confine(world: World) -> io::Result<()> {
    if world == World::UserSpaceKernel {
        sys::act_as_user(AGENT, sys::TO_BUILD)?;
    }
    sys::drop_capabilities()?;
    sys::hide_from_peers()?;
    // A container's parent is a runtime with many threads, of which any may end.
    if world == World::Namespaces {
        sys::die_with_parent()?;
    }
    sys::install_seccomp(&seccomp::program())
}

/// A container's runtime keeps its mount for itself: there it is covered, and elsewhere taken away.
fn hide_binary(world: World) -> io::Result<()> {
    if !Path::new(BINARY).exists() {
        return Ok(());
    }
    if world == World::Namespaces && sys::detach(BINARY).is_ok() {
        return fs::remove_file(BINARY);
    }
    sys::mount("/dev/null", BINARY, "", libc::MS_BIND, "")
}

/// One file system, so that its size bounds everything writable together. The workspace holds it until its own part
/// covers it, because it is there also where the root takes no new names.
fn mount_writable(world: World, limits: &Limits) -> io::Result<()> {
    fs::create_dir_all(WORKSPACE)?;
    let size = format!("size={},mode=0755", limits.disk_bytes_max);
    sys::mount_memory("sandbox", WORKSPACE, SAFE, &size, limits.files_max)?;
    for (target, name, mode) in [
        (HOME, "home", 0o755),
        (TEMPORARY, "tmp", 0o1777),
        (WORKSPACE, "workspace", 0o755),
    ] {
        let source = format!("{WORKSPACE}/{name}");
        fs::create_dir(&source)?;
        fs::set_permissions(&source, fs::Permissions::from_mode(mode))?;
        give_to_commands(world, &source)?;
        fs::create_dir_all(target)?;
        sys::mount(&source, target, "", libc::MS_BIND, "")?;
        if world != World::UserSpaceKernel {
            sys::mount("", target, "", libc::MS_REMOUNT | libc::MS_BIND | SAFE, "")?;
        }
    }
    Ok(())
}

/// Elsewhere we are their user already.
fn give_to_commands(world: World, path: &str) -> io::Result<()> {
    if world != World::UserSpaceKernel {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(AGENT), Some(AGENT))
}

/// An image that was made for us has them already.
fn write(world: World, path: &str, content: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == content.as_bytes()) {
        return Ok(());
    }
    match write_anew(path, content) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            cover(world, path, content)
        }
        result => result,
    }
}

/// A container's runtime puts some files of its own, or of its user's, into a root that takes none of ours.
fn cover(world: World, path: &str, content: &str) -> io::Result<()> {
    let made = format!("{WORKSPACE}/file");
    fs::create_dir_all(WORKSPACE)?;
    sys::mount_memory("file", WORKSPACE, SAFE, "size=64k", 4)?;
    fs::write(&made, content)?;
    sys::mount(&made, path, "", libc::MS_BIND, "")?;
    let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | SAFE;
    // gVisor changes no mount; there the file is root's.
    if world != World::UserSpaceKernel {
        sys::mount("", path, "", read_only, "")?;
    }
    sys::detach(WORKSPACE)
}

fn write_anew(path: &str, content: &str) -> io::Result<()> {
    if let Some(parent) = Path::new(path).parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)
}
