use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use hindcast_index_core::storage::{
    BegunManifest, RangeManifest, SegmentReader, SegmentWriter, Verify, publish_manifest,
    read_manifest,
};
use hindcast_index_core::{IndexError, VectorStorage};

use super::input::Input;
use super::sample::{STORAGES, demonstration, fill, open, use_everything};

const NAMES: [&str; 8] = [
    "MANIFEST",
    "MANIFEST.previous",
    "MANIFEST.tmp",
    "LOCK",
    "000000000001.segment",
    "000000000002.segment",
    "000000000099.segment.tmp",
    "notes.txt",
];

/// Opens a folder whose files are the input, one whose files it has damaged, and one that it has changed behind
/// checksums that are right; uses what opens.
pub(crate) fn index_folder(bytes: &[u8]) {
    let input = &mut Input(bytes);
    let kind = input.byte() % 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // What is laid out, and what it is opened as: rarely another.
    let storage = STORAGES[input.byte() % 2];
    let opened_as =
        STORAGES[usize::from(input.byte() % 8 == 1) ^ usize::from(storage == STORAGES[1])];
    match kind {
        0 => {}
        1 => lay_out(path, storage),
        _ => {
            lay_out(path, storage);
            // What cannot be written is one fault less to look for.
            let _ = reseal(path, input);
        }
    }
    if folder_is_raw(bytes) {
        while !input.is_empty() {
            overwrite(path, input);
        }
    }
    let _ = live_with(path, opened_as);
}

fn folder_is_raw(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|kind| kind % 4 < 2)
}

fn live_with(path: &Path, storage: VectorStorage) -> Result<(), IndexError> {
    let index = open(Some(path), storage)?;
    use_everything(&index)?;
    index.settle()?;
    index.upsert((40..80).map(|id| demonstration(id, 2)).collect())?;
    index.remove(&["demo-7".into()])?;
    index.settle()?;
    use_everything(&index)?;
    index.optimise()?;
    use_everything(&index)?;
    index.checkpoint(99).map(|_| ())
}

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

/// The sample's files in a storage, made once.
fn lay_out(path: &Path, storage: VectorStorage) {
    static FILES: [OnceLock<Files>; 2] = [const { OnceLock::new() }; 2];
    let files = FILES[usize::from(storage == VectorStorage::Bf16)].get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let index = open(Some(folder.path()), storage).unwrap();
        fill(&index).unwrap();
        index.checkpoint(7).unwrap();
        drop(index);
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    });
    for (name, bytes) in files {
        fs::write(path.join(name), bytes).unwrap();
    }
}

/// Writes a file of the input's bytes, cuts one, or flips bits in one.
fn overwrite(path: &Path, input: &mut Input<'_>) {
    let path = path.join(NAMES[input.byte() % NAMES.len()]);
    let mut bytes = fs::read(&path).unwrap_or_default();
    match input.byte() % 3 {
        0 => {
            let length = input.short() % 300;
            bytes = input.bytes(length).to_vec();
        }
        1 => bytes.truncate(input.short() % (bytes.len() + 1)),
        _ if bytes.is_empty() => {}
        _ => {
            let at = (input.short() * 251 + input.byte()) % bytes.len();
            bytes[at] ^= u8::try_from(input.byte()).unwrap() | 1;
        }
    }
    fs::write(path, bytes).unwrap();
}

/// Changes a section of a segment, or the manifest, and makes all checksums right again.
fn reseal(path: &Path, input: &mut Input<'_>) -> Result<(), IndexError> {
    let mut manifest = read_manifest(path)?.unwrap().manifest;
    let shard = input.byte() % manifest.shards.len();
    let shard = &mut manifest.shards[shard];
    match input.byte() % 8 {
        0 => shard.next_ordinal = u32::try_from(input.count() & 0xffff_ffff).unwrap(),
        1 => {
            let mut number = || u32::try_from(input.count() & 0xffff_ffff).unwrap();
            shard.ranges = vec![RangeManifest {
                from: number(),
                to: number(),
                rows: number(),
                dead: number(),
                at: u64::from(number()),
            }];
        }
        2 => shard.segments.reverse(),
        3 => {
            let twice = shard.segments[0].clone();
            shard.segments.push(twice);
        }
        4 => {
            let mut number = || u32::try_from(input.count() & 0xffff_ffff).unwrap();
            let (from, to, at) = (number(), number(), u64::from(number()));
            let mut segments = shard.segments.clone();
            segments.rotate_left(input.byte() % shard.segments.len());
            shard.begun = vec![BegunManifest {
                at,
                from,
                to,
                has_graph: input.byte().is_multiple_of(2),
                is_shown: input.byte().is_multiple_of(2),
                expected: Some(at),
                segments,
            }];
        }
        _ => {
            let segment = input.byte() % shard.segments.len();
            let entry = &mut shard.segments[segment].file;
            let reader = SegmentReader::open(path, entry, Verify::All)?;
            let target = input.byte() % reader.names().count();
            let mut writer = SegmentWriter::create(path, "000000000100.segment")?;
            for (at, name) in reader.names().enumerate() {
                let mut bytes = reader.section(name)?.to_vec();
                if at == target {
                    change(&mut bytes, input);
                }
                writer.add(name, &bytes)?;
            }
            *entry = writer.finish()?;
        }
    }
    publish_manifest(path, &manifest)
}

fn change(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    match input.byte() % 8 {
        0 => bytes.truncate(input.short() % (bytes.len() + 1)),
        1 => bytes.extend_from_slice(input.0),
        2 => bytes.fill(u8::try_from(input.byte()).unwrap()),
        _ if bytes.is_empty() => {}
        _ => {
            for _ in 0..=input.byte() % 8 {
                let at = input.short() % bytes.len();
                bytes[at] = u8::try_from(input.byte()).unwrap();
            }
        }
    }
}
