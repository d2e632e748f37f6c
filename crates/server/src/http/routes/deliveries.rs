//! Webhooks: where they go, what became of them, sending them again.

use axum::Json;
use axum::extract::State;
use types::{DeliveryId, MerchantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::{Asked, Body, Id};
use crate::http::caller::{Merchant, Staff};
use crate::http::convert::money;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(set_webhook))
        .routes(routes!(own_deliveries))
        .routes(routes!(deliveries))
        .routes(routes!(resend))
}

/// Set where a merchant's webhooks go. Staff does this, because the server will call that address. The secret that
/// signs them is new and shown once.
#[utoipa::path(put, path = "/v1/merchants/{merchant_id}/webhook", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), request_body = api::Webhook, responses(
    (status = 200, description = "The new secret", body = api::WebhookReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn set_webhook(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<MerchantId>,
    Body(webhook): Body<api::Webhook>,
) -> Result<Json<api::WebhookReply>, Problem> {
    let secret = run(&app, move |engine, ctx| engine.set_webhook(ctx, &staff, id, &webhook.url)).await?;
    Ok(Json(api::WebhookReply { secret: secret.to_string() }))
}

/// The merchant's webhooks and what became of them.
#[utoipa::path(get, path = "/v1/merchant/deliveries", tag = "merchant", security(("key" = [])),
    params(api::DeliveryFilter), responses(
    (status = 200, description = "At most 100, oldest first", body = api::DeliveryList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn own_deliveries(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Asked(filter): Asked<api::DeliveryFilter>,
) -> Result<Json<api::DeliveryList>, Problem> {
    let state = filter.state.map(money::delivery_state_in);
    let rows = blocking(&app, move |engine| engine.own_deliveries(merchant, state)).await?;
    Ok(Json(money::deliveries(rows)))
}

/// Everybody's webhooks and pushed messages, and what became of them.
#[utoipa::path(get, path = "/v1/deliveries", tag = "staff", security(("key" = [])),
    params(api::DeliveryFilter), responses(
    (status = 200, description = "At most 100, oldest first", body = api::DeliveryList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn deliveries(
    State(app): State<App>,
    Staff(staff): Staff,
    Asked(filter): Asked<api::DeliveryFilter>,
) -> Result<Json<api::DeliveryList>, Problem> {
    let state = filter.state.map(money::delivery_state_in);
    let rows = blocking(&app, move |engine| engine.deliveries(&staff, state)).await?;
    Ok(Json(money::deliveries(rows)))
}

/// Send a delivery again, whether it was given up or taken. It goes behind nothing: in its old place in the order.
#[utoipa::path(post, path = "/v1/deliveries/{delivery_id}/resend", tag = "staff", security(("key" = [])),
    params(("delivery_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The delivery", body = api::DeliveryView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn resend(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DeliveryId>,
) -> Result<Json<api::DeliveryView>, Problem> {
    let row = run(&app, move |engine, ctx| engine.resend(ctx, &staff, id)).await?;
    Ok(Json(money::delivery(row)))
}
