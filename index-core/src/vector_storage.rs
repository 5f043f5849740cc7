use std::fmt;

use serde::{Deserialize, Serialize};

/// How an index keeps the rows that its scores are made of. What is searched first, codes of 4 and 8 bits, is the same
/// for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VectorStorage {
    /// 4 bytes a component.
    #[default]
    F32,
    /// 2 bytes a component: the upper half of an f32, rounded to nearest, ties to even. Scores are exact with respect to
    /// the rounded rows.
    Bf16,
}

impl VectorStorage {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// `None` for what is no storage.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::F32, Self::Bf16]
            .into_iter()
            .find(|storage| storage.name() == name)
    }
}

impl fmt::Display for VectorStorage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
