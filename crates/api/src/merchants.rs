//! Merchants, terminals, and money from outside.

use serde::{Deserialize, Serialize};
use types::{Amount, MerchantId, Place, TerminalId, TransferId};
use utoipa::ToSchema;

use crate::schema::{AmountSchema, PlaceSchema};

/// A merchant to register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerchant {
    /// The name payers read; 1 to 100 characters.
    pub name: String,
    /// Where it does business; 1 to 100 characters.
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

/// A device to register at an installed address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerminal {
    /// What the merchant calls it; 1 to 100 characters.
    pub label: String,
    /// Where it is installed.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
}

/// The new terminal. The key is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTerminalReply {
    /// Its id.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// The device's bearer key. Keep it secret.
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
