//! Every call that the standard library does not have, wrapped so that the rest of the crate is safe code.
#![expect(
    unsafe_code,
    reason = "thin wrappers around system calls; nothing else in the crate may use unsafe"
)]

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

fn c_string(value: &OsStr) -> io::Result<CString> {
    CString::new(value.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn c_str(value: &str) -> io::Result<CString> {
    c_string(OsStr::new(value))
}

pub fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: libc::c_ulong,
    data: &str,
) -> io::Result<()> {
    let (source, target, kind, data) = (c_str(source)?, c_str(target)?, c_str(kind)?, c_str(data)?);
    // SAFETY: four NUL-terminated strings that outlive the call.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    })?;
    Ok(())
}

pub fn detach(target: &str) -> io::Result<()> {
    let target = c_str(target)?;
    // SAFETY: one NUL-terminated string that outlives the call.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) })?;
    Ok(())
}

pub fn set_umask(mask: libc::mode_t) {
    // SAFETY: umask cannot fail and takes no pointer.
    unsafe { libc::umask(mask) };
}

const CAP_VERSION_3: u32 = 0x2008_0522;
const CAP_DAC_OVERRIDE: u32 = 1;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Keeps `CAP_DAC_OVERRIDE` in this process alone, so that files of mode 000 can be hashed and archived. The ambient,
/// inheritable and bounding sets become empty: no program started from here can hold any capability.
pub fn drop_capabilities() -> io::Result<()> {
    // SAFETY: prctl with integer arguments; capset reads two structures of the layout that version 3 prescribes.
    unsafe {
        check(libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        ))?;
        for capability in 0..64 {
            // EINVAL after the last capability that this kernel knows.
            if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                let error = io::Error::last_os_error();
                if error.raw_os_error() == Some(libc::EINVAL) {
                    break;
                }
                return Err(error);
            }
        }
        let header = CapHeader {
            version: CAP_VERSION_3,
            pid: 0,
        };
        let keep = 1 << CAP_DAC_OVERRIDE;
        let data = [
            CapData {
                effective: keep,
                permitted: keep,
                inheritable: 0,
            },
            CapData::default(),
        ];
        if libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) < 0 {
            return Err(io::Error::last_os_error());
        }
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
    }
    Ok(())
}

/// Not dumpable: `/proc/1` of this process is closed to the commands, which run under the same user id.
pub fn hide_from_peers() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    Ok(())
}

/// Dies with the process that started it, whatever that process dies of.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
    Ok(())
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct BpfInstruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub value: u32,
}

pub fn install_seccomp(program: &[BpfInstruction]) -> io::Result<()> {
    let length =
        u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: BpfInstruction has the layout of sock_filter, and the kernel copies the program during the call.
    check(unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    })?;
    Ok(())
}

#[derive(Clone, Copy)]
pub struct ProcessLimits {
    pub memory_bytes: u64,
    pub file_bytes: u64,
    pub processes: u64,
}

const OPEN_FILES_MAX: u64 = 4096;

/// Starts `command` in a session of its own, under `limits`; returns its process id. It is reaped by `reap`.
pub fn spawn(mut command: Command, limits: ProcessLimits) -> io::Result<libc::pid_t> {
    let resources = [
        (libc::RLIMIT_DATA, limits.memory_bytes),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        (libc::RLIMIT_NPROC, limits.processes),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_NOFILE, OPEN_FILES_MAX),
        (libc::RLIMIT_MSGQUEUE, 0),
    ];
    let prepare = move || {
        // SAFETY: setsid and setrlimit are async-signal-safe and read one structure on this stack.
        unsafe {
            check(libc::setsid())?;
            for (resource, value) in resources {
                let limit = libc::rlimit {
                    rlim_cur: value,
                    rlim_max: value,
                };
                check(libc::setrlimit(resource, &raw const limit))?;
            }
        }
        Ok(())
    };
    // SAFETY: the closure neither allocates nor takes a lock.
    let child = unsafe { command.pre_exec(prepare) }.spawn()?;
    libc::pid_t::try_from(child.id()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
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

/// Waits until one of `fds` is readable or closed, at most `timeout_ms` (None: for ever). Returns which are.
pub fn wait_readable(fds: &[RawFd], timeout_ms: Option<u64>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> = fds
        .iter()
        .map(|&fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
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

#[derive(Clone, Copy)]
pub enum Links {
    /// Any link on the way is refused.
    Refuse,
    /// Links are followed as long as they stay below the directory.
    FollowBeneath,
}

/// `openat2`: `path` below `directory` and never outside it, whatever links the commands have planted.
pub fn open_beneath(
    directory: &impl AsRawFd,
    path: &OsStr,
    flags: libc::c_int,
    mode: u32,
    links: Links,
) -> io::Result<OwnedFd> {
    let path = c_string(path)?;
    // SAFETY: open_how is plain data for which zero is valid; the string and structure outlive the call; the
    // descriptor is fresh.
    unsafe {
        let mut how = std::mem::zeroed::<libc::open_how>();
        how.flags =
            u64::try_from(flags | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY).unwrap_or(0);
        how.mode = u64::from(mode);
        how.resolve = libc::RESOLVE_BENEATH
            | libc::RESOLVE_NO_MAGICLINKS
            | match links {
                Links::Refuse => libc::RESOLVE_NO_SYMLINKS,
                Links::FollowBeneath => 0,
            };
        let fd = libc::syscall(
            libc::SYS_openat2,
            directory.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        );
        let fd = check(RawFd::try_from(fd).unwrap_or(-1))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    File,
    Directory,
    Link,
    Fifo,
    Other,
}

#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    pub kind: Kind,
    pub mode: u32,
    pub size: u64,
    pub inode: u64,
    pub links: u64,
    pub modified: (i64, i64),
    pub changed: (i64, i64),
}

#[expect(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the widths of stat's fields differ between architectures"
)]
fn metadata(stat: &libc::stat) -> Metadata {
    let kind = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Link,
        libc::S_IFIFO => Kind::Fifo,
        _ => Kind::Other,
    };
    Metadata {
        kind,
        mode: stat.st_mode & 0o7777,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        inode: stat.st_ino.into(),
        links: stat.st_nlink as u64,
        modified: (stat.st_mtime, stat.st_mtime_nsec.into()),
        changed: (stat.st_ctime, stat.st_ctime_nsec.into()),
    }
}

pub fn stat_at(directory: &impl AsRawFd, name: &OsStr) -> io::Result<Metadata> {
    let name = c_string(name)?;
    // SAFETY: stat is plain data, filled by the call; the string outlives it.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        check(libc::fstatat(
            directory.as_raw_fd(),
            name.as_ptr(),
            &raw mut stat,
            libc::AT_SYMLINK_NOFOLLOW,
        ))?;
        Ok(metadata(&stat))
    }
}

pub fn stat_fd(fd: &impl AsRawFd) -> io::Result<Metadata> {
    // SAFETY: stat is plain data, filled by the call.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        check(libc::fstat(fd.as_raw_fd(), &raw mut stat))?;
        Ok(metadata(&stat))
    }
}

/// The names in a directory, without `.` and `..`, in no order.
pub fn names(directory: OwnedFd) -> io::Result<Vec<OsString>> {
    use std::os::fd::IntoRawFd;
    let mut names = Vec::new();
    // SAFETY: fdopendir takes ownership of the descriptor; each entry is read before the next call; closedir ends it.
    unsafe {
        let fd = directory.into_raw_fd();
        let stream = libc::fdopendir(fd);
        if stream.is_null() {
            let error = io::Error::last_os_error();
            libc::close(fd);
            return Err(error);
        }
        loop {
            let entry = libc::readdir(stream);
            if entry.is_null() {
                break;
            }
            let name = CStr::from_ptr((*entry).d_name.as_ptr()).to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        libc::closedir(stream);
    }
    Ok(names)
}

pub fn link_target(directory: &impl AsRawFd, name: &OsStr) -> io::Result<Vec<u8>> {
    let name = c_string(name)?;
    let mut buffer = vec![0_u8; 4096];
    // SAFETY: readlinkat writes at most the length given.
    let length = unsafe {
        libc::readlinkat(
            directory.as_raw_fd(),
            name.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    buffer.truncate(usize::try_from(length).map_err(|_| io::Error::last_os_error())?);
    Ok(buffer)
}

pub fn make_directory(directory: &impl AsRawFd, name: &OsStr, mode: u32) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: one string that outlives the call.
    check(unsafe { libc::mkdirat(directory.as_raw_fd(), name.as_ptr(), mode) })?;
    Ok(())
}

pub fn make_fifo(directory: &impl AsRawFd, name: &OsStr) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: one string that outlives the call.
    check(unsafe { libc::mkfifoat(directory.as_raw_fd(), name.as_ptr(), 0o600) })?;
    Ok(())
}

pub fn make_link(directory: &impl AsRawFd, name: &OsStr, target: &[u8]) -> io::Result<()> {
    let name = c_string(name)?;
    let target = c_string(OsStr::from_bytes(target))?;
    // SAFETY: two strings that outlive the call.
    check(unsafe { libc::symlinkat(target.as_ptr(), directory.as_raw_fd(), name.as_ptr()) })?;
    Ok(())
}

/// A second name for the open file `existing`'s directory entry.
pub fn make_hard_link(
    from: (&impl AsRawFd, &OsStr),
    to: (&impl AsRawFd, &OsStr),
) -> io::Result<()> {
    let (from_name, to_name) = (c_string(from.1)?, c_string(to.1)?);
    // SAFETY: two strings that outlive the call.
    check(unsafe {
        libc::linkat(
            from.0.as_raw_fd(),
            from_name.as_ptr(),
            to.0.as_raw_fd(),
            to_name.as_ptr(),
            0,
        )
    })?;
    Ok(())
}

pub fn remove(directory: &impl AsRawFd, name: &OsStr, is_directory: bool) -> io::Result<()> {
    let name = c_string(name)?;
    let flags = if is_directory { libc::AT_REMOVEDIR } else { 0 };
    // SAFETY: one string that outlives the call.
    check(unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), flags) })?;
    Ok(())
}

/// Opens a directory next to `directory`, without following a link.
pub fn open_directory_at(directory: &impl AsRawFd, name: &OsStr) -> io::Result<OwnedFd> {
    let name = c_string(name)?;
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: one string that outlives the call; the descriptor is fresh.
    unsafe {
        let fd = check(libc::openat(directory.as_raw_fd(), name.as_ptr(), flags))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Where the next written part of a file begins at or after `offset`; None where only holes follow.
pub fn next_data(fd: &impl AsRawFd, offset: u64) -> Option<u64> {
    let offset = libc::off_t::try_from(offset).ok()?;
    // SAFETY: integers only.
    u64::try_from(unsafe { libc::lseek(fd.as_raw_fd(), offset, libc::SEEK_DATA) }).ok()
}

pub fn change_mode(fd: &impl AsRawFd, mode: u32) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) })?;
    Ok(())
}

/// Sets access and modification time of `name` itself, never of what a link points to.
pub fn set_time(directory: &impl AsRawFd, name: &OsStr, seconds: i64) -> io::Result<()> {
    let name = c_string(name)?;
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = [time, time];
    // SAFETY: two timespecs and a string that outlive the call.
    check(unsafe {
        libc::utimensat(
            directory.as_raw_fd(),
            name.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    })?;
    Ok(())
}
