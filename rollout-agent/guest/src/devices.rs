//! The few devices that commands get, where something else than bubblewrap has filled `/dev`.

use std::fs::File;
use std::io;
use std::os::unix::fs::symlink;

use crate::session::WORKSPACE;
use crate::sys;

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("shm", "/tmp"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Covers `/dev`. It is put together on the workspace, which surely exists and is covered itself before long.
pub fn replace() -> io::Result<()> {
    let options = "size=64k,nr_inodes=32,mode=0755";
    sys::mount("devices", WORKSPACE, "tmpfs", libc::MS_NOSUID, options)?;
    for name in DEVICES {
        let target = format!("{WORKSPACE}/{name}");
        File::create(&target)?;
        sys::mount(&format!("/dev/{name}"), &target, "", libc::MS_BIND, "")?;
    }
    for (name, target) in LINKS {
        symlink(target, format!("{WORKSPACE}/{name}"))?;
    }
    sys::mount(WORKSPACE, "/dev", "", libc::MS_BIND | libc::MS_REC, "")?;
    sys::detach(WORKSPACE)
}
