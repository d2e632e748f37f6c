//! Paying without a face, by the code of an order.

use serde::{Deserialize, Serialize};
use types::{Amount, Place, Timestamp};
use utoipa::ToSchema;

use crate::payments::CaptureMode;
use crate::schema::{AmountSchema, PlaceSchema};

/// An order's code, to be shown to whoever pays. It is over when the order is: paid, taken back, expired.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderCodeView {
    /// 64 hexadecimal digits. Whoever has them can pay the order, and do nothing else.
    pub code: String,
    /// What the picture says: `https://.../pay/CODE` where the server knows its public address, else
    /// `surety:pay?code=CODE`.
    pub url: String,
    /// When the order ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// A QR picture of `url`: an SVG document.
    pub svg: String,
}

/// What a code asks its payer for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CodedOrderView {
    /// The shop's name.
    pub shop: String,
    /// Where its terminal stands.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// What for.
    pub description: String,
    /// Until when it can be paid.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When the money is taken: at once, or later by the merchant.
    pub capture: CaptureMode,
}

/// Pay the order behind a code, from the payer's own device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCodePayment {
    /// The code.
    pub code: String,
    /// The payment PIN.
    pub pin: String,
    /// Where it looks like the last purchase once more (`looks_repeated`): a second one is meant.
    #[serde(default)]
    pub again: bool,
}
