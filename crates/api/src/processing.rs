//! What is told about the processing of personal data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The register of processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessingRegister {
    /// Who processes; none where the operator's policy does not say.
    pub operator: Option<OperatorView>,
    /// Every kind of processing.
    pub entries: Vec<ProcessingEntry>,
    /// What the database holds besides, and why it is not personal.
    pub not_personal: Vec<NotPersonal>,
}

/// Who processes personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// As it is registered.
    pub name: String,
    /// Where a person answers.
    pub contact: String,
}

/// One kind of processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessingEntry {
    /// A name that never changes, for programs.
    pub code: String,
    /// In the database.
    pub columns: Vec<HeldColumns>,
    /// In files of the data folder whose names begin like this.
    pub files: Vec<String>,
    /// In Chinese.
    pub zh: ProcessingWords,
    /// In English.
    pub en: ProcessingWords,
}

/// Columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldColumns {
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
}

/// What is said of one kind of processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessingWords {
    /// Which data, of whom.
    pub what: String,
    /// For what purpose.
    pub why: String,
    /// On what legal basis.
    pub basis: String,
    /// Who sees it.
    pub seen_by: String,
    /// How long it is kept.
    pub kept: String,
    /// How it is protected meanwhile.
    pub protected: String,
    /// What ends it, and how.
    pub ended: String,
}

/// Columns that say nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotPersonal {
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
    /// Why they are not personal.
    pub why: String,
}
