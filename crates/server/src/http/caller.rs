//! Whose key a request carries.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use engine::{Caller, MerchantCaller, OwnDevice, StaffCaller, TerminalCaller};

use super::App;
use super::problem::Problem;
use super::run::blocking;

/// Anybody with a key.
pub(crate) struct Anybody(pub(crate) Caller);
/// The operator's staff.
pub(crate) struct Staff(pub(crate) StaffCaller);
/// A merchant's systems.
pub(crate) struct Merchant(pub(crate) MerchantCaller);
/// A terminal.
pub(crate) struct Terminal(pub(crate) TerminalCaller);
/// A payer's own device.
pub(crate) struct Payer(pub(crate) OwnDevice);

async fn caller(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret =
        value.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).filter(|key| !key.is_empty());
    let secret = secret.ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "key_missing",
            "send a key, in the header Authorization: Bearer KEY",
        )
    })?;
    let secret = zeroize::Zeroizing::new(secret.to_owned());
    blocking(app, move |engine| engine.authenticate(&secret)).await
}

macro_rules! roles {
    ($($role:ident: $take:expr;)+) => {$(
        impl FromRequestParts<App> for $role {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let take = $take;
                Ok(Self(take(caller(parts, app).await?)?))
            }
        }
    )+};
}

roles! {
    Anybody: |caller: Caller| Ok::<_, Problem>(caller);
    Staff: |caller: Caller| caller.staff();
    Merchant: |caller: Caller| caller.merchant();
    Terminal: |caller: Caller| caller.terminal();
    Payer: |caller: Caller| caller.own_device();
}
