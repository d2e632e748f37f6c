//! The routes, by who or what they are about. Each handler is one use case.

use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

pub(crate) mod accounts;
pub(crate) mod deliveries;
pub(crate) mod disputes;
pub(crate) mod gallery;
pub(crate) mod holders;
pub(crate) mod logins;
pub(crate) mod merchant_keys;
pub(crate) mod merchants;
pub(crate) mod money;
pub(crate) mod oidc;
pub(crate) mod order_codes;
pub(crate) mod passkey_logins;
pub(crate) mod passkeys;
pub(crate) mod payers;
pub(crate) mod payments;
pub(crate) mod privacy;
pub(crate) mod system;
pub(crate) mod terminals;
pub(crate) mod users;

/// The one way to show a key.
pub(crate) struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}
