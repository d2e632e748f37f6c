//! Terminals: registering, bringing a device in, stopping, moving.

use serde::{Deserialize, Serialize};
use types::{KeyId, MerchantId, Place, RelocationId, TerminalId, Timestamp};
use utoipa::ToSchema;

use crate::schema::PlaceSchema;

/// A terminal to register at an installed address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerminal {
    /// What the merchant calls it; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub label: String,
    /// Where it is installed.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
}

/// What brings a device in. The code is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Onboarding {
    /// The terminal.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// Eight groups of three digits, to be typed on the device. It works once.
    pub onboarding_code: String,
    /// Until when: a day.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A device that shows its code and its key. The request is signed with that key, and `keyid="new"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActivation {
    /// The onboarding code; hyphens and spaces do not count.
    pub code: String,
    /// The Ed25519 public key that the device made, 32 bytes in base64.
    pub public_key: String,
    /// What is printed on the device; 1 to 64 characters.
    pub serial: String,
}

/// The device is the terminal now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Activated {
    /// The `keyid` of its signatures from now on.
    #[schema(value_type = String)]
    pub key_id: KeyId,
    /// Which terminal it is.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// Whose.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// What the merchant calls it.
    pub label: String,
    /// Where it is installed.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
}

/// How far a terminal's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TerminalState {
    /// No device was brought in yet.
    Inactive,
    /// It takes payments.
    Active,
    /// It takes none for now.
    Suspended,
    /// It never takes any again.
    Revoked,
}

/// Where a terminal stood for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stand {
    /// From then.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until then; none: it stands there now.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
}

/// A terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TerminalView {
    /// Its id.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// Whose.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// What the merchant calls it.
    pub label: String,
    /// How far its life is.
    pub state: TerminalState,
    /// Why it was suspended, let work again or revoked; empty before.
    pub reason: String,
    /// What is printed on its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The key of its device.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Until when the onboarding code that waits works.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_expires_at: Option<Timestamp>,
    /// Where it is installed now.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
    /// Everywhere it stood, oldest first.
    pub places: Vec<Stand>,
    /// Every proposal to move it, oldest first.
    pub relocations: Vec<RelocationView>,
}

/// A merchant's terminals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TerminalList {
    /// Oldest first.
    pub terminals: Vec<TerminalView>,
}

/// Why something is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// 1 to 200 characters.
    pub reason: String,
}

/// A terminal to be moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRelocation {
    /// Where to.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
    /// Why; 1 to 200 characters.
    pub reason: String,
}

/// What became of a proposal to move a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelocationState {
    /// Nobody has decided.
    Proposed,
    /// It moved.
    Approved,
    /// It stays.
    Rejected,
}

/// A proposal to move a terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RelocationView {
    /// Its id.
    #[schema(value_type = String)]
    pub relocation_id: RelocationId,
    /// Which terminal.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// Where to.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
    /// Why.
    pub reason: String,
    /// Who proposed it: the id of a user or key.
    pub proposed_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub proposed_at: Timestamp,
    /// What became of it.
    pub state: RelocationState,
    /// Who decided: a user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
}
