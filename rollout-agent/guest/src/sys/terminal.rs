//! Pseudo-terminals, and a file system of them that belongs to nobody but this sandbox.
use std::ffi::{CStr, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use super::{Links, c_str, check, ids, open_beneath, set_blocking, unshare};

const FLAG_SET_STRING: libc::c_uint = 1;
const COMMAND_CREATE: libc::c_uint = 6;
const MOVE_THE_DESCRIPTOR_ITSELF: libc::c_uint = 4;
const NO_SETUID: libc::c_uint = 2;
const NO_EXEC: libc::c_uint = 8;
/// Exit codes of the child: a descriptor below, an error's number above.
const ERRORS_FROM: i32 = 128;

/// A new terminal of the file system at `folder`: its master, which does not block, its other end, and that one's name.
pub fn open_terminal(folder: &str, columns: u16, rows: u16) -> io::Result<(File, File, String)> {
    let root = File::open(folder)?;
    let open = |name: &str| {
        open_beneath(&root, OsStr::new(name), libc::O_RDWR, 0, Links::Refuse).map(File::from)
    };
    let master = open("ptmx")?;
    let (unlocked, mut number): (libc::c_int, libc::c_uint) = (0, 0);
    // SAFETY: each call reads or writes one integer that outlives it.
    unsafe {
        check(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCSPTLCK,
            &raw const unlocked,
        ))?;
        check(libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCGPTN,
            &raw mut number,
        ))?;
    }
    resize_terminal(&master, columns, rows)?;
    let name = number.to_string();
    let other = open(&name)?;
    set_blocking(&other)?;
    Ok((master, other, name))
}

/// Whoever works in the terminal is told by SIGWINCH.
pub fn resize_terminal(master: &impl AsRawFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: one structure that outlives the call.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })?;
    Ok(())
}

/// To all processes in the foreground of the terminal. Nobody there is no error; false where the kernel does not tell who
/// is (gVisor).
pub fn signal_foreground(master: &impl AsRawFd, signal: libc::c_int) -> bool {
    // SAFETY: integers only; a group of 0 or 1 would be everybody's.
    unsafe {
        let group = libc::tcgetpgrp(master.as_raw_fd());
        if group > 1 {
            libc::kill(-group, signal);
        }
        group >= 0
    }
}

/// To every process of a session, named by its first one.
pub fn signal_session(session: libc::pid_t, signal: libc::c_int) {
    let Ok(entries) = fs::read_dir("/proc") else {
        return;
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for pid in pids.filter(|&pid: &libc::pid_t| pid > 1) {
        // SAFETY: integers only; the process was there a moment ago, and all that may be there now is the sandbox's.
        unsafe {
            if libc::getsid(pid) == session {
                libc::kill(pid, signal);
            }
        }
    }
}

/// Shows what `detached_terminals` has made.
pub fn attach(mount: &OwnedFd, target: &str) -> io::Result<()> {
    let target = c_str(target)?;
    // SAFETY: descriptors and NUL-terminated strings that outlive the call.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            MOVE_THE_DESCRIPTOR_ITSELF,
        )
    };
    check(i32::try_from(moved).unwrap_or(-1))?;
    Ok(())
}

/// A file system of terminals that is mounted nowhere yet. The kernel makes one only where user 0 exists, which is
/// nobody in a sandbox: a child makes a user namespace in which we are that, and leaves what it opened in our table.
pub fn detached_terminals(options: &[(&CStr, &CStr)]) -> io::Result<OwnedFd> {
    let (user, group) = ids();
    let flags = libc::CLONE_FILES | libc::SIGCHLD;
    // SAFETY: like fork, but for the table of descriptors; this process has one thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    let pid = check(i32::try_from(pid).unwrap_or(-1))?;
    if pid == 0 {
        let code = match terminals_as_root(user, group, options) {
            Ok(mount) => mount.into_raw_fd(),
            Err(error) => ERRORS_FROM + error.raw_os_error().unwrap_or(libc::EINVAL).min(126),
        };
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waitpid writes one integer.
    check(unsafe { libc::waitpid(pid, &raw mut status, 0) })?;
    let code = libc::WEXITSTATUS(status);
    if code >= ERRORS_FROM || !libc::WIFEXITED(status) {
        return Err(io::Error::from_raw_os_error(code - ERRORS_FROM));
    }
    // SAFETY: the child has opened it in the table that we share, and is gone.
    Ok(unsafe { OwnedFd::from_raw_fd(code) })
}

fn terminals_as_root(user: u32, group: u32, options: &[(&CStr, &CStr)]) -> io::Result<OwnedFd> {
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)?;
    // Whoever has changed its user cannot write the maps of its own namespace before this; nobody else is there yet.
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    let system = descriptor(&[libc::SYS_fsopen, c"devpts".as_ptr() as libc::c_long, 1])?;
    let fd = libc::c_long::from(system.as_raw_fd());
    for (name, value) in options {
        configure(fd, FLAG_SET_STRING, Some(name), Some(value))?;
    }
    configure(fd, COMMAND_CREATE, None, None)?;
    let attributes = libc::c_long::from(NO_SETUID | NO_EXEC);
    descriptor(&[libc::SYS_fsmount, fd, 1, attributes])
}

fn configure(
    fd: libc::c_long,
    what: libc::c_uint,
    name: Option<&CStr>,
    value: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: strings that are NUL-terminated and outlive the call, or none.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            fd,
            what,
            pointer(name),
            pointer(value),
            0,
        )
    };
    check(i32::try_from(result).unwrap_or(-1))?;
    Ok(())
}

/// A call of up to three arguments that opens a descriptor.
fn descriptor(call: &[libc::c_long]) -> io::Result<OwnedFd> {
    let argument = |index: usize| call.get(index).copied().unwrap_or(0);
    // SAFETY: the callers pass integers, and a string that lives as long as the program.
    let fd = unsafe { libc::syscall(argument(0), argument(1), argument(2), argument(3)) };
    let fd = check(RawFd::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the descriptor is fresh and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
