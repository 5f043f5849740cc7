//! One array of a block: owned while the block is in memory, or the bytes of a file, mapped or read, looked at in place.

use std::ops::Deref;

use bytemuck::Pod;

use crate::error::IndexError;

type Bytes = Box<dyn Deref<Target = [u8]> + Send + Sync>;

pub(crate) enum Section<T> {
    Owned(Vec<T>),
    Bytes(Bytes),
}

impl<T: Pod> Section<T> {
    /// Fails where the bytes are no whole number of aligned elements.
    pub(crate) fn from_bytes<B>(name: &str, bytes: B) -> Result<Self, IndexError>
    where
        B: Deref<Target = [u8]> + Send + Sync + 'static,
    {
        match bytemuck::try_cast_slice::<u8, T>(&bytes) {
            Ok(_) => Ok(Self::Bytes(Box::new(bytes))),
            Err(reason) => Err(IndexError::Corrupt(format!(
                "section {name} of {} bytes cannot be read: {reason}",
                bytes.len()
            ))),
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(elements) => elements,
            // Checked when the section was made.
            Self::Bytes(bytes) => bytemuck::try_cast_slice(bytes).unwrap_or_default(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Owned(elements) => bytemuck::cast_slice(elements),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Bytes of memory that this section owns.
    pub(crate) fn owned_bytes(&self) -> usize {
        match self {
            Self::Owned(elements) => std::mem::size_of_val(elements.as_slice()),
            Self::Bytes(_) => 0,
        }
    }
}

impl<T> From<Vec<T>> for Section<T> {
    fn from(elements: Vec<T>) -> Self {
        Self::Owned(elements)
    }
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}
