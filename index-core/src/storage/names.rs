//! Names of the files that are ours. Nothing else in a folder is ever read, replaced or removed.

use crate::error::IndexError;

/// Every segment's name ends so; see [`check_segment_name`] for the whole pattern.
pub const SEGMENT_SUFFIX: &str = ".segment";
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";
pub(super) const MANIFEST: &str = "MANIFEST";
pub(super) const PREVIOUS: &str = "MANIFEST.previous";
pub(super) const LOCK: &str = "LOCK";

/// Far below the 255 bytes of common file systems, the temporary suffix included.
const STEM_BYTES_MAX: usize = 128;

pub(super) fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY_SUFFIX}")
}

pub(super) fn is_segment_name(name: &str) -> bool {
    name.strip_suffix(SEGMENT_SUFFIX).is_some_and(|stem| {
        (1..=STEM_BYTES_MAX).contains(&stem.len())
            && stem
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// A name without a separator or a dot can neither leave the folder nor hide in it.
pub(super) fn check_segment_name(name: &str) -> Result<(), IndexError> {
    if is_segment_name(name) {
        return Ok(());
    }
    Err(IndexError::invalid(format!(
        "{name:?} is no name of a segment: 1 to {STEM_BYTES_MAX} of a-z, 0-9 and -, then {SEGMENT_SUFFIX}"
    )))
}

/// Left behind by a process that was killed while it wrote.
pub(super) fn is_temporary_name(name: &str) -> bool {
    name.strip_suffix(TEMPORARY_SUFFIX)
        .is_some_and(|stem| stem == MANIFEST || stem == PREVIOUS || is_segment_name(stem))
}
