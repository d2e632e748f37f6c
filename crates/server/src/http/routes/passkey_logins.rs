//! Passkeys of people who work for the operator or a merchant, and logging in with one.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use types::PasskeyId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::body::{Body, Id};
use crate::http::caller::{Anybody, Jar};
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};
use crate::http::{App, login};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(challenge))
        .routes(routes!(log_in))
        .routes(routes!(begin))
        .routes(routes!(list, add))
        .routes(routes!(remove))
}

/// Begin to log in with a passkey. Every name gets a challenge of the same shape.
#[utoipa::path(post, path = "/v1/logins/passkey/challenge", tag = "public", request_body = api::NewLoginChallenge, responses(
    (status = 201, description = "A challenge for `navigator.credentials.get`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn challenge(
    State(app): State<App>,
    Body(new): Body<api::NewLoginChallenge>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    let begun = run(&app, move |engine, ctx| engine.begin_login(ctx, new.login.as_deref())).await?;
    Ok((StatusCode::CREATED, Json(convert::passkeys::begun(begun))))
}

/// Open a login with a passkey, for twelve hours at most. Whatever is wrong, the answer is the same.
#[utoipa::path(post, path = "/v1/logins/passkey", tag = "public", request_body = api::NewPasskeyLogin, responses(
    (status = 200, description = "Open: a key, or a cookie and its token", body = api::Login),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_in(
    State(app): State<App>,
    Body(new): Body<api::NewPasskeyLogin>,
) -> Result<(HeaderMap, Json<api::Login>), Problem> {
    let answer = engine::PasskeyAnswer { ceremony: new.ceremony_id, credential: new.credential.into() };
    let kind = login::kind(new.carrier);
    let opened = run(&app, move |engine, ctx| engine.log_in_with_passkey(ctx, &answer, kind)).await?;
    let (headers, answer) =
        login::opened(&app.engine, (Jar::User, new.carrier), &opened.secret, engine::SESSION);
    Ok((headers, Json(answer)))
}

/// Begin to add a passkey to your own login, within ten minutes after you logged in.
#[utoipa::path(post, path = "/v1/login/passkeys/registrations", tag = "user", security(("key" = [])),
    request_body = api::NewChallenge, responses(
    (status = 201, description = "A challenge for `navigator.credentials.create`", body = api::Ceremony),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn begin(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Body(api::NewChallenge {}): Body<api::NewChallenge>,
) -> Result<(StatusCode, Json<api::Ceremony>), Problem> {
    let person = caller.person()?;
    let begun = run(&app, move |engine, ctx| engine.begin_user_passkey(ctx, &person)).await?;
    Ok((StatusCode::CREATED, Json(convert::passkeys::begun(begun))))
}

/// Add the passkey that your device made. From then on it logs you in, without password and code.
#[utoipa::path(post, path = "/v1/login/passkeys", tag = "user", security(("key" = [])), request_body = api::NewPasskey, responses(
    (status = 201, description = "Added", body = api::PasskeyView),
    (status = 503, description = "Passkeys are off", body = api::Problem),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn add(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Body(new): Body<api::NewPasskey>,
) -> Result<(StatusCode, Json<api::PasskeyView>), Problem> {
    let person = caller.person()?;
    let new = convert::passkeys::new(new);
    let row = run(&app, move |engine, ctx| engine.add_user_passkey(ctx, &person, &new)).await?;
    Ok((StatusCode::CREATED, Json(convert::passkeys::view(row))))
}

/// Your own passkeys.
#[utoipa::path(get, path = "/v1/login/passkeys", tag = "user", security(("key" = [])), responses(
    (status = 200, description = "Oldest first", body = api::PasskeyList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list(State(app): State<App>, Anybody(caller): Anybody) -> Result<Json<api::PasskeyList>, Problem> {
    let person = caller.person()?;
    let rows = blocking(&app, move |engine| engine.user_passkeys(&person)).await?;
    Ok(Json(convert::passkeys::list(rows)))
}

/// Remove one of your own passkeys, within ten minutes after you logged in.
#[utoipa::path(delete, path = "/v1/login/passkeys/{passkey_id}", tag = "user", security(("key" = [])),
    params(("passkey_id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Removed"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn remove(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<PasskeyId>,
) -> Result<StatusCode, Problem> {
    let person = caller.person()?;
    run(&app, move |engine, ctx| engine.remove_user_passkey(ctx, &person, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
