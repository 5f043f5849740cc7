use std::path::{Path, PathBuf};

use thiserror::Error;

/// Everything that can go wrong. The codes cross the border to other languages and never change their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IndexError {
    /// The input breaks a stated rule; the index is unchanged.
    #[error("{0}")]
    Invalid(String),
    #[error("the index is closed")]
    Closed,
    /// Whoever asked no longer waits.
    #[error(
        "the deadline passed before the search was over; try again, ask for less, or allow more time"
    )]
    Late,
    /// The index can no longer be trusted: a writer panicked, or a graph returned what it was never given.
    #[error("{0}; restart the process to rebuild the index from its log")]
    Corrupt(String),
    /// A file is not what was written: cut, overwritten, or never ours.
    #[error(
        "{} is damaged: {reason}; restore it from a copy, or remove its folder to rebuild the index from its log",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    /// The folder holds an index of other rules, another embedder or other columns.
    #[error("{0}")]
    Foreign(String),
    /// Another process (or this one) has the folder open.
    #[error("the folder {} is open in {}; close it there first", folder.display(), holder(*pid))]
    Locked { folder: PathBuf, pid: Option<u32> },
    /// A file comes from a later version of this library, which must not be touched.
    #[error(
        "{} has format version {found}, this version reads up to {known}; update this process, or give it another folder",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    /// The operating system refused: a full disk, a read-only folder. What was published before is still whole, so the
    /// call can be repeated once the reason is gone.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        reason: String,
    },
}

impl IndexError {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INDEX_INVALID",
            Self::Closed => "INDEX_CLOSED",
            Self::Late => "INDEX_NOT_READY",
            Self::Corrupt(_) | Self::Damaged { .. } => "INDEX_CORRUPT",
            Self::Foreign(_) => "INDEX_FOREIGN",
            Self::Locked { .. } => "INDEX_LOCKED",
            Self::Newer { .. } => "INDEX_NEWER",
            Self::Io { .. } => "INDEX_IO",
        }
    }

    /// Whether the same call can succeed later without a change of its input.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Locked { .. } | Self::Late)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// The same error, saying where it arose.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Invalid(message) => Self::Invalid(format!("{place}: {message}")),
            other => other,
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }

    /// For `map_err`: the action is a verb phrase that fits behind "cannot".
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Io {
            action,
            path: path.to_path_buf(),
            reason: error.to_string(),
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".into(),
        |pid| format!("the process {pid}"),
    )
}
