//! What only the first process of a virtual machine or a container calls.
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::{Interest, check};

/// The user and group that this process runs as.
pub fn ids() -> (u32, u32) {
    // SAFETY: these calls cannot fail and take no pointer.
    unsafe { (libc::getuid(), libc::getgid()) }
}

pub fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: integers only; this process has one thread.
    check(unsafe { libc::unshare(flags) })?;
    Ok(())
}

/// The child's id in the parent, None in the child. Only while this process has one thread.
pub fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: with one thread, the child may go on like the parent.
    let pid = check(unsafe { libc::fork() })?;
    Ok((pid != 0).then_some(pid))
}

/// Until `child` has ended, reaping whatever else ends.
pub fn wait_for(child: libc::pid_t) {
    // SAFETY: waits for any child without asking for its status.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } != child {
        if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) {
            return;
        }
    }
}

/// By a reset, which any machine knows and ours does not survive. Returns only if it fails.
pub fn power_off() -> io::Error {
    // SAFETY: an integer only.
    unsafe { libc::reboot(libc::RB_AUTOBOOT) };
    io::Error::last_os_error()
}

pub fn load_module(file: &File) -> io::Result<()> {
    // SAFETY: a descriptor and an empty string that outlives the call.
    let result =
        unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    let error = io::Error::last_os_error();
    if result < 0 && error.raw_os_error() != Some(libc::EEXIST) {
        return Err(error);
    }
    Ok(())
}

pub fn set_host_name(name: &str) -> io::Result<()> {
    // SAFETY: the pointer and length of one string.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) })?;
    Ok(())
}

pub fn raise_loopback() -> io::Result<()> {
    // SAFETY: ifreq is plain data for which zero is valid; both calls read or write it while it lives; the socket is
    // closed on every way out.
    unsafe {
        let socket = check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?;
        let mut request = std::mem::zeroed::<libc::ifreq>();
        for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
            *slot = libc::c_char::from_ne_bytes([*byte]);
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
        let result = check(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request));
        libc::close(socket);
        result?;
    }
    Ok(())
}

/// Whether the other end of a port is there.
pub fn is_connected(source: Interest) -> bool {
    let mut polled = source.polled();
    // SAFETY: an array of one entry.
    let count = unsafe { libc::poll(&raw mut polled, 1, 0) };
    count >= 0 && polled.revents & libc::POLLHUP == 0
}

const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_SETPCAP: u32 = 8;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_TIME: u32 = 25;
/// For building the world; setting the clock is a machine's.
pub const TO_BUILD: &[u32] = &[CAP_DAC_OVERRIDE, CAP_SETPCAP, CAP_SYS_ADMIN];
pub const TO_BUILD_A_MACHINE: &[u32] =
    &[CAP_DAC_OVERRIDE, CAP_SETPCAP, CAP_SYS_ADMIN, CAP_SYS_TIME];

/// From root to an ordinary user that still may build its world; `drop_capabilities` ends that.
pub fn become_user(id: u32, kept: &[u32]) -> io::Result<()> {
    // SAFETY: integers only, and an empty list of groups.
    unsafe {
        check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0))?;
        check(libc::setgroups(0, std::ptr::null()))?;
        check(libc::setresgid(id, id, id))?;
        check(libc::setresuid(id, id, id))?;
    }
    let kept = kept.iter().fold(0, |set, capability| set | 1 << capability);
    super::set_capabilities(kept)
}

/// The same with root as real and saved user: gVisor lets any process of a user end another, the first one too. What is
/// started from here gives that up (`spawn`).
pub fn act_as_user(id: u32, kept: &[u32]) -> io::Result<()> {
    // SAFETY: integers only, and an empty list of groups.
    unsafe {
        check(libc::setgroups(0, std::ptr::null()))?;
        check(libc::setresgid(id, id, id))?;
        check(libc::setresuid(0, id, 0))?;
    }
    let kept = kept.iter().fold(0, |set, capability| set | 1 << capability);
    super::set_capabilities(kept)
}

pub fn set_clock(now_ms: u64) -> io::Result<()> {
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(now_ms / 1000).unwrap_or(0),
        tv_nsec: libc::c_long::try_from(now_ms % 1000 * 1_000_000).unwrap_or(0),
    };
    // SAFETY: one structure that outlives the call.
    check(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) })?;
    Ok(())
}

const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;
const ENTROPY_BYTES: usize = 32;

#[repr(C)]
struct PoolInfo {
    entropy_bits: libc::c_int,
    bytes: libc::c_int,
    content: [u8; ENTROPY_BYTES],
}

/// At most the first 32 bytes count.
pub fn add_entropy(random: &File, bytes: &[u8]) -> io::Result<()> {
    let mut info = PoolInfo {
        entropy_bits: 8 * 32,
        bytes: 32,
        content: [0; ENTROPY_BYTES],
    };
    for (slot, byte) in info.content.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    // SAFETY: a structure of the layout that the call prescribes, which outlives it.
    unsafe {
        check(libc::ioctl(
            random.as_raw_fd(),
            RNDADDENTROPY,
            &raw const info,
        ))?;
        check(libc::ioctl(random.as_raw_fd(), RNDRESEEDCRNG, 0))?;
    }
    Ok(())
}
