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
use crate::tree::{self, Found, Look, Names};

/// Name in the archive and place in the sandbox.
const ROOTS: [(&str, &str); 3] = [("workspace", WORKSPACE), ("home", HOME), ("tmp", TEMPORARY)];
/// Its first line is `hindcast-session-1 STATUS LENGTH`; the working directory of that length and the source follow.
const SESSION_NAME: &str = "session";
const SESSION_MAGIC: &str = "hindcast-session-1";
/// Of an archive, for one file beside its content: headers, a name that does not fit into them, what fills up a block.
const NAME_BYTES_MAX: u64 = 2 * 1024;
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

/// Puts files into an archive, whatever commands in the background make of them meanwhile.
struct Packer<'a> {
    tar: Builder<GzEncoder<Limited>>,
    /// The first name of each file with several: the others become links to it.
    seen: HashMap<u64, PathBuf>,
    /// Holes have no size on disk until they are restored, so sizes are added up as they read.
    room: u64,
    names: Names,
    look: &'a mut Look<'a>,
}

pub fn take<'a>(
    session: &Session,
    limits: &Limits,
    bytes_max: u64,
    look: &'a mut Look<'a>,
) -> Result<(SnapshotReply, Vec<u8>), Fault> {
    let limited = Limited {
        bytes: Vec::new(),
        bytes_max,
    };
    let compressed = GzBuilder::new()
        .mtime(0)
        .write(limited, Compression::fast());
    let packer = Packer {
        tar: Builder::new(compressed),
        seen: HashMap::new(),
        room: limits.disk_bytes_max,
        names: Names::default(),
        look,
    };
    match packer.pack(session) {
        Ok(bytes) => Ok((SnapshotReply { too_large: false }, bytes)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Ok((SnapshotReply { too_large: true }, Vec::new()))
        }
        Err(error) => Err(Fault::at("archiving the files", &error)),
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(TIME.unsigned_abs());
    header
}

impl Packer<'_> {
    fn pack(mut self, session: &Session) -> io::Result<Vec<u8>> {
        let directory = &session.working_directory;
        let mut saved =
            format!("{SESSION_MAGIC} {} {}\n", session.status, directory.len()).into_bytes();
        saved.extend_from_slice(directory);
        saved.extend_from_slice(&session.source);
        let mut header = header(EntryType::Regular, 0o600, saved.len() as u64);
        self.tar
            .append_data(&mut header, SESSION_NAME, saved.as_slice())?;
        for (name, root) in ROOTS {
            self.seen.clear();
            let mode = sys::stat_fd(&File::open(root)?)?.mode;
            self.empty(EntryType::Directory, mode, Path::new(name))?;
            tree::walk::<io::Error>(root, &mut |found| {
                (self.look)();
                self.names.add(found.path)?;
                let below = OsStr::from_bytes(&found.path[root.len() + 1..]);
                self.add(found, &Path::new(name).join(below))
            })?;
        }
        Ok(self.tar.into_inner()?.finish()?.bytes)
    }

    fn empty(&mut self, kind: EntryType, mode: u32, path: &Path) -> io::Result<()> {
        self.tar
            .append_data(&mut header(kind, mode, 0), path, io::empty())
    }

    fn add(&mut self, found: &Found<'_>, path: &Path) -> io::Result<()> {
        let Metadata { kind, mode, .. } = found.metadata;
        match kind {
            Kind::Directory => self.empty(EntryType::Directory, mode, path),
            Kind::Fifo => self.empty(EntryType::Fifo, mode, path),
            Kind::Link => {
                let Ok(target) = sys::link_target(found.directory, found.name) else {
                    return Ok(());
                };
                let mut header = header(EntryType::Symlink, 0o777, 0);
                // Literally: the archive's own idea of a path would turn `./a` into `a`.
                if header.set_link_name_literal(&target).is_err() {
                    self.tar
                        .append_pax_extensions([("linkpath", target.as_slice())])?;
                }
                self.tar.append_data(&mut header, path, io::empty())
            }
            Kind::File => self.add_file(found, path),
            // A socket means nothing without its process.
            Kind::Other => Ok(()),
        }
    }

    fn add_file(&mut self, found: &Found<'_>, path: &Path) -> io::Result<()> {
        let Metadata {
            mode, inode, links, ..
        } = found.metadata;
        if links > 1
            && let Some(first) = self.seen.get(&inode)
        {
            return self
                .tar
                .append_link(&mut header(EntryType::Link, mode, 0), path, first);
        }
        let (directory, name) = (found.directory, found.name);
        let Ok(file) = sys::open_beneath(directory, name, libc::O_RDONLY, 0, Links::Refuse) else {
            return Ok(());
        };
        // Another thing of another size may be here by now.
        let opened = sys::stat_fd(&file)?;
        if opened.kind != Kind::File {
            return Ok(());
        }
        self.room = self
            .room
            .checked_sub(opened.size)
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if links > 1 {
            self.seen.insert(inode, path.to_path_buf());
        }
        // Exactly as long as announced, even if a background process is writing to it.
        let content = File::from(file)
            .take(opened.size)
            .chain(io::repeat(0))
            .take(opened.size);
        let look = &mut *self.look;
        let mut header = header(EntryType::Regular, mode, opened.size);
        self.tar
            .append_data(&mut header, path, Watched { content, look })
    }
}

/// Looks before each piece that is read.
struct Watched<'a, 'b, R: Read> {
    content: R,
    look: &'a mut Look<'b>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.look)();
        self.content.read(buffer)
    }
}

/// An archive that unpacks to more than a sandbox could have packed, whatever it is made of, is not read to its end.
struct Bounded<R: Read> {
    archive: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSPC))?;
        Ok(count)
    }
}

/// Empties the sandbox and unpacks `archive` into it.
pub fn restore(archive: &[u8], limits: &Limits) -> Result<Session, Fault> {
    let archive = Bounded {
        archive: GzDecoder::new(archive),
        left: limits.disk_bytes_max + limits.files_max * NAME_BYTES_MAX,
    };
    unpack(archive).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOSPC) => Fault::new(
            FaultCode::TooLarge,
            "the snapshot does not fit into the sandbox's disk limit",
        ),
        _ => Fault::at("restoring a snapshot", &error),
    })
}

fn unpack(archive: impl Read) -> io::Result<Session> {
    let mut roots = HashMap::new();
    for (name, root) in ROOTS {
        let directory = OwnedFd::from(File::open(root)?);
        remove_below(directory.try_clone()?)?;
        roots.insert(OsStr::new(name), directory);
    }
    let mut session = None;
    let mut tar = Archive::new(archive);
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
