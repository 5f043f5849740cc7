use std::fmt;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use memmap2::Mmap;

use crate::error::IndexError;

/// A cache line, and the widest vector register: kernels may load whole lines from the start of a section.
pub(super) const ALIGNMENT: usize = 64;

const _: () = assert!(
    cfg!(target_endian = "little"),
    "sections are read as they lie in the file, which is little-endian"
);

/// Bytes of one section, 64-byte aligned, in memory or mapped from a file. A clone shares them.
#[derive(Clone)]
pub struct SectionBytes {
    storage: Arc<Storage>,
    range: Range<usize>,
}

/// What a section's bytes lie in; the path is for errors only.
pub(super) struct Storage {
    path: PathBuf,
    held: Held,
}

enum Held {
    /// The bytes from `start` on. Never grows after it was built, so its address stays.
    Owned {
        buffer: Vec<u8>,
        start: usize,
    },
    Mapped(Mmap),
}

impl Storage {
    pub(super) fn mapped(path: &Path, map: Mmap) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_path_buf(),
            held: Held::Mapped(map),
        })
    }

    /// Safe code cannot ask for an aligned allocation, so it asks for more and begins where the alignment is.
    pub(super) fn copied(path: &Path, bytes: &[u8]) -> Arc<Self> {
        let mut buffer: Vec<u8> = Vec::with_capacity(bytes.len() + ALIGNMENT);
        let start = (ALIGNMENT - buffer.as_ptr().addr() % ALIGNMENT) % ALIGNMENT;
        buffer.resize(start, 0);
        buffer.extend_from_slice(bytes);
        Arc::new(Self {
            path: path.to_path_buf(),
            held: Held::Owned { buffer, start },
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.held {
            Held::Owned { buffer, start } => &buffer[*start..],
            Held::Mapped(map) => map,
        }
    }
}

impl SectionBytes {
    /// Copies once: an allocation is aligned for its elements only, a section for any of them.
    #[must_use]
    pub fn from_vec<T: NoUninit>(values: Vec<T>) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(&values);
        let section = Self::copied(Path::new("a section in memory"), bytes);
        drop(values);
        section
    }

    pub(super) fn copied(path: &Path, bytes: &[u8]) -> Self {
        Self {
            storage: Storage::copied(path, bytes),
            range: 0..bytes.len(),
        }
    }

    /// The caller has checked that the range lies within the storage.
    pub(super) fn within(storage: &Arc<Storage>, range: Range<usize>) -> Self {
        Self {
            storage: Arc::clone(storage),
            range,
        }
    }

    /// The bytes as an array, without a copy. Numbers are little-endian in files, as on every machine we build for.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` if the length is no multiple of the element's size.
    pub fn as_pods<T: AnyBitPattern>(&self) -> Result<&[T], IndexError> {
        bytemuck::try_cast_slice(self).map_err(|_| {
            IndexError::damaged(
                &self.storage.path,
                format!(
                    "a section of {} bytes is no array of values of {} bytes",
                    self.len(),
                    size_of::<T>()
                ),
            )
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Whether the bytes are pages of a file, which the system can take back, and not memory of this process.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(self.storage.held, Held::Mapped(_))
    }
}

impl Deref for SectionBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage.bytes()[self.range.clone()]
    }
}

impl fmt::Debug for SectionBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SectionBytes")
            .field("bytes", &self.len())
            .field("is_mapped", &self.is_mapped())
            .finish_non_exhaustive()
    }
}
