//! What a merchant does with payments, and how it gets its money.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::{MerchantId, PaymentId, SettlementId};
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
        .routes(routes!(payment))
        .routes(routes!(capture))
        .routes(routes!(void))
        .routes(routes!(refund))
        .routes(routes!(settlements))
        .routes(routes!(bill))
        .routes(routes!(bill_csv))
        .routes(routes!(balances))
        .routes(routes!(terms))
        .routes(routes!(settle))
        .routes(routes!(pay_out))
}

/// A payment, for its merchant.
#[utoipa::path(get, path = "/v1/payments/{payment_id}", tag = "merchant", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The payment", body = api::MerchantPaymentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn payment(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<PaymentId>,
) -> Result<Json<api::MerchantPaymentView>, Problem> {
    let view = blocking(&app, move |engine| engine.merchant_payment(merchant, id)).await?;
    Ok(Json(money::payment(view)))
}

/// Take what was set aside, or less; the rest is the payer's again. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/payments/{payment_id}/capture", tag = "merchant", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Which")), request_body = api::CapturePayment, responses(
    (status = 200, description = "The payment", body = api::MerchantPaymentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn capture(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<PaymentId>,
    Body(wanted): Body<api::CapturePayment>,
) -> Result<Json<api::MerchantPaymentView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.capture_payment(ctx, merchant, id, wanted.amount)).await?;
    Ok(Json(money::payment(view)))
}

/// Let go of what was set aside. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/payments/{payment_id}/void", tag = "merchant", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The payment", body = api::MerchantPaymentView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn void(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<PaymentId>,
) -> Result<Json<api::MerchantPaymentView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.void_payment(ctx, merchant, id)).await?;
    Ok(Json(money::payment(view)))
}

/// Give money back, in whole or in part, before or after settlement. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/payments/{payment_id}/refunds", tag = "merchant", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Of which")), request_body = api::NewRefund, responses(
    (status = 201, description = "Given back", body = api::RefundView),
    (status = 200, description = "The same refund, made before", body = api::RefundView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn refund(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<PaymentId>,
    Body(new): Body<api::NewRefund>,
) -> Result<(StatusCode, Json<api::RefundView>), Problem> {
    let new = engine::NewRefund { out_refund_no: new.out_refund_no, amount: new.amount, reason: new.reason };
    let (row, made) = run(&app, move |engine, ctx| engine.refund(ctx, merchant, id, &new)).await?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(money::refund(row))))
}

/// The merchant's newest settlements, with what was left out of each and why.
#[utoipa::path(get, path = "/v1/merchant/settlements", tag = "merchant", security(("key" = [])), responses(
    (status = 200, description = "At most 100, newest first", body = api::SettlementList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn settlements(
    State(app): State<App>,
    Merchant(merchant): Merchant,
) -> Result<Json<api::SettlementList>, Problem> {
    let views = blocking(&app, move |engine| engine.settlements(merchant)).await?;
    Ok(Json(money::settlements(views)))
}

/// The merchant's bill of a business day that is over: sums, and the SHA-256 of the file.
#[utoipa::path(get, path = "/v1/merchant/bill", tag = "merchant", security(("key" = [])), params(api::BillDate), responses(
    (status = 200, description = "The bill", body = api::BillView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn bill(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Asked(day): Asked<api::BillDate>,
) -> Result<Json<api::BillView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.bill(ctx.now, merchant, &day.date)).await?;
    Ok(Json(money::bill(&view)))
}

/// The same bill as a CSV file. The header `Repr-Digest` (RFC 9530) carries its SHA-256.
#[utoipa::path(get, path = "/v1/merchant/bill.csv", tag = "merchant", security(("key" = [])), params(api::BillDate), responses(
    (status = 200, description = "The file", body = String, content_type = "text/csv"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn bill_csv(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Asked(day): Asked<api::BillDate>,
) -> Result<Response, Problem> {
    let view = run(&app, move |engine, ctx| engine.bill(ctx.now, merchant, &day.date)).await?;
    let digest = format!("sha-256=:{}:", STANDARD.encode(view.sha256.0));
    let name = format!("attachment; filename=\"surety-bill-{}.csv\"", view.date);
    let mut response = view.csv.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    for (header, value) in
        [(HeaderName::from_static("repr-digest"), digest), (header::CONTENT_DISPOSITION, name)]
    {
        let value = HeaderValue::try_from(value).expect("base64 and a date are header text");
        headers.insert(header, value);
    }
    Ok(response)
}

/// What the merchant has: paid and not settled, settled and not paid out, owed.
#[utoipa::path(get, path = "/v1/merchant/balances", tag = "merchant", security(("key" = [])), responses(
    (status = 200, description = "Per currency", body = api::MerchantBalances),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn balances(
    State(app): State<App>,
    Merchant(merchant): Merchant,
) -> Result<Json<api::MerchantBalances>, Problem> {
    let [pending, settled, owed] = blocking(&app, move |engine| engine.merchant_balances(merchant)).await?;
    Ok(Json(api::MerchantBalances { pending, settled, owed }))
}

/// Set a merchant's terms: T+n, from the next settlement on, and the fee, for payments from now on.
#[utoipa::path(put, path = "/v1/merchants/{merchant_id}/terms", tag = "staff", security(("key" = [])),
    params(("merchant_id" = String, Path, description = "Whose")), request_body = api::Terms, responses(
    (status = 204, description = "Set"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn terms(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<MerchantId>,
    Body(terms): Body<api::Terms>,
) -> Result<StatusCode, Problem> {
    let wanted = (terms.settle_after_days, terms.fee_bps);
    run(&app, move |engine, ctx| engine.set_terms(ctx, &staff, id, wanted)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Settle everything that is due today, for every merchant. The server does this by itself every day; run twice, it
/// does nothing the second time.
#[utoipa::path(post, path = "/v1/settlement-runs", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "What was settled now", body = api::SettlementList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn settle(State(app): State<App>, Staff(staff): Staff) -> Result<Json<api::SettlementList>, Problem> {
    let views = run(&app, move |engine, ctx| engine.settle_now(ctx, &staff)).await?;
    Ok(Json(money::settlements(views)))
}

/// Record that a settlement's money left for the merchant's bank. Sent twice, it happens once.
#[utoipa::path(post, path = "/v1/settlements/{settlement_id}/payout", tag = "staff", security(("key" = [])),
    params(("settlement_id" = String, Path, description = "Which")), request_body = api::Payout, responses(
    (status = 200, description = "The settlement", body = api::SettlementView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn pay_out(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<SettlementId>,
    Body(payout): Body<api::Payout>,
) -> Result<Json<api::SettlementView>, Problem> {
    let view = run(&app, move |engine, ctx| engine.pay_out(ctx, &staff, id, payout.transfer_id)).await?;
    Ok(Json(money::settlement(view)))
}
