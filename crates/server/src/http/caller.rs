//! Who a request speaks for: a signature, a bearer key, or a browser's cookie.
//!
//! A cookie goes with every request a browser makes, whichever page asks for it. So a change needs a second proof that
//! our own page asks: the header `X-CSRF-Token`, which another site can neither read nor guess (OWASP's cheat sheet on
//! cross-site request forgery), and an `Origin` that is this host. Bearer keys are never sent by a browser by itself.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum_extra::extract::CookieJar;
use engine::{Caller, CredentialKind, MerchantCaller, OwnDevice, StaffCaller, TerminalCaller};
use url::Url;
use zeroize::Zeroizing;

use super::App;
use super::problem::Problem;
use super::run::run;
use super::signature;

/// Carries the second proof of a change that a cookie speaks for.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Whose cookie. A browser may be a payer's and a merchant's at the same time. `__Host-` binds a cookie to this host
/// and to encrypted connections (RFC 6265bis, section 4.1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jar {
    /// A payer's wallet.
    Payer,
    /// People of the operator and of merchants.
    User,
}

impl Jar {
    pub(crate) const fn cookie(self) -> &'static str {
        match self {
            Self::Payer => "__Host-surety-payer",
            Self::User => "__Host-surety-user",
        }
    }
}

/// Anybody with a credential.
pub(crate) struct Anybody(pub(crate) Caller);
/// The operator's staff.
pub(crate) struct Staff(pub(crate) StaffCaller);
/// A merchant's systems and people.
pub(crate) struct Merchant(pub(crate) MerchantCaller);
/// A terminal.
pub(crate) struct Terminal(pub(crate) TerminalCaller);
/// A payer's own device.
pub(crate) struct Payer(pub(crate) OwnDevice);

async fn caller(parts: &mut Parts, app: &App, jars: &'static [Jar]) -> Result<Caller, Problem> {
    if let Some(claim) = signature::claim(parts)? {
        if bearer(&parts.headers).is_some() {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "key_ambiguous",
                "send a signature or a bearer key, not both",
            ));
        }
        return signature::signer(parts, app, claim).await;
    }
    let (secret, shown) = shown(parts, app, jars)?;
    let key = Zeroizing::clone(&secret);
    let found = run(app, move |engine, ctx| engine.authenticate(ctx.now, &secret, shown)).await;
    app.limits.looked_up(parts, key.as_str(), &found)?;
    found
}

/// The secret that a request shows, and how.
fn shown(
    parts: &Parts,
    app: &App,
    jars: &'static [Jar],
) -> Result<(Zeroizing<String>, CredentialKind), Problem> {
    if let Some(secret) = bearer(&parts.headers) {
        return Ok((secret, CredentialKind::Bearer));
    }
    let found = jars.iter().find_map(|jar| shown_cookie(&parts.headers, *jar));
    let secret = found.ok_or_else(missing)?;
    if !parts.method.is_safe() {
        forgery_refused(parts, app, &secret)?;
    }
    Ok((secret, CredentialKind::Cookie))
}

/// The secret in a cookie of ours, when no bearer key speaks instead.
pub(crate) fn shown_cookie(headers: &HeaderMap, jar: Jar) -> Option<Zeroizing<String>> {
    if bearer(headers).is_some() {
        return None;
    }
    let cookies = CookieJar::from_headers(headers);
    cookies.get(jar.cookie()).map(|cookie| Zeroizing::new(cookie.value().to_owned()))
}

fn bearer(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let secret = value.strip_prefix("Bearer ").map(str::trim).filter(|key| !key.is_empty())?;
    Some(Zeroizing::new(secret.to_owned()))
}

fn missing() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "key_missing",
        "send a key, in the header Authorization: Bearer KEY, sign the request, or log in",
    )
}

/// A change that only a cookie speaks for, and that our own page did not ask for, is refused.
fn forgery_refused(parts: &Parts, app: &App, cookie: &str) -> Result<(), Problem> {
    let token = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    if !token.is_some_and(|token| app.engine.is_csrf_token(cookie, token)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "csrf_token_wrong",
            "send the csrf_token of this login in the header X-CSRF-Token with every change",
        ));
    }
    if parts.headers.contains_key(header::ORIGIN) && !same_origin(parts) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_foreign",
            "another site asked for this change; only pages of this host may",
        ));
    }
    Ok(())
}

/// Is the page that asks on the host that is asked?
fn same_origin(parts: &Parts) -> bool {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let asked = parts.uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(header::HOST));
    let origin = text(header::ORIGIN).and_then(|origin| Url::parse(origin).ok());
    let asked = asked.and_then(|host| {
        let scheme = origin.as_ref()?.scheme();
        Url::parse(&format!("{scheme}://{host}")).ok()
    });
    match (origin, asked) {
        (Some(origin), Some(asked)) => origin.origin() == asked.origin(),
        (None, _) | (_, None) => false,
    }
}

macro_rules! roles {
    ($($role:ident from $jars:expr => $take:expr;)+) => {$(
        impl FromRequestParts<App> for $role {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let take = $take;
                Ok(Self(take(caller(parts, app, $jars).await?)?))
            }
        }
    )+};
}

roles! {
    Anybody from &[Jar::User, Jar::Payer] => |caller: Caller| Ok::<_, Problem>(caller);
    Staff from &[Jar::User] => |caller: Caller| caller.staff();
    Merchant from &[Jar::User] => |caller: Caller| caller.merchant();
    Terminal from &[] => |caller: Caller| caller.terminal();
    Payer from &[Jar::Payer] => |caller: Caller| caller.own_device();
}
