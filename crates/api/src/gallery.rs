//! What is done with all enrolled faces.

use serde::{Deserialize, Serialize};
use types::{Digest, PayerId, Timestamp};
use utoipa::ToSchema;

/// The enrolled faces, and what is done with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GalleryView {
    /// People with an enrolled face.
    pub enrolled: u64,
    /// SHA-256 of the embedding model in use.
    #[schema(value_type = String)]
    pub model: Digest,
    /// What its scores mean: the name of the calibration.
    pub calibration: String,
    /// The model that is to replace it, if one is.
    #[schema(value_type = Option<String>)]
    pub successor: Option<Digest>,
    /// Work through all faces that was ever begun.
    pub jobs: Vec<GalleryJob>,
}

/// How far a work through all faces is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GalleryJob {
    /// `look_alikes`, `learning`, or `templates of` a model.
    pub name: String,
    /// Faces done; of `learning`, payments.
    pub done: u64,
    /// Those of them that could not be done, or taught nothing.
    pub left_out: u64,
    /// Faces there were when it began.
    pub wanted: u64,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was over; a work without an end has none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// Two accounts that probably belong to one person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateAccount {
    /// The payers, smaller id first.
    #[schema(value_type = Vec<String>)]
    pub payers: [PayerId; 2],
    /// How similar their faces are; a cosine.
    pub score: f64,
    /// Since when it is known.
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Timestamp,
}

/// Pairs of accounts, the latest found first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateAccountList {
    /// At most 100.
    pub duplicates: Vec<DuplicateAccount>,
}
