//! What tells a payer that something was erased for good.

use serde::{Deserialize, Serialize};
use types::{CaptureId, DisputeId, Timestamp, TombstoneId};
use utoipa::ToSchema;

use crate::PayerView;

/// Why something was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// The consent to the processing of face data was withdrawn.
    ConsentWithdrawn,
    /// The account was closed.
    AccountClosed,
    /// The dispute that had still needed it is closed.
    DisputeClosed,
}

/// What kind of thing was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasedKind {
    /// The enrolled face.
    Template,
    /// A face that waited for its code.
    Enrolment,
    /// What a face was made of, and the picture it came from if one was kept.
    TemplatePart,
    /// The key of both.
    FaceKey,
    /// The face a terminal saw, its key, and with it its pictures.
    Capture,
    /// Name and phone number, and their key.
    Contact,
}

/// Something that was erased. The digests prove to whoever holds a copy that it was this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// What kind of thing.
    pub kind: ErasedKind,
    /// Its id, or the account's.
    pub id: String,
    /// SHA-256 of the sealed bytes, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sealed_sha256: Option<String>,
    /// SHA-256 of the wrapped key, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_sha256: Option<String>,
}

/// A capture that an open dispute still needs; it is erased when the case is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptCapture {
    /// Which.
    #[schema(value_type = String)]
    pub capture_id: CaptureId,
    /// For which case.
    #[schema(value_type = String)]
    pub dispute_id: DisputeId,
}

/// What is kept of what was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tombstone {
    /// Its id.
    #[schema(value_type = String)]
    pub tombstone_id: TombstoneId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    pub reason: ErasureReason,
    /// What was erased.
    pub erased: Vec<Erased>,
    /// What is not erased yet, and why.
    pub kept: Vec<KeptCapture>,
}

/// The account after the consent was withdrawn, and what was erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// The account, without a face.
    #[serde(flatten)]
    pub payer: PayerView,
    /// What was erased.
    pub tombstone: Tombstone,
}

/// Close the account for good.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// The payment PIN.
    pub pin: String,
}
