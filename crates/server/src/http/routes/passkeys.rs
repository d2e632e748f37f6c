//! Passkeys of payers: adding, listing, removing, and challenges for what they confirm.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{ConfirmationId, EnrolmentId, PasskeyId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::Payer;
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin))
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(answer_challenge))
        .routes(routes!(unfreeze_challenge))
        .routes(routes!(enrolment_challenge))
}

/// Begin to add a passkey, with the PIN.
#[utoipa::path(post, path = "/v1/me/passkeys/registrations", tag = "payer", security(("key" = [])), request_body = api::WithPin, responses(
    (status = 201, description = "A challenge for `navigator.credentials.create`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn begin(
    State(app): State<App>,
    Payer(device): Payer,
    Body(with): Body<api::WithPin>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    app.limits.device(&device)?;
    let pin = Zeroizing::new(with.pin);
    created(run(&app, move |engine, ctx| engine.begin_passkey(ctx, device, &pin)).await)
}

/// Add the passkey that a device made. All of the payer's devices are told.
#[utoipa::path(post, path = "/v1/me/passkeys", tag = "payer", security(("key" = [])), request_body = api::NewPasskey, responses(
    (status = 201, description = "Added: from now on it confirms payments", body = api::PasskeyView),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn add(
    State(app): State<App>,
    Payer(device): Payer,
    Body(new): Body<api::NewPasskey>,
) -> Result<(StatusCode, Json<api::PasskeyView>), Problem> {
    let new = convert::passkeys::new(new);
    let row = run(&app, move |engine, ctx| engine.add_passkey(ctx, device, &new)).await?;
    Ok((StatusCode::CREATED, Json(convert::passkeys::view(row))))
}

/// The own passkeys.
#[utoipa::path(get, path = "/v1/me/passkeys", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "Oldest first", body = api::PasskeyList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::PasskeyList>, Problem> {
    let rows = blocking(&app, move |engine| engine.passkeys(device)).await?;
    Ok(Json(convert::passkeys::list(rows)))
}

/// Remove a passkey, with the PIN. All of the payer's devices are told.
#[utoipa::path(post, path = "/v1/me/passkeys/{passkey_id}/remove", tag = "payer", security(("key" = [])),
    params(("passkey_id" = String, Path, description = "Which")), request_body = api::WithPin, responses(
    (status = 204, description = "Removed"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn remove(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<PasskeyId>,
    Body(with): Body<api::WithPin>,
) -> Result<StatusCode, Problem> {
    app.limits.device(&device)?;
    let pin = Zeroizing::new(with.pin);
    run(&app, move |engine, ctx| engine.remove_passkey(ctx, device, id, &pin)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A challenge to answer "is this you?" with yes, for this question only.
#[utoipa::path(post, path = "/v1/me/confirmations/{confirmation_id}/challenge", tag = "payer", security(("key" = [])),
    params(("confirmation_id" = String, Path, description = "Which question")), request_body = api::NewChallenge, responses(
    (status = 201, description = "A challenge for `navigator.credentials.get`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn answer_challenge(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<ConfirmationId>,
    Body(api::NewChallenge {}): Body<api::NewChallenge>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    created(run(&app, move |engine, ctx| engine.begin_answer(ctx, device, id)).await)
}

/// A challenge to switch face payment on again without the PIN.
#[utoipa::path(post, path = "/v1/me/face/unfreeze/challenge", tag = "payer", security(("key" = [])), request_body = api::NewChallenge, responses(
    (status = 201, description = "A challenge for `navigator.credentials.get`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn unfreeze_challenge(
    State(app): State<App>,
    Payer(device): Payer,
    Body(api::NewChallenge {}): Body<api::NewChallenge>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    created(run(&app, move |engine, ctx| engine.begin_unfreeze(ctx, device)).await)
}

/// A challenge to confirm an enrolment, besides its code.
#[utoipa::path(post, path = "/v1/me/enrolments/{enrolment_id}/challenge", tag = "payer", security(("key" = [])),
    params(("enrolment_id" = String, Path, description = "Which")), request_body = api::NewChallenge, responses(
    (status = 201, description = "A challenge for `navigator.credentials.get`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn enrolment_challenge(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<EnrolmentId>,
    Body(api::NewChallenge {}): Body<api::NewChallenge>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    created(run(&app, move |engine, ctx| engine.begin_enrolment_confirmation(ctx, device, id)).await)
}

fn created(begun: Result<engine::Begun, Problem>) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    begun.map(|begun| (StatusCode::CREATED, Json(convert::passkeys::begun(begun))))
}
