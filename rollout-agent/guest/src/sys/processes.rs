//! Starting, ending and waiting for commands, and reading what they print.
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use super::check;

#[derive(Clone, Copy)]
pub struct ProcessLimits {
    pub memory_bytes: u64,
    pub file_bytes: u64,
    pub processes: u64,
}

/// Whether the standard input is a terminal that shall be the session's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Terminal,
    Other,
}

const OPEN_FILES_MAX: u64 = 4096;

/// Starts `command` in a session of its own, under `limits`; returns its process id. It is reaped by `reap`.
pub fn spawn(mut command: Command, limits: ProcessLimits, input: Input) -> io::Result<libc::pid_t> {
    let resources = [
        (libc::RLIMIT_DATA, limits.memory_bytes),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        (libc::RLIMIT_NPROC, limits.processes),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, OPEN_FILES_MAX),
        (libc::RLIMIT_MSGQUEUE, 0),
    ];
    let prepare = move || {
        // SAFETY: setsid, setresuid, ioctl and setrlimit are async-signal-safe and read one structure on this stack.
        unsafe {
            check(libc::setsid())?;
            let user = libc::geteuid();
            check(libc::setresuid(user, user, user))?;
            if input == Input::Terminal {
                check(libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0))?;
            }
            for (resource, value) in resources {
                let limit = libc::rlimit {
                    rlim_cur: value,
                    rlim_max: value,
                };
                if libc::setrlimit(resource, &raw const limit) < 0 {
                    let error = io::Error::last_os_error();
                    // Held to less already; or gVisor, which has not all of them: there the watch alone counts.
                    if error.raw_os_error() != Some(libc::EPERM) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    };
    // SAFETY: the closure neither allocates nor takes a lock.
    let child = unsafe { command.pre_exec(prepare) }.spawn()?;
    libc::pid_t::try_from(child.id()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// What this thread has used.
pub fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: one structure that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// SIGKILL to every process of the namespace but this one; the kernel does it atomically, so a fork bomb cannot
/// outrun it.
pub fn kill_all() {
    // SAFETY: kill takes integers; ESRCH (nobody left) is fine.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    Signalled(i32),
}

pub enum Reaped {
    Process(libc::pid_t, Ended),
    NothingYet,
    NobodyLeft,
}

/// One ended child (as PID 1, every orphan is ours). `block` waits for one.
pub fn reap(block: bool) -> Reaped {
    let mut status = 0;
    let flags = if block { 0 } else { libc::WNOHANG };
    // SAFETY: waitpid writes one integer.
    match unsafe { libc::waitpid(-1, &raw mut status, flags) } {
        0 => Reaped::NothingYet,
        pid if pid > 0 => {
            let ended = if libc::WIFSIGNALED(status) {
                Ended::Signalled(libc::WTERMSIG(status))
            } else {
                Ended::Exited(libc::WEXITSTATUS(status))
            };
            Reaped::Process(pid, ended)
        }
        _ => Reaped::NobodyLeft,
    }
}

/// A descriptor that becomes readable when a child ended.
pub fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before use; the descriptor is fresh and owned by nobody else.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(libc::sigprocmask(
            libc::SIG_BLOCK,
            &raw const set,
            std::ptr::null_mut(),
        ))?;
        let fd = check(libc::signalfd(
            -1,
            &raw const set,
            libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

pub fn set_nonblocking(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: fcntl with integers on a descriptor that the caller holds.
    unsafe {
        let flags = check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        check(libc::fcntl(
            fd.as_raw_fd(),
            libc::F_SETFL,
            flags | libc::O_NONBLOCK,
        ))?;
    }
    Ok(())
}

pub fn set_blocking(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: fcntl with integers on a descriptor that the caller holds.
    unsafe {
        let flags = check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        let blocking = flags & !libc::O_NONBLOCK;
        check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, blocking))?;
    }
    Ok(())
}

/// What is waited for at a descriptor; with neither, not even its closing.
#[derive(Clone, Copy)]
pub struct Interest {
    pub fd: RawFd,
    pub read: bool,
    pub write: bool,
}

impl Interest {
    pub fn read(fd: RawFd) -> Self {
        Self {
            fd,
            read: true,
            write: false,
        }
    }

    pub(super) fn polled(self) -> libc::pollfd {
        let events =
            if self.read { libc::POLLIN } else { 0 } | if self.write { libc::POLLOUT } else { 0 };
        libc::pollfd {
            // The call skips negative descriptors.
            fd: if events == 0 { -1 } else { self.fd },
            events,
            revents: 0,
        }
    }
}

/// Waits until one of `fds` is readable or closed, at most `timeout_ms` (None: for ever). Returns which are.
pub fn wait_readable(fds: &[RawFd], timeout_ms: Option<u64>) -> io::Result<Vec<bool>> {
    let sources: Vec<Interest> = fds.iter().map(|&fd| Interest::read(fd)).collect();
    wait_ready(&sources, timeout_ms)
}

/// Waits until one of `sources` can do what is wanted or is closed, at most `timeout_ms`. Returns which.
pub fn wait_ready(sources: &[Interest], timeout_ms: Option<u64>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> = sources.iter().map(|each| each.polled()).collect();
    let timeout = timeout_ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
    let count = libc::nfds_t::try_from(polled.len()).unwrap_or(libc::nfds_t::MAX);
    // SAFETY: the array has `count` entries.
    let result = unsafe { libc::poll(polled.as_mut_ptr(), count, timeout) };
    if result < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
        return Err(io::Error::last_os_error());
    }
    Ok(polled.iter().map(|entry| entry.revents != 0).collect())
}

pub enum ReadOnce {
    Bytes(usize),
    Nothing,
    Ended,
}

/// One read from a non-blocking source.
pub fn read_once(source: &mut impl Read, buffer: &mut [u8]) -> ReadOnce {
    match source.read(buffer) {
        Ok(0) => ReadOnce::Ended,
        Ok(count) => ReadOnce::Bytes(count),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            ReadOnce::Nothing
        }
        Err(_) => ReadOnce::Ended,
    }
}
