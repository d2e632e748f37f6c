//! The keys of a merchant's systems.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{KeyId, MerchantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Merchant, Staff};
use crate::http::convert::terminals as convert;
use crate::http::problem::Problem;
use crate::http::run::run;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(rotate))
        .routes(routes!(delete))
        .routes(routes!(issue))
}

/// Make a key for one of your systems: a bearer key, or one that signs. It can do nothing that you cannot.
#[utoipa::path(post, path = "/v1/merchant/keys", tag = "merchant", security(("key" = [])),
    request_body = api::NewMerchantKey, responses(
    (status = 201, description = "Made; a secret is shown once", body = api::MerchantKeyView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn create(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Body(new): Body<api::NewMerchantKey>,
) -> Result<(StatusCode, Json<api::MerchantKeyView>), Problem> {
    let new = engine::NewKey {
        label: new.label,
        rights: new.rights,
        public_key: convert::optional_public_key(new.public_key.as_deref())?,
        expires_in_days: new.expires_in_days,
    };
    let key = run(&app, move |engine, ctx| engine.create_key(ctx, merchant, &new)).await?;
    Ok((StatusCode::CREATED, Json(convert::key(key))))
}

/// Your live keys.
#[utoipa::path(get, path = "/v1/merchant/keys", tag = "merchant", security(("key" = [])), responses(
    (status = 200, description = "Oldest first", body = api::MerchantKeyList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list(
    State(app): State<App>,
    Merchant(merchant): Merchant,
) -> Result<Json<api::MerchantKeyList>, Problem> {
    let rows = run(&app, move |engine, ctx| engine.keys(ctx, merchant)).await?;
    Ok(Json(api::MerchantKeyList { keys: rows.into_iter().map(convert::key_row).collect() }))
}

/// Replace a key by one of the same rights; the old one ends after the overlap.
#[utoipa::path(post, path = "/v1/merchant/keys/{key_id}/rotate", tag = "merchant", security(("key" = [])),
    params(("key_id" = String, Path, description = "Which")), request_body = api::RotateKey, responses(
    (status = 201, description = "The new key; a secret is shown once", body = api::MerchantKeyView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn rotate(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<KeyId>,
    Body(wanted): Body<api::RotateKey>,
) -> Result<(StatusCode, Json<api::MerchantKeyView>), Problem> {
    let rotation = engine::Rotation {
        overlap_hours: wanted.overlap_hours,
        public_key: convert::optional_public_key(wanted.public_key.as_deref())?,
    };
    let key = run(&app, move |engine, ctx| engine.rotate_key(ctx, merchant, (id, rotation))).await?;
    Ok((StatusCode::CREATED, Json(convert::key(key))))
}

/// End a key at once.
#[utoipa::path(delete, path = "/v1/merchant/keys/{key_id}", tag = "merchant", security(("key" = [])),
    params(("key_id" = String, Path, description = "Which")), responses(
    (status = 204, description = "It opens nothing any more"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn delete(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.delete_key(ctx, merchant, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A first key again for a merchant that lost all of them: every key that is left ends.
#[utoipa::path(post, path = "/v1/merchants/{merchant_id}/keys", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), request_body = api::Reason, responses(
    (status = 201, description = "The secret is shown once", body = api::MerchantKeyView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn issue(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(merchant): Id<MerchantId>,
    Body(body): Body<api::Reason>,
) -> Result<(StatusCode, Json<api::MerchantKeyView>), Problem> {
    let key =
        run(&app, move |engine, ctx| engine.issue_first_key(ctx, &staff, (merchant, &body.reason))).await?;
    Ok((StatusCode::CREATED, Json(convert::key(key))))
}
