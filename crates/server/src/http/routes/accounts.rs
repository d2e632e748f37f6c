//! A payer's account: codes to phones, devices, PIN, number.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum_extra::extract::CookieJar;
use engine::{NewDevice, OpenedLogin, PhoneProof};
use types::{ChallengeId, KeyId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Jar, Payer};
use crate::http::problem::Problem;
use crate::http::run::run;
use crate::http::{convert, login};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(send_code))
        .routes(routes!(register))
        .routes(routes!(log_in))
        .routes(routes!(log_out))
        .routes(routes!(csrf_token))
        .routes(routes!(devices, log_out_others))
        .routes(routes!(remove_device))
        .routes(routes!(change_pin))
        .routes(routes!(recover_pin, cancel_recovery))
        .routes(routes!(recover_account))
        .routes(routes!(finish_recovery))
        .routes(routes!(change_phone))
}

/// A code with what it answers.
pub(crate) fn proof(challenge: ChallengeId, code: String) -> PhoneProof {
    PhoneProof { challenge, code: Zeroizing::new(code) }
}

fn device(label: String, carrier: api::Carrier) -> NewDevice {
    NewDevice { label, kind: login::kind(carrier) }
}

fn opened(app: &App, carrier: api::Carrier, opened: &OpenedLogin) -> (HeaderMap, api::Login) {
    login::opened(&app.engine, (Jar::Payer, carrier), &opened.secret, opened.lifetime)
}

/// Send a code to a phone. The answer is the same whether or not the phone has an account.
#[utoipa::path(post, path = "/v1/phone-codes", tag = "public", request_body = api::NewPhoneCode, responses(
    (status = 202, description = "On its way", body = api::PhoneCodeReply),
    (status = "4XX", description = "Refused; 429 says in Retry-After when the next code may be sent", body = api::Problem),
    (status = 503, description = "No way to send text messages is set up", body = api::Problem),
))]
async fn send_code(
    State(app): State<App>,
    Body(new): Body<api::NewPhoneCode>,
) -> Result<(StatusCode, Json<api::PhoneCodeReply>), Problem> {
    app.limits.phone(&new.phone)?;
    let (purpose, language) = (convert::code_purpose(new.purpose), convert::language(new.language));
    let sent = run(&app, move |engine, ctx| engine.send_code(ctx, &new.phone, purpose, language)).await?;
    let reply = api::PhoneCodeReply { challenge_id: sent.challenge, expires_at: sent.expires_at };
    Ok((StatusCode::ACCEPTED, Json(reply)))
}

/// Open an account.
#[utoipa::path(post, path = "/v1/payers", tag = "public", request_body = api::NewPayer, responses(
    (status = 201, description = "Opened; the device key is shown once", body = api::NewPayerReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn register(
    State(app): State<App>,
    Body(new): Body<api::NewPayer>,
) -> Result<(StatusCode, HeaderMap, Json<api::NewPayerReply>), Problem> {
    let carrier = new.carrier;
    let new = engine::NewPayer {
        proof: proof(new.challenge_id, new.code),
        name: new.name,
        birth_date: new.birth_date,
        pin: Zeroizing::new(new.pin),
        language: convert::language(new.language),
        home: new.home,
        device: device(new.device, carrier),
    };
    let login = run(&app, move |engine, ctx| engine.register_payer(ctx, &new)).await?;
    let (headers, api::Login { key, csrf_token }) = opened(&app, carrier, &login);
    let reply = api::NewPayerReply { payer_id: login.payer, device_key: key, csrf_token };
    Ok((StatusCode::CREATED, headers, Json(reply)))
}

/// Log in on one more device, with a phone code and the PIN.
#[utoipa::path(post, path = "/v1/logins/payer", tag = "public", request_body = api::PayerLogin, responses(
    (status = 201, description = "Logged in; the secret is shown once", body = api::Login),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_in(
    State(app): State<App>,
    Body(new): Body<api::PayerLogin>,
) -> Result<(StatusCode, HeaderMap, Json<api::Login>), Problem> {
    let carrier = new.carrier;
    let new = engine::PayerLogin {
        proof: proof(new.challenge_id, new.code),
        pin: Zeroizing::new(new.pin),
        device: device(new.device, carrier),
    };
    let login = run(&app, move |engine, ctx| engine.log_in_device(ctx, &new)).await?;
    let (headers, login) = opened(&app, carrier, &login);
    Ok((StatusCode::CREATED, headers, Json(login)))
}

/// Log this device out.
#[utoipa::path(delete, path = "/v1/me/login", tag = "payer", security(("key" = [])), responses(
    (status = 204, description = "Out"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_out(State(app): State<App>, Payer(device): Payer) -> Result<(StatusCode, HeaderMap), Problem> {
    run(&app, move |engine, ctx| engine.log_out_device(ctx, device, device.id())).await?;
    Ok((StatusCode::NO_CONTENT, login::closed(Jar::Payer)))
}

/// What goes in the header `X-CSRF-Token`, for a page that was loaded again. An app has none.
#[utoipa::path(get, path = "/v1/me/csrf-token", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "The token of the cookie that came with this", body = api::Login),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn csrf_token(State(app): State<App>, Payer(_device): Payer, jar: CookieJar) -> Json<api::Login> {
    let cookie = jar.get(Jar::Payer.cookie());
    let csrf_token = cookie.map(|cookie| app.engine.csrf_token(cookie.value()));
    Json(api::Login { key: None, csrf_token })
}

/// The devices that are logged in.
#[utoipa::path(get, path = "/v1/me/devices", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "The oldest first", body = api::DeviceList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn devices(State(app): State<App>, Payer(device): Payer) -> Result<Json<api::DeviceList>, Problem> {
    let devices = run(&app, move |engine, ctx| engine.devices(ctx.now, device)).await?;
    Ok(Json(api::DeviceList { devices: devices.into_iter().map(convert::device).collect() }))
}

/// Log out everywhere but here.
#[utoipa::path(delete, path = "/v1/me/devices", tag = "payer", security(("key" = [])), responses(
    (status = 200, description = "Out", body = api::LoggedOut),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_out_others(
    State(app): State<App>,
    Payer(device): Payer,
) -> Result<Json<api::LoggedOut>, Problem> {
    let out = run(&app, move |engine, ctx| engine.log_out_others(ctx, device)).await?;
    Ok(Json(api::LoggedOut { devices: u64::try_from(out).unwrap_or(u64::MAX) }))
}

/// Log one device out.
#[utoipa::path(delete, path = "/v1/me/devices/{key_id}", tag = "payer", security(("key" = [])),
    params(("key_id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Out"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn remove_device(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.log_out_device(ctx, device, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set another PIN, with the old one.
#[utoipa::path(post, path = "/v1/me/pin", tag = "payer", security(("key" = [])), request_body = api::ChangePin, responses(
    (status = 204, description = "Set"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn change_pin(
    State(app): State<App>,
    Payer(device): Payer,
    Body(change): Body<api::ChangePin>,
) -> Result<StatusCode, Problem> {
    app.limits.device(&device)?;
    let (old, new) = (Zeroizing::new(change.old), Zeroizing::new(change.new));
    run(&app, move |engine, ctx| engine.change_pin(ctx, device, &old, &new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for another PIN without the old one. It is set after a wait, in which every device may say no; face payment is
/// off meanwhile.
#[utoipa::path(post, path = "/v1/me/pin/recovery", tag = "payer", security(("key" = [])), request_body = api::RecoverPin, responses(
    (status = 202, description = "It waits", body = api::RecoveryReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn recover_pin(
    State(app): State<App>,
    Payer(device): Payer,
    Body(new): Body<api::RecoverPin>,
) -> Result<(StatusCode, Json<api::RecoveryReply>), Problem> {
    app.limits.device(&device)?;
    let (proof, pin) = (proof(new.challenge_id, new.code), Zeroizing::new(new.pin));
    let due_at = run(&app, move |engine, ctx| engine.recover_pin(ctx, device, &proof, &pin)).await?;
    Ok((StatusCode::ACCEPTED, Json(api::RecoveryReply { due_at })))
}

/// Say no to another PIN.
#[utoipa::path(delete, path = "/v1/me/pin/recovery", tag = "payer", security(("key" = [])), responses(
    (status = 204, description = "Cancelled"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn cancel_recovery(State(app): State<App>, Payer(device): Payer) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.cancel_recovery(ctx, device)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for another PIN where no device is left. The answer is the same whether or not the phone has an account.
#[utoipa::path(post, path = "/v1/pin-recoveries", tag = "public", request_body = api::RecoverAccount, responses(
    (status = 202, description = "If the phone has an account, it waits", body = api::RecoveryReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn recover_account(
    State(app): State<App>,
    Body(new): Body<api::RecoverAccount>,
) -> Result<(StatusCode, Json<api::RecoveryReply>), Problem> {
    let proof = proof(new.challenge_id, new.code);
    let due_at = run(&app, move |engine, ctx| engine.recover_account(ctx, &proof)).await?;
    Ok((StatusCode::ACCEPTED, Json(api::RecoveryReply { due_at })))
}

/// Set another PIN after the wait, and log in on this device and no other.
#[utoipa::path(post, path = "/v1/logins/payer-recovery", tag = "public", request_body = api::FinishRecovery, responses(
    (status = 201, description = "Logged in; the secret is shown once", body = api::Login),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn finish_recovery(
    State(app): State<App>,
    Body(new): Body<api::FinishRecovery>,
) -> Result<(StatusCode, HeaderMap, Json<api::Login>), Problem> {
    let carrier = new.carrier;
    let new = engine::Recovered {
        proof: proof(new.challenge_id, new.code),
        pin: Zeroizing::new(new.pin),
        device: device(new.device, carrier),
    };
    let login = run(&app, move |engine, ctx| engine.finish_recovery(ctx, &new)).await?;
    let (headers, login) = opened(&app, carrier, &login);
    Ok((StatusCode::CREATED, headers, Json(login)))
}

/// Give the account another number. Face payment is off until it is switched on again with the PIN.
#[utoipa::path(post, path = "/v1/me/phone", tag = "payer", security(("key" = [])), request_body = api::ChangePhone, responses(
    (status = 200, description = "The account", body = api::PayerView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn change_phone(
    State(app): State<App>,
    Payer(device): Payer,
    Body(change): Body<api::ChangePhone>,
) -> Result<Json<api::PayerView>, Problem> {
    app.limits.device(&device)?;
    let (proof, pin) = (proof(change.challenge_id, change.code), Zeroizing::new(change.pin));
    run(&app, move |engine, ctx| engine.change_phone(ctx, device, &proof, &pin))
        .await
        .map(convert::profile)
        .map(Json)
}
