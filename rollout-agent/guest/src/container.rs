//! Inside a container: the runtime has made the namespaces and taken every capability. A user namespace of its own gives
//! this process the right to arrange its mounts, and nothing outside; it is the second wall, as bubblewrap's would be.

use std::fs;
use std::io;

use crate::{devices, sys};

/// Who commands are, whatever user of the host the container runs as.
pub const AGENT: u32 = 1000;

pub fn enter() -> io::Result<()> {
    enter_apart(0)
}

/// The same in a pod, which has an address in its cluster: commands get a network of their own instead, with nothing but
/// the loopback device.
pub fn enter_pod() -> io::Result<()> {
    enter_apart(libc::CLONE_NEWNET)?;
    sys::raise_loopback()
}

fn enter_apart(more: libc::c_int) -> io::Result<()> {
    let (user, group) = sys::ids();
    sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS | more)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{AGENT} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{AGENT} {group} 1"))?;
    devices::replace()
}

/// The same with gVisor, whose kernel lets no user namespace arrange mounts: we are root there, of a kernel that is this
/// sandbox's own, until `confine`. The host's root would be another matter, so the kernel has to say that it is gVisor's.
pub fn enter_user_space_kernel() -> io::Result<()> {
    if !sys::is_user_space_kernel() {
        return Err(io::Error::other("the kernel here is not gVisor's"));
    }
    devices::prune()
}
