//! Merchants, money from outside.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{Amount, PayerId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::Staff;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register_merchant))
        .routes(routes!(fund_reserve))
        .routes(routes!(reserve))
        .routes(routes!(top_up))
}

/// Register a merchant.
#[utoipa::path(post, path = "/v1/merchants", tag = "staff", security(("key" = [])), request_body = api::NewMerchant, responses(
    (status = 201, description = "Registered; the key is shown once", body = api::NewMerchantReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn register_merchant(
    State(app): State<App>,
    Staff(staff): Staff,
    Body(new): Body<api::NewMerchant>,
) -> Result<(StatusCode, Json<api::NewMerchantReply>), Problem> {
    let new = engine::NewMerchant { name: new.name, city: new.city };
    let (merchant_id, key) = run(&app, move |engine, ctx| engine.register_merchant(ctx, &staff, new)).await?;
    Ok((StatusCode::CREATED, Json(api::NewMerchantReply { merchant_id, api_key: key.to_string() })))
}

/// Put money into the reserve that advance compensation is paid from.
#[utoipa::path(post, path = "/v1/reserve/fundings", tag = "staff", security(("key" = [])), request_body = api::Funding, responses(
    (status = 200, description = "What the reserve holds", body = api::AmountSchema),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn fund_reserve(
    State(app): State<App>,
    Staff(staff): Staff,
    Body(funding): Body<api::Funding>,
) -> Result<Json<Amount>, Problem> {
    let movement = (funding.transfer_id, funding.amount);
    run(&app, move |engine, ctx| engine.fund_reserve(ctx, &staff, movement)).await.map(Json)
}

/// What the reserve holds, per currency.
#[utoipa::path(get, path = "/v1/reserve", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "Per currency", body = Vec<api::AmountSchema>),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn reserve(State(app): State<App>, Staff(staff): Staff) -> Result<Json<Vec<Amount>>, Problem> {
    blocking(&app, move |engine| engine.reserve(&staff)).await.map(Json)
}

/// Put money that came in for a payer onto the payer's account.
#[utoipa::path(post, path = "/v1/payers/{payer_id}/top-ups", tag = "staff", security(("key" = [])),
    params(("payer_id" = String, Path, description = "Whose")), request_body = api::Funding, responses(
    (status = 200, description = "The balance", body = api::AmountSchema),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn top_up(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(payer): Id<PayerId>,
    Body(funding): Body<api::Funding>,
) -> Result<Json<Amount>, Problem> {
    let movement = (funding.transfer_id, funding.amount);
    run(&app, move |engine, ctx| engine.top_up(ctx, &staff, payer, movement)).await.map(Json)
}
