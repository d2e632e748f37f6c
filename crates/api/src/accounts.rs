//! A payer's account: codes to phones, devices, PIN, number, documents, wards.

use serde::{Deserialize, Serialize};
use types::{ChallengeId, Date, KeyId, PayerId, PhoneNumber, Place, Tier, Timestamp};
use utoipa::ToSchema;

use crate::logins::Carrier;
use crate::payers::Language;
use crate::schema::PlaceSchema;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodePurpose {
    /// To open an account.
    Register,
    /// To log in on another device.
    Login,
    /// To make this the number of an account.
    Change,
    /// To set another PIN.
    Recover,
    /// To become the guardian of whoever has this phone.
    Guardian,
}

/// A code to be sent to a phone by text message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPhoneCode {
    /// E.164: `+8613800138000`.
    #[schema(value_type = String)]
    pub phone: PhoneNumber,
    /// What it is for. It works for nothing else.
    pub purpose: CodePurpose,
    /// What the text is written in.
    pub language: Language,
}

/// A code is on its way, whether or not the phone has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneCodeReply {
    /// To be sent back with the code.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// When the code stops working.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// An account to open, from the holder's own device.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayer {
    /// Of the code that was sent for `register`; the account's phone is the one it went to.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// Full name; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// `2001-02-03`.
    #[schema(value_type = String, format = Date)]
    pub birth_date: Date,
    /// Payment PIN: six digits that are not easily guessed.
    pub pin: String,
    /// What messages are written in.
    pub language: Language,
    /// Where the holder lives.
    #[schema(value_type = PlaceSchema)]
    pub home: Place,
    /// What the holder calls this device; 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub device: String,
    /// How this device will show that it is logged in.
    #[serde(default)]
    pub carrier: Carrier,
}

/// The new account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewPayerReply {
    /// Its id.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// For an app: the bearer key of this device, shown once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_key: Option<String>,
    /// For a browser: what goes in the header `X-CSRF-Token` with every change. The cookie comes in `Set-Cookie`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub csrf_token: Option<String>,
}

/// A login on one more device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayerLogin {
    /// Of the code that was sent for `login`.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// The payment PIN.
    pub pin: String,
    /// What the holder calls this device; 1 to 60 characters.
    pub device: String,
    /// How this device will show that it is logged in.
    #[serde(default)]
    pub carrier: Carrier,
}

/// A device of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    /// Its id.
    #[schema(value_type = String)]
    pub key_id: KeyId,
    /// What its owner calls it.
    pub device: String,
    /// How it shows that it is logged in.
    pub carrier: Carrier,
    /// Since when it belongs to the account.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it was last used, to the hour.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_at: Option<Timestamp>,
    /// Is it the one that asks?
    pub this: bool,
}

/// The devices that are logged in, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceList {
    /// All of them.
    pub devices: Vec<DeviceView>,
}

/// How many devices were logged out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggedOut {
    /// So many.
    pub devices: u64,
}

/// Another PIN, with the old one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePin {
    /// The PIN until now.
    pub old: String,
    /// The PIN from now on: six digits that are not easily guessed.
    pub new: String,
}

/// Another PIN, without the old one, asked for on a device of the account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverPin {
    /// Of the code that was sent for `recover` to the account's phone.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// The PIN after the wait: six digits that are not easily guessed.
    pub pin: String,
}

/// Another PIN, where no device is left: begins the wait.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverAccount {
    /// Of the code that was sent for `recover` to the account's phone.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
}

/// A recovery that waits, if the phone has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryReply {
    /// When the wait is over.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
}

/// Another PIN, where no device is left: after the wait.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRecovery {
    /// Of a second code that was sent for `recover`, after the wait.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// The PIN from now on: six digits that are not easily guessed.
    pub pin: String,
    /// What the holder calls this device; 1 to 60 characters. All others are logged out.
    pub device: String,
    /// How this device will show that it is logged in.
    #[serde(default)]
    pub carrier: Carrier,
}

/// Another number for the account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePhone {
    /// Of the code that was sent for `change` to the new number.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// The payment PIN.
    pub pin: String,
}

/// What kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// The identity card of a resident of China; number and birth date are checked against each other.
    ResidentId,
    /// A passport.
    Passport,
    /// Another official document with name, birth date and number.
    Other,
}

/// A document of the holder that a member of staff has seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// What kind of document.
    pub document_kind: DocumentKind,
    /// Its number; 1 to 40 characters.
    pub document_number: String,
    /// The full name, as the document has it.
    pub name: String,
    /// The birth date, as the document has it: `2001-02-03`.
    #[schema(value_type = String, format = Date)]
    pub birth_date: Date,
}

/// What the account is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// Which account.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// `verified`.
    #[schema(value_type = String)]
    pub tier: Tier,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub verified_at: Timestamp,
}

/// A minor to be guardian of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWard {
    /// Of the code that was sent for `guardian` to the minor's phone.
    #[schema(value_type = String)]
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
    /// The guardian's own payment PIN.
    pub pin: String,
}

/// A minor, as the guardian sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WardView {
    /// Whose account.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// The minor's name.
    pub name: String,
    /// When the guardian agreed.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// When the minor did; none: not yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed_at: Option<Timestamp>,
    /// Did the guardian switch face payment off?
    pub held: bool,
}

/// Whom the holder is guardian of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WardList {
    /// All of them.
    pub wards: Vec<WardView>,
}

/// Agreement to a guardian.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptGuardian {
    /// The minor's own payment PIN.
    pub pin: String,
}
