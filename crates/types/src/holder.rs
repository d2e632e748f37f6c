//! How well the operator knows who holds an account.

use serde::{Deserialize, Serialize};

/// How well the holder of an account is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Name and birth date are as the holder typed them.
    #[default]
    Basic,
    /// Somebody compared them with a document.
    Verified,
}

impl Tier {
    /// As stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Verified => "verified",
        }
    }
}
