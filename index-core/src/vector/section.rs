//! Arrays that are owned while a segment is in memory and borrowed from a file's bytes once it was read.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::error::IndexError;

/// Bytes of a file's section, owned or mapped; they must not change.
pub type SharedBytes = Arc<dyn Deref<Target = [u8]> + Send + Sync>;

/// A cache line, so that owned codes start on one.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; 64]);

impl Line {
    pub(crate) fn of(byte: u8) -> Self {
        Self([byte; 64])
    }
}

pub(crate) enum Section<T> {
    Owned(Vec<T>),
    Shared(SharedBytes, PhantomData<T>),
}

impl<T: Pod> Section<T> {
    /// Bytes of a file as `length` values of `T`; copied only if they are not aligned.
    pub(crate) fn of(name: &str, bytes: SharedBytes, length: usize) -> Result<Self, IndexError> {
        if Some(bytes.len()) != length.checked_mul(size_of::<T>()) {
            return Err(IndexError::Corrupt(format!(
                "section {name} has {} bytes instead of {length} values of {}",
                bytes.len(),
                size_of::<T>()
            )));
        }
        if bytemuck::try_cast_slice::<u8, T>(&bytes).is_ok() {
            return Ok(Self::Shared(bytes, PhantomData));
        }
        let mut owned = vec![T::zeroed(); length];
        bytemuck::cast_slice_mut::<T, u8>(&mut owned).copy_from_slice(&bytes);
        Ok(Self::Owned(owned))
    }

    /// Copies first what is borrowed.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T> {
        if let Self::Shared(..) = self {
            *self = Self::Owned(self.to_vec());
        }
        match self {
            Self::Owned(values) => values,
            Self::Shared(..) => unreachable!("it was copied just now"),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(..))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }
}

impl<T: Pod> Deref for Section<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            Self::Shared(bytes, _) => bytemuck::cast_slice(bytes),
        }
    }
}

/// `bytes` in lines of 64, for codes; the length must be a multiple.
pub(crate) fn lines_of(bytes: &[u8]) -> Vec<Line> {
    let mut lines = vec![Line::zeroed(); bytes.len() / size_of::<Line>()];
    bytemuck::cast_slice_mut::<Line, u8>(&mut lines).copy_from_slice(bytes);
    lines
}
