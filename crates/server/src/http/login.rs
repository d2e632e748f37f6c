//! What a login leaves with its client: a cookie that scripts cannot read, or a bearer key.

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, SameSite};
use engine::{CredentialKind, Engine};
use types::SignedDuration;

use super::caller::Jar;

/// As the engine calls it.
pub(crate) const fn kind(carrier: api::Carrier) -> CredentialKind {
    match carrier {
        api::Carrier::Cookie => CredentialKind::Cookie,
        api::Carrier::Bearer => CredentialKind::Bearer,
    }
}

/// The headers and the body with which a fresh secret reaches its client, once.
pub(crate) fn opened(
    engine: &Engine,
    (jar, carrier): (Jar, api::Carrier),
    secret: &str,
    lifetime: SignedDuration,
) -> (HeaderMap, api::Login) {
    match carrier {
        api::Carrier::Bearer => {
            (HeaderMap::new(), api::Login { key: Some(secret.to_owned()), csrf_token: None })
        }
        api::Carrier::Cookie => {
            let login = api::Login { key: None, csrf_token: Some(engine.csrf_token(secret)) };
            (set(jar, secret, lifetime.as_secs()), login)
        }
    }
}

/// The header with which a browser forgets its cookie.
pub(crate) fn closed(jar: Jar) -> HeaderMap {
    set(jar, "", 0)
}

/// RFC 6265bis: only over encrypted connections, only this host, no scripts, not with other sites' requests.
fn set(jar: Jar, secret: &str, seconds: i64) -> HeaderMap {
    let cookie = Cookie::build((jar.cookie(), secret.to_owned())).path("/").secure(true).http_only(true);
    let cookie = format!("{}; Max-Age={seconds}", cookie.same_site(SameSite::Strict).build());
    let mut value =
        HeaderValue::from_str(&cookie).expect("a cookie of hexadecimal digits is a header's text");
    value.set_sensitive(true);
    HeaderMap::from_iter([(header::SET_COOKIE, value)])
}
