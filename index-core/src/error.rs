use thiserror::Error;

/// Everything that can go wrong. The codes cross the border to other languages and never change their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IndexError {
    /// The input breaks a stated rule; the index is unchanged.
    #[error("{0}")]
    Invalid(String),
    #[error("the index is closed")]
    Closed,
    /// The index can no longer be trusted: a writer panicked, or a graph returned what it was never given.
    #[error("{0}; restart the process to rebuild the index from its log")]
    Corrupt(String),
}

impl IndexError {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INDEX_INVALID",
            Self::Closed => "INDEX_CLOSED",
            Self::Corrupt(_) => "INDEX_CORRUPT",
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}
