//! Logging in with an OpenID provider, from the browser's side.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use engine::{CredentialKind, Engine, SESSION, Vouched};
use serde::{Deserialize, Serialize};
use types::{SignedDuration, Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::body::{Asked, Body};
use crate::http::caller::Jar;
use crate::http::problem::Problem;
use crate::http::run::run;
use crate::http::{App, login};
use crate::oidc::{FLOW, Failed, Flow, Provider};

/// What a browser keeps while somebody is at the provider. `Lax`, because it must come along when the provider sends
/// the browser back; it opens nothing by itself.
const COOKIE: &str = "__Host-surety-oidc";
/// How long somebody may look for the code.
const CODE_DUE: SignedDuration = SignedDuration::from_mins(5);

/// What a browser began.
#[derive(Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Begun {
    /// Somebody was sent to the provider.
    AtProvider {
        /// What must come back.
        flow: Flow,
    },
    /// The provider vouched for somebody with one factor.
    CodeDue {
        /// Whom.
        user: UserId,
    },
}

/// What the provider sends a browser back with. It may say more, which is not for us.
#[derive(Deserialize)]
struct ComingBack {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback)).routes(routes!(code))
}

/// Go to the OpenID provider.
#[utoipa::path(get, path = "/v1/oidc/start", tag = "public", responses(
    (status = 303, description = "To the provider"),
    (status = "4XX", description = "No provider is set", body = api::Problem),
    (status = 503, description = "The provider does not answer", body = api::Problem),
))]
async fn start(State(app): State<App>) -> Result<(StatusCode, HeaderMap), Problem> {
    let provider = set(&app)?;
    let answer = run(&app, move |engine, ctx| {
        let (url, flow) = match provider.begin(ctx) {
            Ok(begun) => begun,
            Err(failed) => return Ok(Err(problem(failed))),
        };
        let begun = serde_json::to_value(Begun::AtProvider { flow }).map_err(anyhow::Error::new)?;
        Ok(Ok((url, engine.begin_flow(ctx, &begun, FLOW)?)))
    });
    let (url, secret) = answer.await??;
    let mut headers = kept(&secret, FLOW);
    let url = HeaderValue::from_str(url.as_str()).expect("an address is a header's text");
    headers.insert(header::LOCATION, url);
    Ok((StatusCode::SEE_OTHER, headers))
}

/// Come back from the OpenID provider: logged in, or asked for the code of the own second factor.
#[utoipa::path(get, path = "/v1/oidc/callback", tag = "public",
    params(
        ("state" = String, Query, description = "What was sent to the provider"),
        ("code" = Option<String>, Query, description = "What the provider gives for the tokens"),
        ("error" = Option<String>, Query, description = "Why the provider gives none"),
    ), responses(
    (status = 200, description = "Logged in, or a code is needed", body = api::OidcAnswer),
    (status = "4XX", description = "Refused", body = api::Problem),
    (status = 503, description = "The provider does not answer", body = api::Problem),
))]
async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    Asked(back): Asked<ComingBack>,
) -> Result<(HeaderMap, Json<api::OidcAnswer>), Problem> {
    let provider = set(&app)?;
    let secret = shown(&headers).ok_or_else(not_begun)?;
    let Some(code) = back.code else {
        tracing::warn!(error = back.error, "the identity provider let nobody through");
        return Err(not_vouched());
    };
    let answer = run(&app, move |engine, ctx| {
        let Some(Begun::AtProvider { flow }) = begun(engine, ctx.now, &secret)? else {
            return Ok(Err(not_begun()));
        };
        if !engine.end_flow(&secret)? {
            return Ok(Err(not_begun()));
        }
        let identity = match provider.finish(ctx.now, &flow, (&back.state, code)) {
            Ok(identity) => identity,
            Err(failed) => return Ok(Err(problem(failed))),
        };
        let vouched = engine.log_in_with_identity(ctx, &identity, CredentialKind::Cookie)?;
        Ok(Ok(match vouched {
            Vouched::In(opened) => Done::In(opened.secret),
            Vouched::CodeNeeded(user) => {
                let due = serde_json::to_value(Begun::CodeDue { user }).map_err(anyhow::Error::new)?;
                Done::CodeNeeded(engine.begin_flow(ctx, &due, CODE_DUE)?)
            }
        }))
    });
    Ok(match answer.await?? {
        Done::In(secret) => logged_in(&app, &secret),
        Done::CodeNeeded(secret) => {
            (kept(&secret, CODE_DUE), Json(api::OidcAnswer { code_needed: true, csrf_token: None }))
        }
    })
}

/// How far somebody came.
enum Done {
    In(zeroize::Zeroizing<String>),
    CodeNeeded(zeroize::Zeroizing<String>),
}

/// Send the code of your own second factor, after a provider that checked only one.
#[utoipa::path(post, path = "/v1/oidc/code", tag = "public", request_body = api::OidcCode, responses(
    (status = 200, description = "Logged in", body = api::OidcAnswer),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn code(
    State(app): State<App>,
    headers: HeaderMap,
    Body(code): Body<api::OidcCode>,
) -> Result<(HeaderMap, Json<api::OidcAnswer>), Problem> {
    set(&app)?;
    let secret = shown(&headers).ok_or_else(not_begun)?;
    let opened = run(&app, move |engine, ctx| {
        let Some(Begun::CodeDue { user }) = begun(engine, ctx.now, &secret)? else { return Ok(None) };
        let opened = engine.finish_login(ctx, (user, &code.totp), CredentialKind::Cookie)?;
        engine.end_flow(&secret)?;
        Ok(Some(opened))
    });
    Ok(logged_in(&app, &opened.await?.ok_or_else(not_begun)?.secret))
}

/// The login's own cookie, and no more of the flow's.
fn logged_in(app: &App, secret: &str) -> (HeaderMap, Json<api::OidcAnswer>) {
    let (mut headers, login) = login::opened(&app.engine, (Jar::User, api::Carrier::Cookie), secret, SESSION);
    for (_, value) in kept("", SignedDuration::ZERO).drain() {
        headers.append(header::SET_COOKIE, value);
    }
    (headers, Json(api::OidcAnswer { code_needed: false, csrf_token: login.csrf_token }))
}

fn set(app: &App) -> Result<std::sync::Arc<Provider>, Problem> {
    let off = "no OpenID provider is set; log in with login and password";
    app.oidc.clone().ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "oidc_off", off))
}

/// The secret of what this browser began.
fn shown(headers: &HeaderMap) -> Option<zeroize::Zeroizing<String>> {
    let cookies = CookieJar::from_headers(headers);
    cookies.get(COOKIE).map(|cookie| zeroize::Zeroizing::new(cookie.value().to_owned()))
}

fn begun(engine: &Engine, now: Timestamp, secret: &str) -> Result<Option<Begun>, engine::Error> {
    let found = engine.flow(now, secret)?;
    Ok(found.map(serde_json::from_value).transpose().map_err(anyhow::Error::new)?)
}

fn kept(secret: &str, lifetime: SignedDuration) -> HeaderMap {
    let cookie = Cookie::build((COOKIE, secret.to_owned())).path("/").secure(true).http_only(true);
    let cookie = format!("{}; Max-Age={}", cookie.same_site(SameSite::Lax).build(), lifetime.as_secs());
    let mut value = HeaderValue::from_str(&cookie).expect("hexadecimal digits are a header's text");
    value.set_sensitive(true);
    HeaderMap::from_iter([(header::SET_COOKIE, value)])
}

fn problem(failed: Failed) -> Problem {
    match failed {
        Failed::Unavailable(error) => {
            tracing::error!(error = format!("{error:#}"), "the identity provider does not answer");
            let detail =
                "the identity provider does not answer; try again, or log in with login and password";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "oidc_unavailable", detail)
        }
        Failed::Refused(error) => {
            tracing::warn!(error = format!("{error:#}"), "a login with the identity provider was refused");
            not_vouched()
        }
    }
}

fn not_vouched() -> Problem {
    let detail = "the identity provider did not vouch for this login; begin again at /v1/oidc/start";
    Problem::new(StatusCode::FORBIDDEN, "oidc_refused", detail)
}

fn not_begun() -> Problem {
    let detail = "this browser began no such login, or too long ago; begin again at /v1/oidc/start";
    Problem::new(StatusCode::FORBIDDEN, "oidc_not_begun", detail)
}
