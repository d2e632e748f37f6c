//! Merchants, their keys, and money from outside.

use serde::{Deserialize, Serialize};
use types::{Amount, KeyId, MerchantId, Rights, Timestamp, TransferId};
use utoipa::ToSchema;

use crate::schema::AmountSchema;

/// A merchant to register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerchant {
    /// The name payers read; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Where it does business; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub city: String,
}

/// The new merchant. The key is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewMerchantReply {
    /// Its id.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// The bearer key of the merchant's systems. Keep it secret.
    pub api_key: String,
}

/// Money that comes in from outside, once per `transfer_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Funding {
    /// The caller's own id of this movement: `tr_` and 32 hexadecimal digits. Sent twice, it is applied once.
    #[schema(value_type = String)]
    pub transfer_id: TransferId,
    /// How much; positive.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
}

/// A key for a system of a merchant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerchantKey {
    /// What its owner calls it; 1 to 100 characters.
    pub label: String,
    /// What it may do, at least one, and nothing that the caller may not: `orders`, `payments`, `refunds`, `money`,
    /// `disputes`, `manage`.
    #[schema(value_type = Vec<String>)]
    pub rights: Rights,
    /// The Ed25519 public key of a system that signs its requests, 32 bytes in base64. Left out, the key is a bearer
    /// key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Its life, 1 to 3,650 days. Left out, it lives until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
}

/// How a key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A secret in the header `Authorization`.
    Bearer,
    /// A signature over each request (RFC 9421).
    Signature,
}

/// A merchant's key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantKeyView {
    /// Its public id: the `keyid` of signatures.
    #[schema(value_type = String)]
    pub key_id: KeyId,
    /// How it is shown.
    pub kind: KeyKind,
    /// What its owner calls it.
    pub label: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub rights: Rights,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The secret of a bearer key that was just made; shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

/// A merchant's live keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantKeyList {
    /// Oldest first.
    pub keys: Vec<MerchantKeyView>,
}

/// A key that takes the place of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// For how long the old key works beside the new one: 0 to 168 hours.
    pub overlap_hours: u32,
    /// The new public key of a system that signs, 32 bytes in base64; nothing for a bearer key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}
