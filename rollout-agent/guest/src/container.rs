//! Inside a container: the runtime has made the namespaces and taken every capability. A user namespace of its own gives
//! this process the right to arrange its mounts, and nothing outside; it is the second wall, as bubblewrap's would be.

use std::fs;
use std::io;

use crate::{devices, sys};

pub fn enter() -> io::Result<()> {
    let (user, group) = sys::ids();
    sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    devices::replace()
}
