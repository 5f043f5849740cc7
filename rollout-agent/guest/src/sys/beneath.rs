//! `openat2` for kernels that have none (gVisor's, Linux before 5.6): step by step, by descriptors, following no link
//! that it has not read itself. Slower, and as safe: no step leaves the directory that it starts from.
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::{Links, c_string, check};

/// As the kernel's own cap.
const LINKS_MAX: usize = 40;
const LINK_BYTES_MAX: usize = 4096;

pub fn open_stepwise(
    directory: &impl AsRawFd,
    path: &OsStr,
    flags: libc::c_int,
    mode: u32,
    links: Links,
) -> io::Result<OwnedFd> {
    if path.as_bytes().first() == Some(&b'/') {
        return Err(refused(libc::EXDEV));
    }
    let mut names = parts(path);
    // The directories from the start to here; going up is taking one away.
    let mut way = vec![open_at(directory, OsStr::new("."), WALK, 0)?];
    let mut followed = 0;
    while let Some(name) = names.pop_front() {
        let Some(here) = way.last() else {
            return Err(refused(libc::EXDEV));
        };
        if name == ".." {
            way.pop();
            if way.is_empty() {
                return Err(refused(libc::EXDEV));
            }
            continue;
        }
        let is_last = names.is_empty();
        let result = if is_last {
            open_at(here, &name, flags | libc::O_NOFOLLOW, mode)
        } else {
            open_at(here, &name, WALK, 0)
        };
        match result {
            Ok(found) if is_last => return Ok(found),
            Ok(found) => way.push(found),
            Err(error) => {
                let is_refusal = matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENOTDIR));
                let Some(target) = is_refusal.then(|| read_link(here, &name)).flatten() else {
                    return Err(error);
                };
                followed += 1;
                if matches!(links, Links::Refuse) || followed > LINKS_MAX {
                    return Err(refused(libc::ELOOP));
                }
                if target.as_bytes().first() == Some(&b'/') {
                    return Err(refused(libc::EXDEV));
                }
                for part in parts(&target).into_iter().rev() {
                    names.push_front(part);
                }
            }
        }
    }
    let here = way.last().ok_or_else(|| refused(libc::EXDEV))?;
    open_at(here, OsStr::new("."), flags, mode)
}

const WALK: libc::c_int = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;

fn parts(path: &OsStr) -> VecDeque<OsString> {
    path.as_bytes()
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(|part| OsString::from_vec(part.to_vec()))
        .collect()
}

fn open_at(
    directory: &impl AsRawFd,
    name: &OsStr,
    flags: libc::c_int,
    mode: u32,
) -> io::Result<OwnedFd> {
    let name = c_string(name)?;
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the string outlives the call; the descriptor is fresh.
    unsafe {
        let fd = check(libc::openat(
            directory.as_raw_fd(),
            name.as_ptr(),
            flags,
            mode,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// None for what is no link.
fn read_link(directory: &impl AsRawFd, name: &OsStr) -> Option<OsString> {
    let name = c_string(name).ok()?;
    let mut target = vec![0_u8; LINK_BYTES_MAX];
    // SAFETY: the string and the buffer of the stated length outlive the call.
    let length = unsafe {
        libc::readlinkat(
            directory.as_raw_fd(),
            name.as_ptr(),
            target.as_mut_ptr().cast(),
            target.len(),
        )
    };
    target.truncate(usize::try_from(length).ok()?);
    Some(OsString::from_vec(target))
}

fn refused(code: libc::c_int) -> io::Error {
    io::Error::from_raw_os_error(code)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::open_beneath;
    use super::*;

    /// Whether both ways agree, and on what.
    fn outcome(root: &fs::File, path: &str, links: Links) -> Result<(), Option<i32>> {
        let path = OsStr::new(path);
        let flags = libc::O_RDONLY | libc::O_NONBLOCK;
        let stepwise = open_stepwise(root, path, flags, 0, links).map(|fd| inode(&fd));
        let native = open_beneath(root, path, flags, 0, links).map(|fd| inode(&fd));
        let code = |result: io::Result<u64>| result.map_err(|error| error.raw_os_error());
        let (stepwise, native) = (code(stepwise), code(native));
        assert_eq!(stepwise, native, "{}", path.display());
        stepwise.map(drop)
    }

    fn inode(fd: &OwnedFd) -> u64 {
        super::super::stat_fd(fd).map_or(0, |found| found.inode)
    }

    #[test]
    fn it_decides_as_the_kernel_does() {
        let folder = std::env::temp_dir().join(format!("hindcast-beneath-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).expect("a folder");
        fs::write(folder.join("a/b/file"), "x").expect("a file");
        for (target, name) in [
            ("b/file", "a/inner"),
            ("../a/b", "a/round"),
            ("../../etc/passwd", "a/out"),
            ("/etc/passwd", "a/absolute"),
            ("loop", "loop"),
        ] {
            symlink(target, folder.join(name)).expect("a link");
        }
        let root = fs::File::open(&folder).expect("the folder");
        for path in [
            ".",
            "a",
            "a/b/file",
            "a//b/./file",
            "a/b/../b/file",
            "a/inner",
            "a/round/file",
            "a/out",
            "a/absolute",
            "loop",
            "loop/x",
            "..",
            "a/../..",
            "../x",
            "a/b/file/x",
            "missing",
            "a/missing/x",
            "/etc",
        ] {
            for links in [Links::Refuse, Links::FollowBeneath] {
                let _ = outcome(&root, path, links);
            }
        }
        assert_eq!(outcome(&root, "a/round/file", Links::FollowBeneath), Ok(()));
        assert_eq!(
            outcome(&root, "a/out", Links::FollowBeneath),
            Err(Some(libc::EXDEV))
        );
        assert_eq!(
            outcome(&root, "a/inner", Links::Refuse),
            Err(Some(libc::ELOOP))
        );
        fs::remove_dir_all(&folder).expect("removing it");
    }
}
