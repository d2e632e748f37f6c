//! Logging in: what is shown for it, what a client gets to show from then on, and taking further roles for a while.

use serde::{Deserialize, Serialize};
use types::{BreakGlassId, KeyId, MerchantId, MerchantRole, StaffRoles, Timestamp, UserId};
use utoipa::ToSchema;

use crate::schema::{MerchantRoleSchema, StaffRoleSchema};

/// How a client will show that it is logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// A browser: a cookie that scripts cannot read, and a token that goes with every change.
    #[default]
    Cookie,
    /// An app: a bearer key, to be kept in the device's key store.
    Bearer,
}

/// A login that was opened.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// For an app: the bearer key, shown once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// For a browser: what goes in the header `X-CSRF-Token` with every change. The cookie comes in `Set-Cookie`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub csrf_token: Option<String>,
}

/// What a new user chooses.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The invitation.
    pub invitation: String,
    /// 12 to 128 characters; any will do, but not the login and not what everybody tries first.
    pub password: String,
    /// Do without a second factor; only cashiers may.
    #[serde(default)]
    pub without_totp: bool,
}

/// The password is set.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// What to type to log in.
    pub login: String,
    /// The second factor, still to be confirmed with a first code; none: log in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub totp: Option<TotpSetup>,
}

/// A second factor to put into an authenticator app (RFC 6238). Shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TotpSetup {
    /// Show it as a QR code: `otpauth://totp/...`.
    pub uri: String,
    /// The same secret in base 32, to be typed.
    pub secret: String,
}

/// The first code of a second factor.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmInvitation {
    /// The invitation, once more.
    pub invitation: String,
    /// Six digits.
    pub code: String,
}

/// A login to open.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogin {
    /// The login.
    pub login: String,
    /// The password.
    pub password: String,
    /// The current code of the second factor; each is taken once.
    #[serde(default)]
    pub totp: Option<String>,
    /// How the client will show it.
    #[serde(default)]
    pub carrier: Carrier,
}

/// Who is logged in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginView {
    /// The user.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What is typed to log in.
    pub login: String,
    /// What others read.
    pub name: String,
    /// The merchant that the user works for; none: the operator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub merchant_id: Option<MerchantId>,
    /// What a member of staff may do now, with what was taken by break-glass.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
    /// What a merchant's user is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<MerchantRoleSchema>)]
    pub role: Option<MerchantRole>,
    /// Until when this login is open; none for the key of the first start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// For a browser: what goes in the header `X-CSRF-Token` with every change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub csrf_token: Option<String>,
    /// Further roles taken for a while.
    pub break_glass: Vec<BreakGlassView>,
}

/// A login that is open.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OpenLogin {
    /// Its public id.
    #[schema(value_type = String)]
    pub key_id: KeyId,
    /// How the client shows it.
    pub carrier: Carrier,
    /// How it was proven.
    pub method: String,
    /// Is it the one that asks?
    pub current: bool,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when; none for the key of the first start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub seen_at: Option<Timestamp>,
}

/// Logins that are open, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OpenLoginList {
    /// Each.
    pub logins: Vec<OpenLogin>,
}

/// Another password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The one in force.
    pub old: String,
    /// The one from now on, as in [`AcceptInvitation`].
    pub new: String,
}

/// What became of coming back from the OpenID provider.
#[derive(Clone, Default, Debug, Serialize, Deserialize, ToSchema)]
pub struct OidcAnswer {
    /// The provider checked one factor only: send your own code to `POST /v1/oidc/code` within five minutes.
    pub code_needed: bool,
    /// Logged in: what goes in the header `X-CSRF-Token` with every change. The cookie comes in `Set-Cookie`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub csrf_token: Option<String>,
}

/// The code of the second factor, after a provider that checked one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcCode {
    /// Six digits.
    pub totp: String,
}

/// Further roles to take for a while.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBreakGlass {
    /// Why: 10 to 500 characters, read by auditors.
    pub reason: String,
    /// Which roles; neither administrator nor auditor.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
    /// For how many minutes: 1 to 60.
    pub minutes: u32,
}

/// Further roles that somebody took for a while.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassView {
    /// Its id, which every record made under it carries.
    #[schema(value_type = String)]
    pub break_glass_id: BreakGlassId,
    /// Who took them.
    pub login: String,
    /// Which.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when at the latest.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// When somebody ended it earlier.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
    /// Who did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_by: Option<String>,
}

/// Who took further roles, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassList {
    /// Each.
    pub break_glass: Vec<BreakGlassView>,
}
