//! Logging in: what a client gets to show from then on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
