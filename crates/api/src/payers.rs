//! Payers: consent, enrolment, messages, face payment.

use serde::{Deserialize, Serialize};
use types::{Amount, ConsentId, EnrolmentId, GeoPoint, MessageId, PayerId, Tier, Timestamp};
use utoipa::ToSchema;

use crate::passkeys::PasskeyAnswer;
use crate::schema::{AmountSchema, GeoPointSchema};

/// The language a payer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What a payer's face may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Face payment was never switched on.
    None,
    /// It can be debited by face.
    Enabled,
    /// Switched off.
    Frozen,
}

/// The holder's own view of the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PayerView {
    /// Its id.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// Full name.
    pub name: String,
    /// What the face may do.
    pub face: Face,
    /// What can be spent, one entry per currency.
    #[schema(value_type = Vec<AmountSchema>)]
    pub balances: Vec<Amount>,
    /// How well the holder is known: `basic` as typed, `verified` by a document.
    #[schema(value_type = String)]
    pub tier: Tier,
}

/// A consent text: the one in force, or one that was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentText {
    /// Its version; send it back to agree.
    pub version: String,
    /// The text in Chinese.
    pub zh: String,
    /// The text in English.
    pub en: String,
}

/// Agreement to a version of the consent text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The version that was shown.
    pub version: String,
}

/// Pictures of the holder's face.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// 2 to 5 JPEG or PNG pictures, base64. Different days and light make recognition surer.
    #[schema(min_items = 2, max_items = 5)]
    pub frames: Vec<String>,
}

/// An enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentView {
    /// Its id.
    #[schema(value_type = String)]
    pub enrolment_id: EnrolmentId,
    /// The consent it rests on.
    #[schema(value_type = String)]
    pub consent_id: ConsentId,
    /// Is face payment on? Only after the code from the own device's message.
    pub confirmed: bool,
    /// When the code stops working.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// The code that came to the holder's own device.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEnrolment {
    /// Six digits.
    pub code: String,
    /// The payment PIN, where this device joined the account only lately.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pin: Option<String>,
    /// The answer to this enrolment's challenge; needed once the payer has a passkey.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passkey: Option<PasskeyAnswer>,
}

/// Where the holder's own device is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceLocation {
    /// Degrees.
    #[schema(value_type = GeoPointSchema)]
    pub point: GeoPoint,
}

/// Switch face payment off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {}

/// Switch face payment on again: with either of the two.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unfreeze {
    /// The payment PIN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pin: Option<String>,
    /// The answer to a challenge of `/v1/me/face/unfreeze/challenge`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passkey: Option<PasskeyAnswer>,
}

/// The answer to "is this you?" on the own device.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmAnswer {
    /// `true`: it is me, and I want to pay.
    pub yes: bool,
    /// The payment PIN, for a yes where this device joined the account only lately.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pin: Option<String>,
    /// The answer to this question's challenge; needed for a yes once the payer has a passkey, never for a no.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passkey: Option<PasskeyAnswer>,
}

/// A message on the holder's own device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    #[schema(value_type = String)]
    pub message_id: MessageId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What kind of message, for programs.
    pub kind: String,
    /// What it is about: the id of a payment, dispute, enrolment or confirmation.
    pub reference: String,
    /// The words, in the holder's language.
    pub text: String,
    /// For programs: the code of an enrolment, the id of a question.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
}

/// Messages, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageList {
    /// At most 100.
    pub messages: Vec<Message>,
}
