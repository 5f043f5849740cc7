//! Files by directory descriptor, never by path: commands plant links faster than anybody can check for them.
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::beneath::open_stepwise;
use super::{c_string, check};

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
    let name = path;
    let path = c_string(path)?;
    let flags = flags | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: open_how is plain data for which zero is valid; the string and structure outlive the call; the
    // descriptor is fresh.
    unsafe {
        let mut how = std::mem::zeroed::<libc::open_how>();
        how.flags = u64::try_from(flags).unwrap_or(0);
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
        match check(RawFd::try_from(fd).unwrap_or(-1)) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                open_stepwise(directory, name, flags, mode, links)
            }
            opened => Ok(OwnedFd::from_raw_fd(opened?)),
        }
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

/// Where the next written part of a file begins at or after `offset`; None where only holes follow. What cannot tell
/// holes has none.
pub fn next_data(fd: &impl AsRawFd, offset: u64) -> Option<u64> {
    let at = libc::off_t::try_from(offset).ok()?;
    // SAFETY: integers only.
    let found = unsafe { libc::lseek(fd.as_raw_fd(), at, libc::SEEK_DATA) };
    if found < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::ENXIO) {
        return Some(offset);
    }
    u64::try_from(found).ok()
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
