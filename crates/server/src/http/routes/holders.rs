//! Who holds an account: documents that were seen, guardians and their wards.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::Document;
use types::PayerId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::accounts::proof;
use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Payer, Staff};
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(verify_identity))
        .routes(routes!(wards, add_ward))
        .routes(routes!(remove_ward))
        .routes(routes!(freeze_ward))
        .routes(routes!(allow_ward))
        .routes(routes!(accept_guardian))
}

/// Record that a document of the holder was seen. Name and birth date of the account become the document's.
#[utoipa::path(post, path = "/v1/payers/{payer_id}/identity", tag = "staff", security(("key" = [])),
    params(("payer_id" = String, Path, description = "Whose")), request_body = api::NewIdentity, responses(
    (status = 201, description = "Recorded", body = api::IdentityView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn verify_identity(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(payer): Id<PayerId>,
    Body(new): Body<api::NewIdentity>,
) -> Result<(StatusCode, Json<api::IdentityView>), Problem> {
    let document = Document {
        kind: convert::document_kind(new.document_kind),
        number: new.document_number,
        name: new.name,
        birth_date: new.birth_date,
    };
    let seen = run(&app, move |engine, ctx| engine.verify_identity(ctx, &staff, payer, document)).await?;
    let view = api::IdentityView { payer_id: seen.payer, tier: seen.tier, verified_at: seen.at };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Whom the holder is guardian of.
#[utoipa::path(get, path = "/v1/me/wards", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "The first asked first", body = api::WardList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn wards(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::WardList>, Problem> {
    let wards = blocking(&app, move |engine| engine.wards(device)).await?;
    Ok(Json(api::WardList { wards: wards.into_iter().map(convert::ward).collect() }))
}

/// Become the guardian of a minor. It counts as soon as the minor agrees.
#[utoipa::path(post, path = "/v1/me/wards", tag = "payer", security(("key" = [])), request_body = api::NewWard, responses(
    (status = 201, description = "The minor is asked", body = api::WardView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn add_ward(
    State(app): State<App>,
    Payer(device): Payer,
    Body(new): Body<api::NewWard>,
) -> Result<(StatusCode, Json<api::WardView>), Problem> {
    app.limits.device(&device)?;
    let (proof, pin) = (proof(new.challenge_id, new.code), Zeroizing::new(new.pin));
    let ward = run(&app, move |engine, ctx| engine.add_ward(ctx, device, &proof, &pin)).await?;
    Ok((StatusCode::CREATED, Json(convert::ward(ward))))
}

/// Stop being the guardian of a minor.
#[utoipa::path(delete, path = "/v1/me/wards/{payer_id}", tag = "payer", security(("key" = [])),
    params(("payer_id" = String, Path, description = "Of whom")), responses(
    (status = 204, description = "Ended"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn remove_ward(
    State(app): State<App>,
    Payer(device): Payer,
    Id(ward): Id<PayerId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.remove_ward(ctx, device, ward)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switch a ward's face payment off, at once.
#[utoipa::path(post, path = "/v1/me/wards/{payer_id}/freeze", tag = "payer", security(("key" = [])),
    params(("payer_id" = String, Path, description = "Whose")), responses(
    (status = 200, description = "Off", body = api::WardView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn freeze_ward(
    State(app): State<App>,
    Payer(device): Payer,
    Id(ward): Id<PayerId>,
) -> Result<Json<api::WardView>, Problem> {
    run(&app, move |engine, ctx| engine.hold_ward(ctx, device, ward, true)).await.map(convert::ward).map(Json)
}

/// Allow a ward's face payment again; the ward switches it on with the PIN.
#[utoipa::path(post, path = "/v1/me/wards/{payer_id}/allow", tag = "payer", security(("key" = [])),
    params(("payer_id" = String, Path, description = "Whose")), responses(
    (status = 200, description = "Allowed", body = api::WardView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn allow_ward(
    State(app): State<App>,
    Payer(device): Payer,
    Id(ward): Id<PayerId>,
) -> Result<Json<api::WardView>, Problem> {
    run(&app, move |engine, ctx| engine.hold_ward(ctx, device, ward, false))
        .await
        .map(convert::ward)
        .map(Json)
}

/// Agree to a guardian, on the minor's own device.
#[utoipa::path(post, path = "/v1/me/guardian", tag = "payer", security(("key" = [])), request_body = api::AcceptGuardian, responses(
    (status = 204, description = "Agreed"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn accept_guardian(
    State(app): State<App>,
    Payer(device): Payer,
    Body(accept): Body<api::AcceptGuardian>,
) -> Result<StatusCode, Problem> {
    app.limits.device(&device)?;
    let pin = Zeroizing::new(accept.pin);
    run(&app, move |engine, ctx| engine.accept_guardian(ctx, device, &pin)).await?;
    Ok(StatusCode::NO_CONTENT)
}
