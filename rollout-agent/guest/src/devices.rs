//! The few devices that commands get, where something else than bubblewrap has filled `/dev`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;

use crate::session::WORKSPACE;
use crate::sys;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 6] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("shm", "/tmp"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Covers `/dev`. It is put together on the workspace, which surely exists and is covered itself before long.
pub fn replace() -> io::Result<()> {
    let options = "size=64k,mode=0755";
    sys::mount_memory("devices", WORKSPACE, libc::MS_NOSUID, options, 32)?;
    for name in DEVICES {
        let target = format!("{WORKSPACE}/{name}");
        File::create(&target)?;
        sys::mount(&format!("/dev/{name}"), &target, "", libc::MS_BIND, "")?;
    }
    for (name, target) in LINKS {
        symlink(target, format!("{WORKSPACE}/{name}"))?;
    }
    fs::create_dir(format!("{WORKSPACE}/pts"))?;
    sys::mount(WORKSPACE, "/dev", "", libc::MS_BIND | libc::MS_REC, "")?;
    sys::detach(WORKSPACE)
}

/// Where `/dev` is this sandbox's own, and root's, and mounts cannot be carried about: takes away all that is not ours.
/// Its terminals stay, but for the one that is whatever a process has: there it is none (`terminal.rs`).
pub fn prune() -> io::Result<()> {
    for entry in fs::read_dir("/dev")? {
        let entry = entry?;
        let name = entry.file_name();
        let is_kept = |device: &&str| name == **device && *device != "tty";
        if name == "pts" || DEVICES.iter().any(is_kept) {
            continue;
        }
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            fs::remove_file(&path)?;
            continue;
        }
        // A file system of its own, mostly; what lies in it is nobody's yet.
        while sys::detach(&path.to_string_lossy()).is_ok() {}
        fs::remove_dir_all(&path)?;
    }
    for (name, target) in LINKS {
        symlink(target, format!("/dev/{name}"))?;
    }
    Ok(())
}
