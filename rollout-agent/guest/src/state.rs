//! The hash of the writable world and what has changed since it was last asked for.

use std::fmt::Write;
use std::io;

use sha2::{Digest, Sha256};

use crate::protocol::{Change, Effect, Fault, FaultCode, StateReply};
use crate::sys::Kind;
use crate::tree::{self, Entry, Hash, Look, Manifest};

const EFFECTS_MAX: usize = 50;
/// Below what the host takes of one answer.
const LISTING_BYTES_MAX: usize = 80 * 1024 * 1024;

pub struct StateTracker {
    manifest: Manifest,
}

impl StateTracker {
    pub fn new() -> Result<Self, Fault> {
        let manifest =
            tree::manifest(&Manifest::new(), &mut || {}).map_err(|error| failed(&error))?;
        Ok(Self { manifest })
    }

    pub fn state(
        &mut self,
        working_directory: &[u8],
        look: &mut Look<'_>,
    ) -> Result<StateReply, Fault> {
        let manifest = tree::manifest(&self.manifest, look).map_err(|error| failed(&error))?;
        let (effects, effects_omitted) = effects(&self.manifest, &manifest);
        self.manifest = manifest;
        let files_hash = files_hash(&self.manifest);
        let mut hasher = Sha256::new();
        hasher.update(files_hash);
        hasher.update(working_directory);
        Ok(StateReply {
            state_hash: hex(&hasher.finalize().into()),
            files_hash: hex(&files_hash),
            working_directory: String::from_utf8_lossy(working_directory).into_owned(),
            effects,
            effects_omitted,
        })
    }

    /// One line per path, `type mode hash path` with the path as JSON; the baseline of effects stays.
    pub fn entries(&self, look: &mut Look<'_>) -> Result<Vec<u8>, Fault> {
        let manifest = tree::manifest(&self.manifest, look).map_err(|error| failed(&error))?;
        let mut listing = String::new();
        for (path, entry) in &manifest {
            let path = serde_json::to_string(&String::from_utf8_lossy(path)).unwrap_or_default();
            let (kind, mode, hash) = (kind_name(entry.kind), entry.mode, hex(&entry.hash));
            // Writing to a string cannot fail.
            let _ = writeln!(listing, "{kind} {mode:04o} {hash} {path}");
            if listing.len() > LISTING_BYTES_MAX {
                return Err(Fault::new(
                    FaultCode::TooLarge,
                    format!("the list of all files has more than {LISTING_BYTES_MAX} bytes"),
                ));
            }
        }
        Ok(listing.into_bytes())
    }
}

fn failed(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return Fault::new(FaultCode::TooLarge, error.to_string());
    }
    Fault::at("reading the state of the files", error)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Link => "link",
        Kind::Fifo => "fifo",
        Kind::Other => "other",
    }
}

fn hex(hash: &Hash) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn files_hash(manifest: &Manifest) -> Hash {
    let mut hasher = Sha256::new();
    for (path, entry) in manifest {
        hasher.update(kind_name(entry.kind));
        hasher.update(entry.mode.to_be_bytes());
        hasher.update(entry.hash);
        hasher.update((path.len() as u64).to_be_bytes());
        hasher.update(path);
    }
    hasher.finalize().into()
}

fn is_same(before: &Entry, after: &Entry) -> bool {
    before.kind == after.kind && before.mode == after.mode && before.hash == after.hash
}

/// The first changes by path and how many are left out. A repository's own files come last: they follow from the
/// others and would crowd them out.
fn effects(before: &Manifest, after: &Manifest) -> (Vec<Effect>, usize) {
    let mut changed: Vec<(&[u8], Change)> = Vec::new();
    for (path, entry) in after {
        match before.get(path) {
            None => changed.push((path, Change::Created)),
            Some(known) if !is_same(known, entry) => changed.push((path, Change::Modified)),
            Some(_) => {}
        }
    }
    changed.extend(
        before
            .keys()
            .filter(|path| !after.contains_key(*path))
            .map(|path| (path.as_slice(), Change::Removed)),
    );
    changed.sort_by_key(|(path, _)| (is_inside_git(path), *path));
    let omitted = changed.len().saturating_sub(EFFECTS_MAX);
    let text =
        |manifest: &Manifest, path: &[u8]| manifest.get(path).and_then(|entry| entry.text.clone());
    let effects = changed
        .into_iter()
        .take(EFFECTS_MAX)
        .map(|(path, change)| Effect {
            change,
            path: String::from_utf8_lossy(path).into_owned(),
            before: text(before, path),
            after: text(after, path),
        })
        .collect();
    (effects, omitted)
}

fn is_inside_git(path: &[u8]) -> bool {
    path.windows(6).any(|window| window == b"/.git/")
}
