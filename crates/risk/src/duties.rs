//! What the law asks of the operator besides deciding payments: to say who it is, and to file when it holds many faces.

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// Characters of a name or an address; more is a mistake.
const TEXT_MAX: usize = 200;

/// Who processes the data. The consent to face data names it: Art. 5 of the Chinese rules on face recognition of
/// 2025-06-01.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// As it is registered.
    pub name: String,
    /// Where a person answers: a phone number, a mailbox, an address.
    pub contact: String,
}

/// From how many faces on the operator has to file, and is warned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duties {
    /// Whoever stores so many faces files with the authority within 30 working days: Art. 15 of the same rules.
    pub faces_to_file: u64,
    /// Long enough before, the operator is warned.
    pub warn_from: u64,
}

impl Default for Duties {
    /// The law's number, and a tenth of it to prepare.
    fn default() -> Self {
        Self { faces_to_file: 100_000, warn_from: 90_000 }
    }
}

impl Duties {
    pub(crate) fn check(self) -> Result<(), PolicyError> {
        let sensible = 0 < self.warn_from && self.warn_from <= self.faces_to_file;
        let what = "duties.warn_from is above 0 and at most duties.faces_to_file";
        if sensible { Ok(()) } else { Err(PolicyError::Nonsense(what)) }
    }
}

impl Operator {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let readable = |text: &str| {
            !text.trim().is_empty()
                && text.chars().count() <= TEXT_MAX
                && !text.chars().any(|c| c.is_control() || matches!(c, '{' | '}'))
        };
        let what = "operator.name and operator.contact have 1 to 200 characters on one line, without braces";
        if readable(&self.name) && readable(&self.contact) {
            Ok(())
        } else {
            Err(PolicyError::Nonsense(what))
        }
    }
}
