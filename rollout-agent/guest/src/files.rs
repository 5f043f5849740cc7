//! Reading, writing and removing below directories that hostile commands may have filled with links.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use crate::protocol::{Fault, FaultCode};
use crate::session::WORKSPACE;
use crate::sys::{self, Kind, Links};

/// The plain names of a relative path; None where it is absolute, empty or steps upward.
pub fn plain_names(path: &Path) -> Option<Vec<&OsStr>> {
    let names: Option<Vec<&OsStr>> = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    names.filter(|names| !names.is_empty())
}

/// The directory `names` below `root`, made where missing.
pub fn make_directories(root: OwnedFd, names: &[&OsStr], links: Links) -> io::Result<OwnedFd> {
    let mut directory = root;
    for name in names {
        match sys::make_directory(&directory, name, 0o755) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        directory = sys::open_beneath(&directory, name, flags, 0, links)?;
    }
    Ok(directory)
}

pub fn write(path: &str, content: &[u8]) -> Result<(), Fault> {
    let invalid = || {
        Fault::new(
            FaultCode::Invalid,
            format!("{path:?} is not a path inside the workspace"),
        )
    };
    let names = plain_names(Path::new(path)).ok_or_else(invalid)?;
    let (name, parents) = names.split_last().ok_or_else(invalid)?;
    let at = |error: io::Error| at(path, &error);
    let root = File::open(WORKSPACE).map_err(at)?;
    let directory = make_directories(root.into(), parents, Links::FollowBeneath).map_err(at)?;
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
    let file =
        sys::open_beneath(&directory, name, flags, 0o644, Links::FollowBeneath).map_err(at)?;
    if sys::stat_fd(&file).map_err(at)?.kind != Kind::File {
        return Err(Fault::new(
            FaultCode::Invalid,
            format!("{path} is not a regular file"),
        ));
    }
    File::from(file).write_all(content).map_err(at)
}

/// Whatever keeps one file from being read or written (a socket in its place, a program that runs, a lease on it) is the
/// doing of who works here. The sandbox is well.
fn at(path: &str, error: &io::Error) -> Fault {
    match Fault::at(path, error) {
        Fault {
            code: FaultCode::Failed,
            message,
        } => Fault::new(FaultCode::Invalid, message),
        fault => fault,
    }
}

pub fn read(path: &str, bytes_max: u64) -> Result<Vec<u8>, Fault> {
    let at = |error: io::Error| at(path, &error);
    let root = File::open(WORKSPACE).map_err(at)?;
    let file = sys::open_beneath(
        &root,
        OsStr::new(path),
        libc::O_RDONLY,
        0,
        Links::FollowBeneath,
    )
    .map_err(at)?;
    let found = sys::stat_fd(&file).map_err(at)?;
    if found.kind != Kind::File {
        return Err(Fault::new(
            FaultCode::Invalid,
            format!("{path} is not a regular file"),
        ));
    }
    if found.size > bytes_max {
        return Err(Fault::new(
            FaultCode::TooLarge,
            format!("{path} has {} bytes, more than {bytes_max}", found.size),
        ));
    }
    let mut content = Vec::new();
    File::from(file)
        .take(bytes_max)
        .read_to_end(&mut content)
        .map_err(at)?;
    Ok(content)
}

/// Removes all that lies below `directory`, however deep: it holds two descriptors at a time and never a whole path.
pub fn remove_below(directory: OwnedFd) -> io::Result<()> {
    let mut here = directory;
    let mut pending = vec![sys::names(here.try_clone()?)?];
    let mut trail: Vec<OsString> = Vec::new();
    while let Some(names) = pending.last_mut() {
        if let Some(name) = names.pop() {
            if sys::stat_at(&here, &name)?.kind == Kind::Directory {
                here = sys::open_directory_at(&here, &name)?;
                pending.push(sys::names(here.try_clone()?)?);
                trail.push(name);
            } else {
                sys::remove(&here, &name, false)?;
            }
            continue;
        }
        pending.pop();
        if let Some(name) = trail.pop() {
            here = sys::open_directory_at(&here, OsStr::new(".."))?;
            sys::remove(&here, &name, true)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_have_names() {
        assert!(plain_names(Path::new("/etc/passwd")).is_none());
        assert!(plain_names(Path::new("a/../../b")).is_none());
        assert!(plain_names(Path::new("")).is_none());
        assert_eq!(
            plain_names(Path::new("./a/b")).map(|names| names.len()),
            Some(2)
        );
    }
}
