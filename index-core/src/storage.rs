//! Files of an index: immutable segments, and a manifest that names those which count.
//!
//! The order of a checkpoint: segments are written under temporary names, synced and renamed; then the manifest, in the
//! same way; then files that no manifest names are removed. So a kill at any moment leaves the old manifest or the new
//! one, with every file it names. There is no log here: what came after the manifest's sequence is replayed from the
//! stream. One process per folder, see [`DirectoryLock`].

mod bytes;
mod dead_rows;
mod disk;
mod folder;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod garbage;
mod lock;
mod manifest;
mod manifest_file;
mod names;
mod publish;
mod segment_layout;
mod segment_reader;
mod segment_writer;
#[cfg(test)]
mod tests;

pub use bytes::SectionBytes;
pub use folder::{discard, manifest_entry, next_free_number, segment_name};
pub use garbage::collect_garbage;
pub use lock::DirectoryLock;
pub use manifest::{
    BegunManifest, CollectionIdentity, FileEntry, Manifest, RangeManifest, SegmentManifest,
    ShardManifest,
};
pub use manifest_file::MANIFEST_VERSION;
pub use names::SEGMENT_SUFFIX;
pub use publish::{OpenedManifest, publish_manifest, read_manifest, read_previous_manifest};
pub use segment_layout::SEGMENT_VERSION;
pub use segment_reader::{SegmentReader, Verify};
pub use segment_writer::SegmentWriter;
