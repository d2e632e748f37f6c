//! Paying without a face: an order's code, shown by its terminal, paid on the payer's own device.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::OrderId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::body::{Body, Id};
use crate::http::caller::{Anybody, Payer};
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::qr;
use crate::http::run::run;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(order_code)).routes(routes!(coded_order)).routes(routes!(pay))
}

/// The code of an open order, for its merchant or its terminal to show as a QR picture: whoever wants to pay without a
/// face scans it on the own device.
#[utoipa::path(get, path = "/v1/orders/{order_id}/code", tag = "merchant", security(("key" = [])),
    params(("order_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The code; asked again it is the same", body = api::OrderCodeView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn order_code(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderCodeView>, Problem> {
    let shown = run(&app, move |engine, ctx| engine.order_code(ctx, &caller, id)).await?;
    let url = qr::address(app.public_origin.as_ref(), &shown.code);
    let svg = qr::picture(&url).map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "drawing a QR picture");
        Problem::internal()
    })?;
    Ok(Json(api::OrderCodeView { code: shown.code.to_string(), url, expires_at: shown.expires_at, svg }))
}

/// What a code asks for: shop, place, amount.
#[utoipa::path(get, path = "/v1/order-codes/{code}", tag = "payer", security(("key" = [])),
    params(("code" = String, Path, description = "The code")), responses(
    (status = 200, description = "What is to be paid", body = api::CodedOrderView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn coded_order(
    State(app): State<App>,
    Payer(device): Payer,
    Id(code): Id<String>,
) -> Result<Json<api::CodedOrderView>, Problem> {
    let code = Zeroizing::new(code);
    let order = run(&app, move |engine, ctx| engine.coded_order(ctx, device, &code)).await?;
    Ok(Json(api::CodedOrderView {
        shop: order.shop,
        place: order.place,
        amount: order.amount,
        description: order.description,
        expires_at: order.expires_at,
        capture: convert::capture_mode(order.capture_later),
    }))
}

/// Pay the order behind a code: PIN and own device are the two factors, no face is looked at and none is needed. Sent
/// twice by the same payer, it is one payment.
#[utoipa::path(post, path = "/v1/me/order-code-payments", tag = "payer", security(("key" = [])),
    request_body = api::OrderCodePayment, responses(
    (status = 201, description = "Debited, or set aside where the merchant takes the money later", body = api::PaymentView),
    (status = 200, description = "The same payment, made before", body = api::PaymentView),
    (status = "4XX", description = "Refused; nobody was debited", body = api::Problem),
))]
async fn pay(
    State(app): State<App>,
    Payer(device): Payer,
    Body(wanted): Body<api::OrderCodePayment>,
) -> Result<(StatusCode, Json<api::PaymentView>), Problem> {
    app.limits.device(&device)?;
    let wanted = engine::CodePayment {
        code: Zeroizing::new(wanted.code),
        pin: Zeroizing::new(wanted.pin),
        again: wanted.again,
    };
    let (view, now) = run(&app, move |engine, ctx| engine.pay_by_code(ctx, device, &wanted)).await?;
    let status = if now { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(convert::payment(view))))
}
