//! Disputes, for payer, merchant and staff.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use types::{DisputeId, PaymentId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::{Asked, Body, Id};
use crate::http::caller::{Merchant, Payer, Staff};
use crate::http::convert;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(not_me))
        .routes(routes!(own_dispute))
        .routes(routes!(disputes))
        .routes(routes!(dispute))
        .routes(routes!(gather))
        .routes(routes!(evidence))
        .routes(routes!(statement))
        .routes(routes!(find))
        .routes(routes!(approve))
        .routes(routes!(recover))
        .routes(routes!(close))
        .routes(routes!(accesses))
}

/// "This was not me". One call: the case is filed, the evidence gathered, and the money back unless the evidence
/// proves the payer's own authorisation.
#[utoipa::path(post, path = "/v1/me/payments/{payment_id}/not-me", tag = "payer", security(("key" = [])),
    params(("payment_id" = String, Path, description = "Which debit")), request_body = api::NotMe, responses(
    (status = 201, description = "The case", body = api::DisputeView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn not_me(
    State(app): State<App>,
    Payer(device): Payer,
    Id(payment): Id<PaymentId>,
    Body(claim): Body<api::NotMe>,
) -> Result<(StatusCode, Json<api::DisputeView>), Problem> {
    let view =
        run(&app, move |engine, ctx| engine.not_me(ctx, device, payment, (&claim.words, claim.freeze)))
            .await?;
    Ok((StatusCode::CREATED, Json(convert::own_case(view))))
}

/// The own case, with every step so far.
#[utoipa::path(get, path = "/v1/me/disputes/{dispute_id}", tag = "payer", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The case", body = api::DisputeView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn own_dispute(
    State(app): State<App>,
    Payer(device): Payer,
    Id(id): Id<DisputeId>,
) -> Result<Json<api::DisputeView>, Problem> {
    blocking(&app, move |engine| engine.own_case(device, id)).await.map(convert::own_case).map(Json)
}

/// All cases, oldest first: how they stand. What is in a file is read one at a time, with a purpose.
#[utoipa::path(get, path = "/v1/disputes", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "All cases", body = api::DisputeList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn disputes(State(app): State<App>, Staff(staff): Staff) -> Result<Json<api::DisputeList>, Problem> {
    let views = blocking(&app, move |engine| engine.cases(&staff)).await?;
    Ok(Json(api::DisputeList {
        disputes: views.into_iter().map(|view| convert::case_summary(&view)).collect(),
    }))
}

/// A case. The look is logged, and shown to the payer.
#[utoipa::path(get, path = "/v1/disputes/{dispute_id}", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which"), api::Purpose), responses(
    (status = 200, description = "The case", body = api::DisputeStaffView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn dispute(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
    Asked(purpose): Asked<api::Purpose>,
) -> Result<Json<api::DisputeStaffView>, Problem> {
    run(&app, move |engine, ctx| engine.case(ctx, &staff, id, &purpose.purpose))
        .await
        .map(convert::case)
        .map(Json)
}

/// Gather the evidence anew. The look is logged, and shown to the payer.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/gather", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "What was gathered", body = api::EvidenceView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn gather(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
) -> Result<Json<api::EvidenceView>, Problem> {
    let row = run(&app, move |engine, ctx| engine.gather_again(ctx, &staff, id)).await?;
    Ok(Json(convert::evidence(row)?))
}

/// What was gathered so far. The look is logged, and shown to the payer.
#[utoipa::path(get, path = "/v1/disputes/{dispute_id}/evidence", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which"), api::Purpose), responses(
    (status = 200, description = "In order", body = Vec<api::EvidenceView>),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn evidence(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
    Asked(purpose): Asked<api::Purpose>,
) -> Result<Json<Vec<api::EvidenceView>>, Problem> {
    let rows = run(&app, move |engine, ctx| engine.evidence(ctx, &staff, id, &purpose.purpose)).await?;
    rows.into_iter().map(convert::evidence).collect::<Result<_, _>>().map(Json)
}

/// The merchant's statement about a case.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/statement", tag = "merchant", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), request_body = api::StatementRequest, responses(
    (status = 200, description = "Received", body = api::StatementView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn statement(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Id(id): Id<DisputeId>,
    Body(said): Body<api::StatementRequest>,
) -> Result<Json<api::StatementView>, Problem> {
    let stance = convert::stance_in(&said.stance)?;
    let dispute = run(&app, move |engine, ctx| engine.state(ctx, merchant, id, (stance, &said.text))).await?;
    let view = dispute.statement.as_ref().map(convert::statement).ok_or_else(Problem::internal)?;
    Ok(Json(view))
}

/// Say what happened. A finding that owes the payer money pays it.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/finding", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), request_body = api::FindingRequest, responses(
    (status = 200, description = "The case", body = api::DisputeStaffView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn find(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
    Body(found): Body<api::FindingRequest>,
) -> Result<Json<api::DisputeStaffView>, Problem> {
    let finding = convert::finding_in(&found.finding)?;
    run(&app, move |engine, ctx| engine.find(ctx, &staff, id, (finding, &found.note)))
        .await
        .map(convert::case)
        .map(Json)
}

/// Approve, as a second person, a compensation above the automatic limit.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/compensation", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The case", body = api::DisputeStaffView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn approve(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
) -> Result<Json<api::DisputeStaffView>, Problem> {
    run(&app, move |engine, ctx| engine.approve_compensation(ctx, &staff, id))
        .await
        .map(convert::case)
        .map(Json)
}

/// Cover what the reserve paid from the merchant's unsettled money.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/recovery", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), request_body = api::Recovery, responses(
    (status = 200, description = "The case", body = api::DisputeStaffView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn recover(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
    Body(recovery): Body<api::Recovery>,
) -> Result<Json<api::DisputeStaffView>, Problem> {
    run(&app, move |engine, ctx| engine.recover(ctx, &staff, id, recovery.transfer_id))
        .await
        .map(convert::case)
        .map(Json)
}

/// End a case.
#[utoipa::path(post, path = "/v1/disputes/{dispute_id}/close", tag = "staff", security(("key" = [])),
    params(("dispute_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The case", body = api::DisputeStaffView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn close(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<DisputeId>,
) -> Result<Json<api::DisputeStaffView>, Problem> {
    run(&app, move |engine, ctx| engine.close(ctx, &staff, id)).await.map(convert::case).map(Json)
}

/// Who looked at whose data, and why; newest first, at most 200. For auditors.
#[utoipa::path(get, path = "/v1/accesses", tag = "staff", security(("key" = [])), params(api::AccessFilter), responses(
    (status = 200, description = "Newest first", body = Vec<api::AuditedAccess>),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn accesses(
    State(app): State<App>,
    Staff(staff): Staff,
    Asked(filter): Asked<api::AccessFilter>,
) -> Result<Json<Vec<api::AuditedAccess>>, Problem> {
    let filter = engine::AccessFilter { payer: filter.payer_id, actor: filter.actor };
    let rows = blocking(&app, move |engine| engine.audit_accesses(&staff, &filter)).await?;
    Ok(Json(rows.into_iter().map(convert::audited_access).collect()))
}
