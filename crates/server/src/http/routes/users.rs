//! People of the operator and of merchants: made, listed, changed, ended; invitations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{MerchantId, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Anybody, Merchant, Staff};
use crate::http::convert::people as convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(create_owner))
        .routes(routes!(create_for_merchant, list_of_merchant))
        .routes(routes!(set_roles))
        .routes(routes!(set_merchant_role))
        .routes(routes!(reset))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(accept))
        .routes(routes!(confirm))
}

/// Make a user of the operator. Administrators may.
#[utoipa::path(post, path = "/v1/users", tag = "staff", security(("key" = [])), request_body = api::NewUser, responses(
    (status = 201, description = "Made; the invitation is shown once", body = api::Invited),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn create(
    State(app): State<App>,
    Staff(staff): Staff,
    Body(new): Body<api::NewUser>,
) -> Result<(StatusCode, Json<api::Invited>), Problem> {
    let roles = new.roles;
    let new = engine::NewUser { login: new.login, name: new.name, phone: new.phone };
    let invited = run(&app, move |engine, ctx| engine.create_staff(ctx, &staff, &new, roles)).await?;
    Ok((StatusCode::CREATED, Json(convert::invited(&invited))))
}

/// Everybody who can log in, could, or was invited. Administrators and auditors may ask.
#[utoipa::path(get, path = "/v1/users", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "By login", body = api::UserList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list(State(app): State<App>, Staff(staff): Staff) -> Result<Json<api::UserList>, Problem> {
    let users = blocking(&app, move |engine| engine.users(&staff)).await?;
    Ok(Json(api::UserList { users: users.into_iter().map(convert::user).collect() }))
}

/// Make the first owner of a merchant; owners make its other users. Merchant care may.
#[utoipa::path(post, path = "/v1/merchants/{merchant_id}/owners", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), request_body = api::NewOwner, responses(
    (status = 201, description = "Made; the invitation is shown once", body = api::Invited),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn create_owner(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(merchant): Id<MerchantId>,
    Body(new): Body<api::NewOwner>,
) -> Result<(StatusCode, Json<api::Invited>), Problem> {
    let new = engine::NewUser { login: new.login, name: new.name, phone: None };
    let invited =
        run(&app, move |engine, ctx| engine.create_first_owner(ctx, &staff, merchant, &new)).await?;
    Ok((StatusCode::CREATED, Json(convert::invited(&invited))))
}

/// Make a user of the own merchant.
#[utoipa::path(post, path = "/v1/merchant/users", tag = "merchant", security(("key" = [])),
    request_body = api::NewMerchantUser, responses(
    (status = 201, description = "Made; the invitation is shown once", body = api::Invited),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn create_for_merchant(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Body(new): Body<api::NewMerchantUser>,
) -> Result<(StatusCode, Json<api::Invited>), Problem> {
    let role = new.role;
    let new = engine::NewUser { login: new.login, name: new.name, phone: None };
    let invited =
        run(&app, move |engine, ctx| engine.create_merchant_user(ctx, merchant, &new, role)).await?;
    Ok((StatusCode::CREATED, Json(convert::invited(&invited))))
}

/// The users of the own merchant.
#[utoipa::path(get, path = "/v1/merchant/users", tag = "merchant", security(("key" = [])), responses(
    (status = 200, description = "By login", body = api::UserList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn list_of_merchant(
    State(app): State<App>,
    Merchant(merchant): Merchant,
) -> Result<Json<api::UserList>, Problem> {
    let users = blocking(&app, move |engine| engine.merchant_users(merchant)).await?;
    Ok(Json(api::UserList { users: users.into_iter().map(convert::user).collect() }))
}

/// Give a user of the operator other roles; the user's open logins end. Administrators may, but not to themselves.
#[utoipa::path(put, path = "/v1/users/{user_id}/roles", tag = "staff", security(("key" = [])),
    params(("user_id" = String, Path, description = "Whom")), request_body = api::SetRoles, responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn set_roles(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(user): Id<UserId>,
    Body(wanted): Body<api::SetRoles>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.set_roles(ctx, &staff, user, wanted.roles)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a user of the own merchant another role; the user's open logins end. Nobody changes the own role.
#[utoipa::path(put, path = "/v1/merchant/users/{user_id}/role", tag = "merchant", security(("key" = [])),
    params(("user_id" = String, Path, description = "Whom")), request_body = api::SetMerchantRole, responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn set_merchant_role(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(user): Id<UserId>,
    Body(wanted): Body<api::SetMerchantRole>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.set_merchant_role(ctx, merchant, user, wanted.role)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take password, second factor and logins from a user and invite the user anew: for whoever lost one of them.
/// Administrators may for the operator's users, merchant care for owners, owners for their merchant's users.
#[utoipa::path(post, path = "/v1/users/{user_id}/reset", tag = "staff", security(("key" = [])),
    params(("user_id" = String, Path, description = "Whom")), responses(
    (status = 200, description = "The new invitation, shown once", body = api::Invited),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn reset(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(user): Id<UserId>,
) -> Result<Json<api::Invited>, Problem> {
    let invited = run(&app, move |engine, ctx| engine.reset_user(ctx, &caller, user)).await?;
    Ok(Json(convert::invited(&invited)))
}

/// End a user, with open logins, invitation and keys. Whoever may reset a user may; nobody the last administrator.
#[utoipa::path(post, path = "/v1/users/{user_id}/disable", tag = "staff", security(("key" = [])),
    params(("user_id" = String, Path, description = "Whom")), responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn disable(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.disable_user(ctx, &caller, user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a disabled user log in again. Whoever may reset a user may.
#[utoipa::path(post, path = "/v1/users/{user_id}/enable", tag = "staff", security(("key" = [])),
    params(("user_id" = String, Path, description = "Whom")), responses(
    (status = 204, description = "Done"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn enable(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    run(&app, move |engine, ctx| engine.enable_user(ctx, &caller, user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Choose a password with an invitation, and begin a second factor. Sent twice, the second counts.
#[utoipa::path(post, path = "/v1/invitations/accept", tag = "public", request_body = api::AcceptInvitation, responses(
    (status = 200, description = "Set; confirm the second factor, if there is one", body = api::Accepted),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn accept(
    State(app): State<App>,
    Body(choice): Body<api::AcceptInvitation>,
) -> Result<Json<api::Accepted>, Problem> {
    let choice = engine::Choice {
        invitation: Zeroizing::new(choice.invitation),
        password: Zeroizing::new(choice.password),
        without_totp: choice.without_totp,
    };
    let (login, totp) = run(&app, move |engine, ctx| engine.accept_invitation(ctx, &choice)).await?;
    let totp =
        totp.map(|setup| api::TotpSetup { uri: setup.uri.to_string(), secret: setup.secret.to_string() });
    Ok(Json(api::Accepted { login, totp }))
}

/// Show that the second factor works, with its first code. From then on the user can log in.
#[utoipa::path(post, path = "/v1/invitations/confirm", tag = "public", request_body = api::ConfirmInvitation,
    responses(
    (status = 204, description = "Active"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn confirm(
    State(app): State<App>,
    Body(first): Body<api::ConfirmInvitation>,
) -> Result<StatusCode, Problem> {
    let invitation = Zeroizing::new(first.invitation);
    run(&app, move |engine, ctx| engine.confirm_invitation(ctx, &invitation, &first.code)).await?;
    Ok(StatusCode::NO_CONTENT)
}
