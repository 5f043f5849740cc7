//! The writable files and the session as one compressed archive. Equal states give equal bytes: names are sorted and
//! every time is the same. Programs that compare times (make) see equal times, which reads as "nothing to do"; only a
//! git index keeps the times that git has noted in it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

use crate::files::{make_directories, plain_names, remove_below};
use crate::protocol::{Fault, FaultCode, Limits, SnapshotReply};
use crate::session::{Session, WORKSPACE};
use crate::setup::{HOME, TEMPORARY};
use crate::sys::{self, Kind, Links, Metadata};
use crate::tree::{self, Found};

/// Name in the archive and place in the sandbox.
const ROOTS: [(&str, &str); 3] = [("workspace", WORKSPACE), ("home", HOME), ("tmp", TEMPORARY)];
/// Its first line is `hindcast-session-1 STATUS LENGTH`; the working directory of that length and the source follow.
const SESSION_NAME: &str = "session";
const SESSION_MAGIC: &str = "hindcast-session-1";
const SESSION_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// 2026-01-01T00:00:00Z, as `SOURCE_DATE_EPOCH` in the sandbox.
const TIME: i64 = 1_767_225_600;

/// A buffer that refuses to grow beyond a limit.
struct Limited {
    bytes: Vec<u8>,
    bytes_max: u64,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.bytes_max {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Tar = Builder<GzEncoder<Limited>>;

pub fn take(
    session: &Session,
    limits: &Limits,
    bytes_max: u64,
) -> Result<(SnapshotReply, Vec<u8>), Fault> {
    match archive(session, limits, bytes_max) {
        Ok(bytes) => Ok((SnapshotReply { too_large: false }, bytes)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Ok((SnapshotReply { too_large: true }, Vec::new()))
        }
        Err(error) => Err(Fault::at("archiving the files", &error)),
    }
}

fn archive(session: &Session, limits: &Limits, bytes_max: u64) -> io::Result<Vec<u8>> {
    let limited = Limited {
        bytes: Vec::new(),
        bytes_max,
    };
    let mut tar = Builder::new(
        GzBuilder::new()
            .mtime(0)
            .write(limited, Compression::fast()),
    );
    let directory = &session.working_directory;
    let mut saved =
        format!("{SESSION_MAGIC} {} {}\n", session.status, directory.len()).into_bytes();
    saved.extend_from_slice(directory);
    saved.extend_from_slice(&session.source);
    let mut header = header(EntryType::Regular, 0o600, saved.len() as u64);
    tar.append_data(&mut header, SESSION_NAME, saved.as_slice())?;
    // Holes have no size on disk until they are restored, so sizes are added up as they read.
    let mut room = limits.disk_bytes_max;
    for (name, root) in ROOTS {
        // The first name of each file with several: the others become links to it.
        let mut seen: HashMap<u64, PathBuf> = HashMap::new();
        let mode = sys::stat_fd(&File::open(root)?)?.mode;
        tar.append_data(
            &mut self::header(EntryType::Directory, mode, 0),
            name,
            io::empty(),
        )?;
        tree::walk::<io::Error>(root, &mut |found| {
            let below = OsStr::from_bytes(&found.path[root.len() + 1..]);
            if found.metadata.kind == Kind::File {
                room = room
                    .checked_sub(found.metadata.size)
                    .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
            }
            append(&mut tar, found, &Path::new(name).join(below), &mut seen)
        })?;
    }
    Ok(tar.into_inner()?.finish()?.bytes)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(TIME.unsigned_abs());
    header
}

fn append(
    tar: &mut Tar,
    found: &Found<'_>,
    path: &Path,
    seen: &mut HashMap<u64, PathBuf>,
) -> io::Result<()> {
    let Metadata {
        kind, mode, inode, ..
    } = found.metadata;
    match kind {
        Kind::Directory => tar.append_data(
            &mut header(EntryType::Directory, mode, 0),
            path,
            io::empty(),
        ),
        Kind::Link => {
            let target = sys::link_target(found.directory, found.name)?;
            let mut header = header(EntryType::Symlink, 0o777, 0);
            // Literally: the archive's own idea of a path would turn `./a` into `a`.
            if header.set_link_name_literal(&target).is_err() {
                tar.append_pax_extensions([("linkpath", target.as_slice())])?;
            }
            tar.append_data(&mut header, path, io::empty())
        }
        Kind::Fifo => tar.append_data(&mut header(EntryType::Fifo, mode, 0), path, io::empty()),
        Kind::File => {
            if found.metadata.links > 1
                && let Some(first) = seen.get(&inode)
            {
                return tar.append_link(&mut header(EntryType::Link, mode, 0), path, first);
            }
            let Ok(file) = sys::open_beneath(
                found.directory,
                found.name,
                libc::O_RDONLY,
                0,
                Links::Refuse,
            ) else {
                return Ok(());
            };
            if found.metadata.links > 1 {
                seen.insert(inode, path.to_path_buf());
            }
            let size = sys::stat_fd(&file)?.size;
            // Exactly as long as announced, even if a background process is writing to it.
            let content = File::from(file).take(size).chain(io::repeat(0)).take(size);
            tar.append_data(&mut header(EntryType::Regular, mode, size), path, content)
        }
        // A socket means nothing without its process.
        Kind::Other => Ok(()),
    }
}

/// Empties the sandbox and unpacks `archive` into it.
pub fn restore(archive: &[u8]) -> Result<Session, Fault> {
    unpack(archive).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOSPC) => Fault::new(
            FaultCode::TooLarge,
            "the snapshot does not fit into the sandbox's disk limit",
        ),
        _ => Fault::at("restoring a snapshot", &error),
    })
}

fn unpack(archive: &[u8]) -> io::Result<Session> {
    let mut roots = HashMap::new();
    for (name, root) in ROOTS {
        let directory = OwnedFd::from(File::open(root)?);
        remove_below(directory.try_clone()?)?;
        roots.insert(OsStr::new(name), directory);
    }
    let mut session = None;
    let mut tar = Archive::new(GzDecoder::new(archive));
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path == Path::new(SESSION_NAME) {
            session = Some(read_session(&mut entry)?);
            continue;
        }
        let names = plain_names(&path).ok_or_else(|| refused(&path))?;
        let (root, names) = names.split_first().ok_or_else(|| refused(&path))?;
        let root = roots.get(root).ok_or_else(|| refused(&path))?;
        let Some((name, parents)) = names.split_last() else {
            sys::change_mode(root, entry.header().mode()? & 0o7777)?;
            continue;
        };
        let parent = make_directories(root.try_clone()?, parents, Links::Refuse)?;
        create(&mut entry, &roots, &parent, name)?;
    }
    session
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the archive holds no session"))
}

fn refused(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{} is no place in a snapshot", path.display()),
    )
}

fn create(
    entry: &mut tar::Entry<'_, impl Read>,
    roots: &HashMap<&OsStr, OwnedFd>,
    parent: &OwnedFd,
    name: &OsStr,
) -> io::Result<()> {
    let mode = entry.header().mode()? & 0o7777;
    match entry.header().entry_type() {
        EntryType::Directory => {
            let directory = make_directories(parent.try_clone()?, &[name], Links::Refuse)?;
            return sys::change_mode(&directory, mode);
        }
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            sys::make_link(parent, name, &target)?;
        }
        EntryType::Fifo => {
            sys::make_fifo(parent, name)?;
            let flags = libc::O_RDONLY;
            let fifo = sys::open_beneath(parent, name, flags, 0, Links::Refuse)?;
            sys::change_mode(&fifo, mode)?;
        }
        EntryType::Link => {
            let target = entry.link_name()?.unwrap_or_default().into_owned();
            let names = plain_names(&target).ok_or_else(|| refused(&target))?;
            let (root, names) = names.split_first().ok_or_else(|| refused(&target))?;
            let (target_name, parents) = names.split_last().ok_or_else(|| refused(&target))?;
            let root = roots
                .get(root)
                .ok_or_else(|| refused(&target))?
                .try_clone()?;
            let directory = make_directories(root, parents, Links::Refuse)?;
            sys::make_hard_link((&directory, target_name), (parent, name))?;
        }
        EntryType::Regular => {
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
            let file = sys::open_beneath(parent, name, flags, 0o600, Links::Refuse)?;
            let mut file = File::from(file);
            io::copy(entry, &mut file)?;
            sys::change_mode(&file, mode)?;
        }
        kind => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("an entry of type {kind:?} in a snapshot"),
            ));
        }
    }
    sys::set_time(parent, name, TIME)
}

fn read_session(entry: &mut impl Read) -> io::Result<Session> {
    let mut bytes = Vec::new();
    entry.take(SESSION_BYTES_MAX).read_to_end(&mut bytes)?;
    parse_session(&bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the session cannot be read"))
}

fn parse_session(bytes: &[u8]) -> Option<Session> {
    let line_end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..line_end]).ok()?;
    let mut words = line.split(' ');
    if words.next() != Some(SESSION_MAGIC) {
        return None;
    }
    let status = words.next()?.parse().ok()?;
    let length = words.next()?.parse::<usize>().ok()?;
    let rest = &bytes[line_end + 1..];
    Some(Session {
        working_directory: rest.get(..length)?.to_vec(),
        source: rest.get(length..)?.to_vec(),
        status,
    })
}
