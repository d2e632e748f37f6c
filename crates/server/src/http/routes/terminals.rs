//! Terminals: registered, brought in by their device, stopped, moved.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{MerchantId, RelocationId, TerminalId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Anybody, Staff};
use crate::http::convert::terminals as convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};
use crate::http::signature::Fresh;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register, list))
        .routes(routes!(activate))
        .routes(routes!(terminal))
        .routes(routes!(new_code))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(revoke))
        .routes(routes!(propose))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(alerts))
}

/// Register a terminal at its installed address, for staff or the merchant. It waits for its device, which is brought
/// in with the code.
#[utoipa::path(post, path = "/v1/merchants/{merchant_id}/terminals", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), request_body = api::NewTerminal, responses(
    (status = 201, description = "Registered; the code is shown once", body = api::Onboarding),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn register(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(merchant): Id<MerchantId>,
    Body(new): Body<api::NewTerminal>,
) -> Result<(StatusCode, Json<api::Onboarding>), Problem> {
    let new = engine::NewTerminal { merchant, label: new.label, place: new.place };
    let onboarding = run(&app, move |engine, ctx| engine.register_terminal(ctx, &caller, new)).await?;
    Ok((StatusCode::CREATED, Json(convert::onboarding(&onboarding))))
}

/// A merchant's terminals, for staff or the merchant.
#[utoipa::path(get, path = "/v1/merchants/{merchant_id}/terminals", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), responses(
    (status = 200, description = "Oldest first", body = api::TerminalList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(merchant): Id<MerchantId>,
) -> Result<Json<api::TerminalList>, Problem> {
    let views = blocking(&app, move |engine| engine.terminals(&caller, merchant)).await?;
    Ok(Json(api::TerminalList { terminals: views.into_iter().map(convert::terminal).collect() }))
}

/// Bring a device in: it shows the code that was typed on it, and the public half of a key that it made. The request
/// is signed with that key, with `keyid="new"`; the answer says what the device signs as from then on. A device that
/// was there before works no more.
#[utoipa::path(post, path = "/v1/terminal-activations", tag = "public", request_body = api::NewActivation, responses(
    (status = 201, description = "The device is the terminal now", body = api::Activated),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn activate(
    State(app): State<App>,
    fresh: Fresh,
    Body(new): Body<api::NewActivation>,
) -> Result<(StatusCode, Json<api::Activated>), Problem> {
    let key = convert::public_key(&new.public_key)?;
    fresh.must_be_by(&key)?;
    let activation =
        engine::Activation { code: Zeroizing::new(new.code), public_key: key.to_bytes(), serial: new.serial };
    let activated = run(&app, move |engine, ctx| engine.activate_terminal(ctx, &activation)).await?;
    Ok((StatusCode::CREATED, Json(convert::activated(activated))))
}

/// A terminal with everywhere it stood, for staff, its merchant, or itself.
#[utoipa::path(get, path = "/v1/terminals/{terminal_id}", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The terminal", body = api::TerminalView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn terminal(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<TerminalId>,
) -> Result<Json<api::TerminalView>, Problem> {
    blocking(&app, move |engine| engine.terminal(&caller, id)).await.map(convert::terminal).map(Json)
}

/// A new onboarding code, for a device that takes the place of the one that is there, if any. Earlier codes end.
#[utoipa::path(post, path = "/v1/terminals/{terminal_id}/onboarding-codes", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), responses(
    (status = 201, description = "The code is shown once", body = api::Onboarding),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn new_code(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<TerminalId>,
) -> Result<(StatusCode, Json<api::Onboarding>), Problem> {
    let onboarding = run(&app, move |engine, ctx| engine.new_terminal_code(ctx, &caller, id)).await?;
    Ok((StatusCode::CREATED, Json(convert::onboarding(&onboarding))))
}

/// Stop a terminal for now, for staff or the merchant. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/terminals/{terminal_id}/suspend", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), request_body = api::Reason, responses(
    (status = 200, description = "The terminal", body = api::TerminalView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn suspend(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<TerminalId>,
    Body(body): Body<api::Reason>,
) -> Result<Json<api::TerminalView>, Problem> {
    let view =
        run(&app, move |engine, ctx| engine.suspend_terminal(ctx, &caller, (id, &body.reason))).await?;
    Ok(Json(convert::terminal(view)))
}

/// Let a suspended terminal work again. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/terminals/{terminal_id}/resume", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), request_body = api::Reason, responses(
    (status = 200, description = "The terminal", body = api::TerminalView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn resume(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<TerminalId>,
    Body(body): Body<api::Reason>,
) -> Result<Json<api::TerminalView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.resume_terminal(ctx, &staff, (id, &body.reason))).await?;
    Ok(Json(convert::terminal(view)))
}

/// End a terminal for good, with its key. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/terminals/{terminal_id}/revoke", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), request_body = api::Reason, responses(
    (status = 200, description = "The terminal", body = api::TerminalView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn revoke(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<TerminalId>,
    Body(body): Body<api::Reason>,
) -> Result<Json<api::TerminalView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.revoke_terminal(ctx, &staff, (id, &body.reason))).await?;
    Ok(Json(convert::terminal(view)))
}

/// Propose to move a terminal, for staff or the merchant. It stays where it is until another person approves.
#[utoipa::path(post, path = "/v1/terminals/{terminal_id}/relocations", tag = "staff", security(("key" = [])),
    params(("terminal_id" = String, Path, description = "Which")), request_body = api::NewRelocation, responses(
    (status = 201, description = "Proposed", body = api::RelocationView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn propose(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<TerminalId>,
    Body(new): Body<api::NewRelocation>,
) -> Result<(StatusCode, Json<api::RelocationView>), Problem> {
    let row =
        run(&app, move |engine, ctx| engine.propose_relocation(ctx, &caller, (id, &new.place, &new.reason)))
            .await?;
    Ok((StatusCode::CREATED, Json(convert::relocation(row))))
}

/// Approve a move that somebody else proposed: the terminal stands there from now on.
#[utoipa::path(post, path = "/v1/relocations/{relocation_id}/approve", tag = "staff", security(("key" = [])),
    params(("relocation_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "It moved", body = api::RelocationView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn approve(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<RelocationId>,
) -> Result<Json<api::RelocationView>, Problem> {
    let row = run(&app, move |engine, ctx| engine.decide_relocation(ctx, &staff, (id, true))).await?;
    Ok(Json(convert::relocation(row)))
}

/// Reject a move that somebody else proposed.
#[utoipa::path(post, path = "/v1/relocations/{relocation_id}/reject", tag = "staff", security(("key" = [])),
    params(("relocation_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "It stays", body = api::RelocationView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn reject(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<RelocationId>,
) -> Result<Json<api::RelocationView>, Problem> {
    let row = run(&app, move |engine, ctx| engine.decide_relocation(ctx, &staff, (id, false))).await?;
    Ok(Json(convert::relocation(row)))
}

/// What staff has to look at: copied keys, terminals away from their address, requests that came twice or altered, frames
/// that came before.
#[utoipa::path(get, path = "/v1/alerts", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "The last to come first", body = api::AlertList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn alerts(State(app): State<App>, Staff(staff): Staff) -> Result<Json<api::AlertList>, Problem> {
    let rows = blocking(&app, move |engine| engine.alerts(&staff)).await?;
    Ok(Json(api::AlertList { alerts: rows.into_iter().map(convert::alert).collect() }))
}
