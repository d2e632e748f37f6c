//! Passkeys. What goes to a browser's `navigator.credentials` and comes back from it is opaque here; its shape is the
//! W3C's: <https://www.w3.org/TR/webauthn-3/>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::{CeremonyId, PasskeyId, Timestamp};
use utoipa::ToSchema;

use crate::logins::Carrier;

/// The payment PIN, for what only the holder may do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithPin {
    /// Six digits.
    pub pin: String,
}

/// Nothing but the wish for a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChallenge {}

/// A challenge for a device. It is used once, whether the answer is right or wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ceremony {
    /// To be sent back with the answer.
    #[schema(value_type = String)]
    pub ceremony_id: CeremonyId,
    /// For a browser: give the member `publicKey` to `PublicKeyCredential.parseCreationOptionsFromJSON` (to make a
    /// passkey) or `parseRequestOptionsFromJSON` (to use one), and the result to `navigator.credentials`. See
    /// <https://www.w3.org/TR/webauthn-3/#sctn-parseCreationOptionsFromJSON>.
    #[schema(value_type = Object)]
    pub options: Value,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A device's answer to a challenge.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyAnswer {
    /// Which challenge.
    #[schema(value_type = String)]
    pub ceremony_id: CeremonyId,
    /// What `navigator.credentials.get` gave, by `toJSON`. See
    /// <https://www.w3.org/TR/webauthn-3/#dictdef-authenticationresponsejson>.
    #[schema(value_type = Object)]
    pub credential: Map<String, Value>,
}

/// A passkey that a device made.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// Which challenge.
    #[schema(value_type = String)]
    pub ceremony_id: CeremonyId,
    /// What its owner calls it; 1 to 50 characters.
    pub label: String,
    /// What `navigator.credentials.create` gave, by `toJSON`. See
    /// <https://www.w3.org/TR/webauthn-3/#dictdef-registrationresponsejson>.
    #[schema(value_type = Object)]
    pub credential: Map<String, Value>,
}

/// A passkey. Its secret half is on its owner's device only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyView {
    /// Its id.
    #[schema(value_type = String)]
    pub passkey_id: PasskeyId,
    /// What its owner calls it.
    pub label: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last confirmed something.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
    /// Does it open nothing any more, because a copy of it seems to exist?
    pub blocked: bool,
}

/// Passkeys, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyList {
    /// At most ten.
    pub passkeys: Vec<PasskeyView>,
}

/// Whose login a passkey is to open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLoginChallenge {
    /// What is typed to log in. Without it the device offers whatever passkey it has for this site. The answer to a
    /// name that nobody has looks the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub login: Option<String>,
}

/// A passkey's answer to a challenge to log in.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskeyLogin {
    /// Which challenge.
    #[schema(value_type = String)]
    pub ceremony_id: CeremonyId,
    /// What `navigator.credentials.get` gave, by `toJSON`. See
    /// <https://www.w3.org/TR/webauthn-3/#dictdef-authenticationresponsejson>.
    #[schema(value_type = Object)]
    pub credential: Map<String, Value>,
    /// How the login is shown from then on.
    #[serde(default)]
    pub carrier: Carrier,
}
