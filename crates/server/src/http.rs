//! The HTTP interface: routes, keys, bodies, problem documents.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use engine::Engine;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;

use self::limits::Limits;
pub(crate) use self::qr::PublicOrigin;
use self::routes::BearerKey;
use crate::oidc::Provider;

pub(crate) mod address;
mod body;
mod caller;
mod convert;
mod document;
mod headers;
mod limits;
pub(crate) mod listen;
mod login;
mod observe;
mod problem;
mod qr;
mod routes;
mod run;
mod signature;

/// Longer than any use case takes; a request that runs out of it is answered, its transaction is not.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a body may take to arrive; 11 MB at 4 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const _: () = assert!(BODY_TIMEOUT.as_secs() < REQUEST_TIMEOUT.as_secs());

/// What every handler shares.
#[derive(Clone)]
struct App {
    engine: Arc<Engine>,
    metrics: PrometheusHandle,
    limits: Arc<Limits>,
    /// The OpenID provider that people may come from, if one is set.
    oidc: Option<Arc<Provider>>,
    /// Where payers' devices find this server, if it knows.
    public_origin: Option<PublicOrigin>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Surety",
        description = "Face payments that know how sure they are. Refusals are problem documents (RFC 9457) with a \
                       stable `code`. Any call may be answered with 429 `rate_limited` or 503 `busy`: nothing was \
                       done, and `Retry-After` says in how many seconds to try again. Keys are of one role each: \
                       staff, merchant, terminal, or a payer's own device. Terminals, and merchants' systems that \
                       wish, sign their requests (RFC 9421, Ed25519); others show a bearer key.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&BearerKey),
    tags(
        (name = "public", description = "Without a key."),
        (name = "payer", description = "With the key of a payer's own device."),
        (name = "merchant", description = "With a merchant's key."),
        (name = "terminal", description = "Signed with a terminal's key."),
        (name = "user", description = "With the login of a person of the operator or of a merchant."),
        (name = "staff", description = "With a key of the operator's staff."),
    )
)]
struct Api;

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(routes::system::routes())
        .merge(routes::accounts::routes())
        .merge(routes::holders::routes())
        .merge(routes::payers::routes())
        .merge(routes::passkeys::routes())
        .merge(routes::passkey_logins::routes())
        .merge(routes::merchants::routes())
        .merge(routes::merchant_keys::routes())
        .merge(routes::terminals::routes())
        .merge(routes::payments::routes())
        .merge(routes::order_codes::routes())
        .merge(routes::privacy::routes())
        .merge(routes::money::routes())
        .merge(routes::deliveries::routes())
        .merge(routes::disputes::routes())
        .merge(routes::gallery::routes())
        .merge(routes::users::routes())
        .merge(routes::logins::routes())
        .merge(routes::oidc::routes())
}

/// The OpenAPI document of the interface.
pub(crate) fn openapi() -> Document {
    document::complete(routes().into_openapi())
}

/// The whole interface on one engine, and its limits. Orders' codes lead to `public_origin`, if it is known.
///
/// Every request needs the extensions `ClientAddress` and `Scheme`; [`listen::House`] puts them on.
pub(crate) fn router(
    engine: Arc<Engine>,
    oidc: Option<Provider>,
    public_origin: Option<PublicOrigin>,
) -> Result<(Router, Arc<Limits>)> {
    let metrics = PrometheusBuilder::new().install_recorder().context("installing the metrics recorder")?;
    let (router, document) = routes().split_for_parts();
    let limits = Arc::new(Limits::new(engine.rates(), &document));
    let router = router
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(body::take_small))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(middleware::from_fn_with_state(Arc::clone(&limits), limits::guard))
        .layer(middleware::from_fn(observe::observe))
        .layer(middleware::from_fn(headers::harden))
        .with_state(App {
            engine,
            metrics,
            limits: Arc::clone(&limits),
            oidc: oidc.map(Arc::new),
            public_origin,
        });
    Ok((router, limits))
}
