//! An index on disk. A checkpoint writes the segments of a snapshot that are not there yet and then a manifest that
//! names them, their dead rows and the last sequence of the log that they hold; the rest is replayed from the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::IndexError;
use crate::index::begun::Begun;
use crate::index::ranges::{GraphRequest, Range, parts_of};
use crate::index::segment::{Layout, Segment};
use crate::index::shard::{Shard, ShardRules, ShardState};
use crate::index::snapshot::{Part, Snapshot};
use crate::row_set::RowSet;
use crate::storage::{
    BegunManifest, CollectionIdentity, DirectoryLock, FileEntry, Manifest, RangeManifest,
    SegmentManifest, ShardManifest, Verify, collect_garbage, manifest_entry, next_free_number,
    publish_manifest, read_manifest, read_previous_manifest, segment_name,
};

/// Writes this many segments' names apart from one another: the name of a file is its number.
pub(crate) struct Folder {
    path: PathBuf,
    index_version: String,
    identity: CollectionIdentity,
    state: Mutex<State>,
    _lock: DirectoryLock,
}

struct State {
    next_file: u64,
    /// Segments that are on disk. Weak: a segment that no snapshot holds any more need not be remembered.
    written: Vec<(Weak<Segment>, FileEntry)>,
}

/// What was read from a folder.
pub(crate) struct Restored {
    pub(crate) folder: Folder,
    pub(crate) sequence: u64,
    pub(crate) shards: Vec<(String, Shard)>,
    /// Why an older checkpoint than the last one was opened.
    pub(crate) fallback: Option<IndexError>,
}

/// Files of a checkpoint, the manifest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub sequence: u64,
    pub files: Vec<FileEntry>,
}

impl Folder {
    /// Opens a folder or makes it. A folder of another version or identity is refused.
    ///
    /// # Errors
    /// `INDEX_LOCKED`, `INDEX_NEWER`, `INDEX_CORRUPT`, `INDEX_IO`; `INDEX_INVALID` naming both identities.
    pub(crate) fn open(
        path: &Path,
        index_version: &str,
        identity: CollectionIdentity,
        layout: &Arc<Layout>,
        rules: ShardRules,
    ) -> Result<Restored, IndexError> {
        let lock = DirectoryLock::acquire(path)?;
        let mut state = State {
            next_file: 1,
            written: Vec::new(),
        };
        let mut shards = Vec::new();
        let mut sequence = 0;
        let mut fallback = None;
        if let Some(opened) = read_manifest(path)? {
            check_identity(path, &opened.manifest, index_version, &identity)?;
            let (read, damage) = read_whole(path, layout, rules, &opened.manifest)?;
            (sequence, state, shards) = read;
            fallback = damage.or(opened.fallback);
        }
        let folder = Self {
            path: path.to_owned(),
            index_version: index_version.to_owned(),
            identity,
            state: Mutex::new(state),
            _lock: lock,
        };
        Ok(Restored {
            folder,
            sequence,
            shards,
            fallback,
        })
    }

    /// Writes what the shards hold now, as of `sequence` of the log. Searches and writes go on meanwhile.
    pub(crate) fn checkpoint(
        &self,
        sequence: u64,
        shards: &BTreeMap<Arc<str>, Arc<Shard>>,
    ) -> Result<Checkpoint, IndexError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // All snapshots are taken before anything is written, so that they belong together.
        let taken: Vec<_> = shards
            .iter()
            .map(|(environment, shard)| {
                let writer = shard.lock();
                let state = ShardState {
                    next_ordinal: writer.next_ordinal,
                    ranges: writer.ranges.ranges.clone(),
                    begun: writer.begun.clone(),
                };
                (environment, state, shard.snapshot())
            })
            .collect();
        let mut manifest = Manifest {
            sequence,
            index_version: self.index_version.clone(),
            next_file: 0,
            identity: self.identity.clone(),
            shards: Vec::new(),
        };
        for (environment, of_shard, snapshot) in taken {
            let segments = self.write_parts(&mut state, &snapshot.parts)?;
            let begun = of_shard.begun.iter().map(|begun| {
                Ok(BegunManifest {
                    at: begun.at,
                    from: begun.request.from,
                    to: begun.request.to,
                    has_graph: begun.request.has_graph,
                    is_shown: begun.is_shown,
                    expected: begun.expected,
                    segments: self.write_parts(&mut state, &begun.request.parts)?,
                })
            });
            let begun = begun.collect::<Result<_, IndexError>>()?;
            manifest.shards.push(ShardManifest {
                environment: environment.to_string(),
                next_ordinal: of_shard.next_ordinal,
                ranges: of_shard.ranges.iter().map(range_manifest).collect(),
                segments,
                begun,
            });
        }
        manifest.next_file = state.next_file;
        publish_manifest(&self.path, &manifest)?;
        collect_garbage(&self.path, &manifest)?;
        state
            .written
            .retain(|(segment, _)| segment.strong_count() > 0);
        let files = manifest
            .files()
            .cloned()
            .chain([manifest_entry(&self.path)?]);
        Ok(Checkpoint {
            sequence,
            files: files.collect(),
        })
    }

    fn write_parts(
        &self,
        state: &mut State,
        parts: &[Part],
    ) -> Result<Vec<SegmentManifest>, IndexError> {
        let written = parts.iter().map(|part| self.write_part(state, part));
        written.collect()
    }

    fn write_part(&self, state: &mut State, part: &Part) -> Result<SegmentManifest, IndexError> {
        let known = state
            .written
            .iter()
            .find(|(segment, _)| std::ptr::eq(segment.as_ptr(), Arc::as_ptr(&part.segment)))
            .map(|(_, file)| file.clone());
        let file = if let Some(file) = known {
            file
        } else {
            let name = segment_name(state.next_file);
            state.next_file += 1;
            let file = part.segment.write(&self.path, &name)?;
            state
                .written
                .push((Arc::downgrade(&part.segment), file.clone()));
            file
        };
        let rows = 0..u32::try_from(part.segment.len()).unwrap_or(u32::MAX);
        Ok(SegmentManifest {
            file,
            dead: rows.filter(|row| !part.live.contains(*row)).collect(),
        })
    }
}

/// Sequence, what is written, and the shards by environment.
type Read = (u64, State, Vec<(String, Shard)>);

/// What the manifest names, or, where one of its files is damaged, what the one before named: more is replayed then.
fn read_whole(
    path: &Path,
    layout: &Arc<Layout>,
    rules: ShardRules,
    manifest: &Manifest,
) -> Result<(Read, Option<IndexError>), IndexError> {
    match read_shards(path, layout, rules, manifest) {
        Err(damage @ IndexError::Damaged { .. }) => match read_previous_manifest(path) {
            Ok(Some(previous)) if previous != *manifest => {
                match read_shards(path, layout, rules, &previous) {
                    Ok(read) => Ok((read, Some(damage))),
                    Err(_) => Err(damage),
                }
            }
            _ => Err(damage),
        },
        other => Ok((other?, None)),
    }
}

fn read_shards(
    path: &Path,
    layout: &Arc<Layout>,
    rules: ShardRules,
    manifest: &Manifest,
) -> Result<Read, IndexError> {
    let mut state = State {
        // A damaged newer manifest may have used further numbers, whose files are still there.
        next_file: manifest.next_file.max(next_free_number(path)?),
        written: Vec::new(),
    };
    let mut shards = Vec::new();
    for shard in &manifest.shards {
        let restored = read_shard(path, layout, rules, shard, &mut state)?;
        shards.push((shard.environment.clone(), restored));
    }
    collect_garbage(path, manifest)?;
    Ok((manifest.sequence, state, shards))
}

fn read_shard(
    path: &Path,
    layout: &Arc<Layout>,
    rules: ShardRules,
    manifest: &ShardManifest,
    state: &mut State,
) -> Result<Shard, IndexError> {
    let mut snapshot = Snapshot::default();
    for segment in &manifest.segments {
        snapshot.push(read_part(path, layout, segment, state)?);
    }
    let begun = manifest.begun.iter();
    let begun = begun
        .map(|begun| read_begun(path, layout, (&manifest.environment, begun), state))
        .collect::<Result<_, _>>()?;
    snapshot.check_order(&manifest.environment)?;
    snapshot.recount_retired();
    let ranges: BTreeMap<u32, Range> = manifest.ranges.iter().map(range_of).collect();
    Ok(Shard::restored(
        layout.clone(),
        rules,
        snapshot,
        ShardState {
            next_ordinal: manifest.next_ordinal,
            ranges,
            begun,
        },
    ))
}

fn read_begun(
    path: &Path,
    layout: &Arc<Layout>,
    (environment, manifest): (&str, &BegunManifest),
    state: &mut State,
) -> Result<Begun, IndexError> {
    let mut alive = Snapshot::default();
    for segment in &manifest.segments {
        alive.push(read_part(path, layout, segment, state)?);
    }
    alive.check_order(environment)?;
    let bounds = (manifest.from, manifest.to);
    if manifest.from >= manifest.to || parts_of(&alive, bounds).len() < alive.parts.len() {
        return Err(IndexError::Corrupt(format!(
            "a graph of {environment:?} was begun of rows that are not in its range"
        )));
    }
    let request = GraphRequest {
        from: manifest.from,
        to: manifest.to,
        has_graph: manifest.has_graph,
        parts: alive.parts,
    };
    Ok(Begun {
        request,
        at: manifest.at,
        is_shown: manifest.is_shown,
        built: None,
        expected: manifest.expected,
    })
}

/// A file that is named twice, for what is searched and for what a graph is built of, is read once.
fn read_part(
    path: &Path,
    layout: &Arc<Layout>,
    manifest: &SegmentManifest,
    state: &mut State,
) -> Result<Part, IndexError> {
    let known = state
        .written
        .iter()
        .find(|(_, file)| *file == manifest.file);
    let segment = if let Some(segment) = known.and_then(|(segment, _)| segment.upgrade()) {
        segment
    } else {
        let read = Arc::new(Segment::read(layout, path, &manifest.file, Verify::All)?);
        state
            .written
            .push((Arc::downgrade(&read), manifest.file.clone()));
        read
    };
    let mut live = RowSet::full(segment.len());
    live.remove_all(&manifest.dead);
    Ok(Part::with_live(segment, live))
}

fn check_identity(
    path: &Path,
    manifest: &Manifest,
    index_version: &str,
    identity: &CollectionIdentity,
) -> Result<(), IndexError> {
    if manifest.index_version == index_version && manifest.identity == *identity {
        return Ok(());
    }
    let found = &manifest.identity;
    let as_found = CollectionIdentity {
        storage: found.storage,
        ..identity.clone()
    };
    // The version of an index of demonstrations names its storage too.
    if found.storage != identity.storage && *found == as_found {
        return Err(IndexError::Foreign(format!(
            "{} keeps its rows as {}, not as {}; open it as {}, or rebuild it: discard the folder and fill it again from your log",
            path.display(),
            found.storage,
            identity.storage,
            found.storage,
        )));
    }
    Err(IndexError::Foreign(format!(
        "{} holds an index of version {} with vectors of {}, not of version {index_version} with vectors of {identity}; give it another folder or delete this one",
        path.display(),
        manifest.index_version,
        manifest.identity,
    )))
}

fn range_manifest((from, range): (&u32, &Range)) -> RangeManifest {
    RangeManifest {
        from: *from,
        to: range.to,
        rows: range.rows,
        dead: range.dead,
        at: range.at,
    }
}

fn range_of(manifest: &RangeManifest) -> (u32, Range) {
    let range = Range {
        to: manifest.to,
        rows: manifest.rows,
        dead: manifest.dead,
        at: manifest.at,
    };
    (manifest.from, range)
}
