//! Payers, on their own devices.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{ConfirmationId, EnrolmentId, PaymentId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id, Pictures, pictures};
use crate::http::caller::Payer;
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(messages))
        .routes(routes!(payments))
        .routes(routes!(payment))
        .routes(routes!(consent, withdraw))
        .routes(routes!(close))
        .routes(routes!(enrol))
        .routes(routes!(confirm_enrolment))
        .routes(routes!(freeze))
        .routes(routes!(unfreeze))
        .routes(routes!(locate))
        .routes(routes!(answer))
        .routes(routes!(accesses))
}

/// The own account.
#[utoipa::path(get, path = "/v1/me", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "The account", body = api::PayerView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn me(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::PayerView>, Problem> {
    blocking(&app, move |engine| engine.profile(device)).await.map(convert::profile).map(Json)
}

/// Messages on this device, newest first.
#[utoipa::path(get, path = "/v1/me/messages", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "Messages", body = api::MessageList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn messages(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::MessageList>, Problem> {
    let (language, rows) = blocking(&app, move |engine| engine.messages(device)).await?;
    let messages = rows.into_iter().map(|row| convert::message(row, language)).collect();
    Ok(Json(api::MessageList { messages }))
}

/// Debits, newest first, with place and how the payer was recognised.
#[utoipa::path(get, path = "/v1/me/payments", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "Debits", body = api::PaymentList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn payments(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::PaymentList>, Problem> {
    let views = blocking(&app, move |engine| engine.payments(device)).await?;
    Ok(Json(api::PaymentList { payments: views.into_iter().map(convert::payment).collect() }))
}

/// One debit.
#[utoipa::path(get, path = "/v1/me/payments/{payment_id}", tag = "payer", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The debit", body = api::PaymentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn payment(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<PaymentId>,
) -> Result<Json<api::PaymentView>, Problem> {
    blocking(&app, move |engine| engine.payment(device, id)).await.map(convert::payment).map(Json)
}

/// Consent to the processing of face data.
#[utoipa::path(post, path = "/v1/me/consent", tag = "payer", security(("key" = [])), request_body = api::Consent, responses(
    (status = 200, description = "Given", body = api::Consent),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn consent(
    State(app): State<App>,
    Payer(device): Payer,
    Body(consent): Body<api::Consent>,
) -> Result<Json<api::Consent>, Problem> {
    let given = run(&app, move |engine, ctx| engine.consent(ctx, device, &consent.version)).await?;
    Ok(Json(api::Consent { version: given.version }))
}

/// Withdraw the consent: the face, and the pictures of the own payments, are erased at once. The answer tells what; what
/// an open dispute still needs goes when that is closed.
#[utoipa::path(delete, path = "/v1/me/consent", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "The account, without a face", body = api::Withdrawn),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn withdraw(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::Withdrawn>, Problem> {
    let (profile, tombstone) = run(&app, move |engine, ctx| engine.withdraw(ctx, device)).await?;
    let payer = convert::profile(profile);
    Ok(Json(api::Withdrawn { payer, tombstone: convert::tombstone(tombstone) }))
}

/// Close the account, with the PIN. The face is erased, name and number are destroyed, every device key ends. Payments
/// and books stay as the law asks. Refused while there is money in the account, set aside, or in dispute.
#[utoipa::path(post, path = "/v1/me/closing", tag = "payer", security(("key" = [])), request_body = api::Closing, responses(
    (status = 200, description = "Closed; what was erased", body = api::Tombstone),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn close(
    State(app): State<App>,
    Payer(device): Payer,
    Body(closing): Body<api::Closing>,
) -> Result<Json<api::Tombstone>, Problem> {
    let pin = Zeroizing::new(closing.pin);
    let tombstone = run(&app, move |engine, ctx| engine.close_account(ctx, device, &pin)).await?;
    Ok(Json(convert::tombstone(tombstone)))
}

/// Send pictures of the holder's face. A code comes to this device; nothing is switched on before it is sent back.
#[utoipa::path(post, path = "/v1/me/enrolments", tag = "payer", security(("key" = [])), request_body = api::NewEnrolment, responses(
    (status = 201, description = "Waiting for the code", body = api::EnrolmentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn enrol(
    State(app): State<App>,
    Payer(device): Payer,
    Pictures(new): Pictures<api::NewEnrolment>,
) -> Result<(StatusCode, Json<api::EnrolmentView>), Problem> {
    let frames = pictures(new.frames)?;
    let row = run(&app, move |engine, ctx| engine.enrol(ctx, device, &frames)).await?;
    Ok((StatusCode::CREATED, Json(convert::enrolment(&row))))
}

/// Switch face payment on with the code from this device's messages, and a passkey once the payer has one.
#[utoipa::path(post, path = "/v1/me/enrolments/{enrolment_id}/confirm", tag = "payer", security(("key" = [])),
    params(("enrolment_id" = String, Path, description = "Which")), request_body = api::ConfirmEnrolment, responses(
    (status = 200, description = "Face payment is on", body = api::EnrolmentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn confirm_enrolment(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<EnrolmentId>,
    Body(confirm): Body<api::ConfirmEnrolment>,
) -> Result<Json<api::EnrolmentView>, Problem> {
    app.limits.device(&device)?;
    let proof = convert::passkeys::enrolment(confirm);
    let row = run(&app, move |engine, ctx| engine.confirm_enrolment(ctx, device, id, &proof)).await?;
    Ok(Json(convert::enrolment(&row)))
}

/// Switch face payment off, at once.
#[utoipa::path(post, path = "/v1/me/face/freeze", tag = "payer", security(("key" = [])), request_body = api::Freeze, responses(
    (status = 200, description = "Off", body = api::PayerView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn freeze(
    State(app): State<App>,
    Payer(device): Payer,
    Body(api::Freeze {}): Body<api::Freeze>,
) -> Result<Json<api::PayerView>, Problem> {
    run(&app, move |engine, ctx| engine.freeze(ctx, device)).await.map(convert::profile).map(Json)
}

/// Switch face payment on again, with the PIN or a passkey.
#[utoipa::path(post, path = "/v1/me/face/unfreeze", tag = "payer", security(("key" = [])), request_body = api::Unfreeze, responses(
    (status = 200, description = "On", body = api::PayerView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn unfreeze(
    State(app): State<App>,
    Payer(device): Payer,
    Body(unfreeze): Body<api::Unfreeze>,
) -> Result<Json<api::PayerView>, Problem> {
    app.limits.device(&device)?;
    let with = convert::passkeys::unfreeze(unfreeze)?;
    run(&app, move |engine, ctx| engine.unfreeze(ctx, device, &with)).await.map(convert::profile).map(Json)
}

/// Say where this device is. It speaks for the payer when a payment far away is in question.
#[utoipa::path(post, path = "/v1/me/device-location", tag = "payer", security(("key" = [])), request_body = api::DeviceLocation, responses(
    (status = 204, description = "Noted"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn locate(
    State(app): State<App>,
    Payer(device): Payer,
    Body(location): Body<api::DeviceLocation>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.locate(ctx, device, location.point)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answer "is this you?". A yes needs a passkey once the payer has one.
#[utoipa::path(post, path = "/v1/me/confirmations/{confirmation_id}", tag = "payer", security(("key" = [])),
    params(("confirmation_id" = String, Path, description = "Which question")), request_body = api::ConfirmAnswer, responses(
    (status = 204, description = "Noted"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn answer(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<ConfirmationId>,
    Body(answer): Body<api::ConfirmAnswer>,
) -> Result<StatusCode, Problem> {
    let answer = convert::passkeys::confirmation(answer);
    run(&app, move |engine, ctx| engine.answer(ctx, device, id, &answer)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who looked at the own data, and why.
#[utoipa::path(get, path = "/v1/me/accesses", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "Oldest first", body = Vec<api::AccessView>),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn accesses(
    State(app): State<App>,
    Payer(device): Payer,
) -> Result<Json<Vec<api::AccessView>>, Problem> {
    let rows = blocking(&app, move |engine| engine.accesses(device)).await?;
    Ok(Json(rows.into_iter().map(convert::access).collect()))
}
