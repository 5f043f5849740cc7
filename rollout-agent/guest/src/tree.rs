//! Walks what the commands may write. A path is opened below its root and never through a link, so no link can lead
//! the walk elsewhere; what vanishes meanwhile is skipped.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::sys::{self, Kind, Links, Metadata};
use crate::volatile::is_volatile;
use crate::{git_index, setup};

/// Longer or binary files have no text in an effect.
const TEXT_BYTES_MAX: u64 = 4096;
/// Texts kept for the next comparison, over all files.
const TEXTS_BYTES_MAX: usize = 16 * 1024 * 1024;
const PATH_BYTES_MAX: usize = 4096;
/// Of the names of all files together, with their folders': as many as may be kept twice beside what commands use.
const PATHS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Above this an index is hashed as it is.
const INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A file changed within one tick of the clock before it was read may change again without a trace in its times.
const RACY: Duration = Duration::from_millis(20);

const BLOCK_BYTES: usize = 64 * 1024;

pub type Hash = [u8; 32];

#[derive(Clone)]
pub struct Entry {
    pub kind: Kind,
    pub mode: u32,
    /// Of a file's content or a link's target; zero for the rest.
    pub hash: Hash,
    pub text: Option<String>,
    metadata: Metadata,
    is_trusted: bool,
}

pub type Manifest = BTreeMap<Vec<u8>, Entry>;

/// One name found while walking.
pub struct Found<'a> {
    pub directory: &'a OwnedFd,
    pub name: &'a OsStr,
    /// Absolute, as the commands see it.
    pub path: &'a [u8],
    pub metadata: Metadata,
}

/// Calls `visit` for every name below `root` that is not volatile, a directory before its content, in order.
pub fn walk<E: From<io::Error>>(
    root: &str,
    visit: &mut impl FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let top = File::open(root)?;
    let mut pending: Vec<OsString> = vec![OsString::from(".")];
    while let Some(relative) = pending.pop() {
        // Linux opens no longer path; others do as Linux does, so that equal files have equal hashes.
        if relative.len() >= PATH_BYTES_MAX {
            continue;
        }
        // Gone since, or nested deeper than a path can say: its own entry stands for it.
        let Ok(directory) = open_directory(&top, &relative) else {
            continue;
        };
        let mut names = sys::names(directory.try_clone()?)?;
        names.sort_unstable();
        let mut children = Vec::new();
        for name in names {
            let path = join(root, &relative, &name);
            if is_volatile(&path, name.as_bytes()) {
                continue;
            }
            let Ok(metadata) = sys::stat_at(&directory, &name) else {
                continue;
            };
            visit(&Found {
                directory: &directory,
                name: &name,
                path: &path,
                metadata,
            })?;
            if metadata.kind == Kind::Directory {
                let below = path[root.len() + 1..].to_vec();
                children.push(OsString::from_vec(below));
            }
        }
        pending.extend(children.into_iter().rev());
    }
    Ok(())
}

fn open_directory(top: &File, relative: &OsStr) -> io::Result<OwnedFd> {
    sys::open_beneath(
        top,
        relative,
        libc::O_RDONLY | libc::O_DIRECTORY,
        0,
        Links::Refuse,
    )
}

fn join(root: &str, relative: &OsStr, name: &OsStr) -> Vec<u8> {
    let mut path = root.as_bytes().to_vec();
    if relative != "." {
        path.push(b'/');
        path.extend_from_slice(relative.as_bytes());
    }
    path.push(b'/');
    path.extend_from_slice(name.as_bytes());
    path
}

/// Counts the bytes of names that somebody keeps.
#[derive(Default)]
pub struct Names {
    bytes: usize,
}

impl Names {
    /// An error of kind `FileTooLarge` where there are too many.
    pub fn add(&mut self, path: &[u8]) -> io::Result<()> {
        self.bytes += path.len();
        if self.bytes > PATHS_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the paths of all files have more than {PATHS_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }
}

/// What is done again and again while files are read: commands in the background go on meanwhile.
pub type Look<'a> = dyn FnMut() + 'a;

/// The state of the workspace and the home directory. Content that `previous` saw unchanged is not read again.
pub fn manifest(previous: &Manifest, look: &mut Look<'_>) -> io::Result<Manifest> {
    let mut manifest = Manifest::new();
    let mut texts_bytes = 0;
    let mut names = Names::default();
    for root in [crate::session::WORKSPACE, setup::HOME] {
        walk::<io::Error>(root, &mut |found| {
            look();
            // A socket means nothing without its process, and no snapshot holds one.
            if found.metadata.kind == Kind::Other {
                return Ok(());
            }
            names.add(found.path)?;
            let entry = match previous.get(found.path) {
                Some(known)
                    if known.is_trusted && is_unchanged(&known.metadata, &found.metadata) =>
                {
                    known.clone()
                }
                _ => match read(found, look) {
                    Ok(entry) => entry,
                    // Removed or replaced between stat and open.
                    Err(_) => return Ok(()),
                },
            };
            let mut entry = entry;
            texts_bytes += entry.text.as_ref().map_or(0, String::len);
            if texts_bytes > TEXTS_BYTES_MAX {
                entry.text = None;
            }
            manifest.insert(found.path.to_vec(), entry);
            Ok(())
        })?;
    }
    Ok(manifest)
}

fn is_unchanged(known: &Metadata, now: &Metadata) -> bool {
    known.kind == now.kind
        && known.mode == now.mode
        && known.size == now.size
        && known.inode == now.inode
        && known.modified == now.modified
        && known.changed == now.changed
}

fn read(found: &Found<'_>, look: &mut Look<'_>) -> io::Result<Entry> {
    let metadata = found.metadata;
    let (hash, text) = match metadata.kind {
        Kind::File => read_file(found, look)?,
        Kind::Link => {
            let target = sys::link_target(found.directory, found.name)?;
            let hash = Sha256::digest(&target).into();
            (hash, String::from_utf8(target).ok())
        }
        _ => ([0; 32], None),
    };
    Ok(Entry {
        kind: metadata.kind,
        mode: metadata.mode,
        hash,
        text,
        metadata,
        is_trusted: is_settled(metadata.changed),
    })
}

fn is_settled((seconds, nanoseconds): (i64, i64)) -> bool {
    let changed = Duration::new(
        u64::try_from(seconds).unwrap_or(0),
        u32::try_from(nanoseconds).unwrap_or(0),
    );
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .is_ok_and(|now| now > changed + RACY)
}

fn read_file(found: &Found<'_>, look: &mut Look<'_>) -> io::Result<(Hash, Option<String>)> {
    let file = sys::open_beneath(
        found.directory,
        found.name,
        libc::O_RDONLY,
        0,
        Links::Refuse,
    )?;
    if sys::stat_fd(&file)?.kind != Kind::File {
        return Err(io::Error::from_raw_os_error(libc::ESTALE));
    }
    let size = found.metadata.size;
    let file = File::from(file);
    if size > TEXT_BYTES_MAX && (found.name != "index" || size > INDEX_BYTES_MAX) {
        return Ok((hash_blocks(&file, size, look)?, None));
    }
    // A file that grows while it is read is cut; its times make the next walk read it again.
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    if found.name == "index"
        && let Some(canonical) = git_index::canonical(&bytes)
    {
        return Ok((Sha256::digest(canonical).into(), None));
    }
    let hash = Sha256::digest(&bytes).into();
    let is_text = size <= TEXT_BYTES_MAX && !bytes.contains(&0);
    Ok((hash, String::from_utf8(bytes).ok().filter(|_| is_text)))
}

/// Blocks of zeros are left out, whether they are written or holes: the disk limit bounds what is written and nothing
/// bounds holes, so neither the result nor the time may depend on them.
fn hash_blocks(file: &File, size: u64, look: &mut Look<'_>) -> io::Result<Hash> {
    let mut hasher = Sha256::new();
    hasher.update(size.to_be_bytes());
    let mut block = vec![0_u8; BLOCK_BYTES];
    let mut at = 0;
    while let Some(data) = sys::next_data(file, at).filter(|&data| data < size) {
        look();
        let start = data / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        let wanted = usize::try_from(size - start)
            .unwrap_or(BLOCK_BYTES)
            .min(BLOCK_BYTES);
        let mut count = 0;
        while count < wanted {
            match file.read_at(&mut block[count..wanted], start + count as u64)? {
                0 => break,
                more => count += more,
            }
        }
        let content = &block[..count];
        if content.iter().any(|&byte| byte != 0) {
            hasher.update(start.to_be_bytes());
            hasher.update(content);
        }
        at = start + BLOCK_BYTES as u64;
    }
    Ok(hasher.finalize().into())
}
