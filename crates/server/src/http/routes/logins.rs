//! Logging in and out of people, and taking further roles for a while.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use types::BreakGlassId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::clock;
use crate::http::body::{Body, Id};
use crate::http::caller::{Anybody, Jar, Staff, shown_cookie};
use crate::http::convert::people as convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};
use crate::http::{App, login};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(log_in, logins, log_out_everywhere))
        .routes(routes!(who_am_i, log_out))
        .routes(routes!(change_password))
        .routes(routes!(break_the_glass, broken_glass))
        .routes(routes!(end_break_glass))
}

/// Open a login, for twelve hours at most. Whatever is wrong, the answer is the same.
#[utoipa::path(post, path = "/v1/logins", tag = "public", request_body = api::NewLogin, responses(
    (status = 200, description = "Open: a key, or a cookie and its token", body = api::Login),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_in(
    State(app): State<App>,
    Body(new): Body<api::NewLogin>,
) -> Result<(HeaderMap, Json<api::Login>), Problem> {
    let proof = engine::Proof { login: new.login, password: Zeroizing::new(new.password), totp: new.totp };
    let kind = login::kind(new.carrier);
    let opened = run(&app, move |engine, ctx| engine.log_in(ctx, &proof, kind)).await?;
    let (headers, answer) =
        login::opened(&app.engine, (Jar::User, new.carrier), &opened.secret, engine::SESSION);
    Ok((headers, Json(answer)))
}

/// Who is logged in, with what roles; for a browser the token that goes with every change.
#[utoipa::path(get, path = "/v1/login", tag = "user", security(("key" = [])), responses(
    (status = 200, description = "You", body = api::LoginView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn who_am_i(
    State(app): State<App>,
    Anybody(caller): Anybody,
    headers: HeaderMap,
) -> Result<Json<api::LoginView>, Problem> {
    let person = caller.person()?;
    let view = blocking(&app, move |engine| engine.who_am_i(clock::now(), &person)).await?;
    let csrf_token = shown_cookie(&headers, Jar::User).map(|cookie| app.engine.csrf_token(&cookie));
    Ok(Json(convert::login(view, csrf_token)))
}

/// Log out.
#[utoipa::path(delete, path = "/v1/login", tag = "user", security(("key" = [])), responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_out(
    State(app): State<App>,
    Anybody(caller): Anybody,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let person = caller.person()?;
    run(&app, move |engine, ctx| engine.log_out(ctx, &person)).await?;
    Ok((StatusCode::NO_CONTENT, login::closed(Jar::User)))
}

/// What is open for you, in browsers and apps.
#[utoipa::path(get, path = "/v1/logins", tag = "user", security(("key" = [])), responses(
    (status = 200, description = "Oldest first", body = api::OpenLoginList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn logins(
    State(app): State<App>,
    Anybody(caller): Anybody,
) -> Result<Json<api::OpenLoginList>, Problem> {
    let person = caller.person()?;
    let asks = person.session();
    let open = blocking(&app, move |engine| engine.open_logins(clock::now(), &person)).await?;
    let logins = open.into_iter().map(|row| convert::open_login(row, asks)).collect();
    Ok(Json(api::OpenLoginList { logins }))
}

/// Log out everywhere, here as well.
#[utoipa::path(delete, path = "/v1/logins", tag = "user", security(("key" = [])), responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn log_out_everywhere(
    State(app): State<App>,
    Anybody(caller): Anybody,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let person = caller.person()?;
    run(&app, move |engine, ctx| engine.log_out_everywhere(ctx, &person)).await?;
    Ok((StatusCode::NO_CONTENT, login::closed(Jar::User)))
}

/// Change your own password. Your other logins end.
#[utoipa::path(put, path = "/v1/login/password", tag = "user", security(("key" = [])),
    request_body = api::ChangePassword, responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn change_password(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Body(change): Body<api::ChangePassword>,
) -> Result<StatusCode, Problem> {
    let person = caller.person()?;
    let (old, new) = (Zeroizing::new(change.old), Zeroizing::new(change.new));
    run(&app, move |engine, ctx| engine.change_password(ctx, &person, (&old, &new))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take further roles at once, for a while, with a reason. Everything done under it carries its id.
#[utoipa::path(post, path = "/v1/break-glass", tag = "staff", security(("key" = [])),
    request_body = api::NewBreakGlass, responses(
    (status = 201, description = "Yours from the next call on", body = api::BreakGlassView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn break_the_glass(
    State(app): State<App>,
    Staff(staff): Staff,
    Body(new): Body<api::NewBreakGlass>,
) -> Result<(StatusCode, Json<api::BreakGlassView>), Problem> {
    let new = engine::NewBreakGlass { reason: new.reason, roles: new.roles, minutes: new.minutes };
    let login = staff.login().to_owned();
    let taken = run(&app, move |engine, ctx| engine.break_the_glass(ctx, &staff, &new)).await?;
    Ok((StatusCode::CREATED, Json(convert::break_glass(taken, login))))
}

/// Who took further roles. Auditors and administrators may ask.
#[utoipa::path(get, path = "/v1/break-glass", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "Newest first", body = api::BreakGlassList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn broken_glass(
    State(app): State<App>,
    Staff(staff): Staff,
) -> Result<Json<api::BreakGlassList>, Problem> {
    let taken = blocking(&app, move |engine| engine.broken_glass(&staff)).await?;
    let taken = taken.into_iter().map(|(row, login)| convert::break_glass(row, login)).collect();
    Ok(Json(api::BreakGlassList { break_glass: taken }))
}

/// End it before its time. Administrators may, and whoever took it.
#[utoipa::path(post, path = "/v1/break-glass/{break_glass_id}/end", tag = "staff", security(("key" = [])),
    params(("break_glass_id" = String, Path, description = "Which")), responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn end_break_glass(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<BreakGlassId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.end_break_glass(ctx, &staff, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
