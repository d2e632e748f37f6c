//! Orders, and attempts to pay them with a face.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use types::{OrderId, SessionId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use crate::http::App;
use crate::http::address::ClientAddress;
use crate::http::body::{Asked, Body, Id, Pictures, pictures};
use crate::http::caller::{Anybody, Merchant, Staff, Terminal};
use crate::http::convert;
use crate::http::observe::observe_capture;
use crate::http::problem::Problem;
use crate::http::run::run;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_order))
        .routes(routes!(order))
        .routes(routes!(reverse))
        .routes(routes!(order_by_number))
        .routes(routes!(reverse_number))
        .routes(routes!(open_session))
        .routes(routes!(session))
        .routes(routes!(capture))
        .routes(routes!(step_up))
        .routes(routes!(decisions))
        .routes(routes!(picture))
}

/// Create an order. Sent twice with the same content, it is one order.
#[utoipa::path(post, path = "/v1/orders", tag = "merchant", security(("key" = [])), request_body = api::NewOrder, responses(
    (status = 201, description = "Created", body = api::OrderView),
    (status = 200, description = "The same order, created before", body = api::OrderView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn create_order(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Body(new): Body<api::NewOrder>,
) -> Result<(StatusCode, Json<api::OrderView>), Problem> {
    let new = engine::NewOrder {
        out_trade_no: new.out_trade_no,
        terminal: new.terminal_id,
        amount: new.amount,
        description: new.description,
        capture_later: new.capture == api::CaptureMode::Manual,
    };
    let (view, created) = run(&app, move |engine, ctx| engine.create_order(ctx, merchant, new)).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(convert::order(view))))
}

/// An order, for its merchant or its terminal.
#[utoipa::path(get, path = "/v1/orders/{order_id}", tag = "merchant", security(("key" = [])),
    params(("order_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The order", body = api::OrderView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn order(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    run(&app, move |engine, ctx| engine.order(ctx, &caller, id)).await.map(convert::order).map(Json)
}

/// Take an order back, for its merchant or its terminal: the money returns if it was paid, and it can never be
/// paid again. This is what a terminal does that lost its answer.
#[utoipa::path(post, path = "/v1/orders/{order_id}/reverse", tag = "merchant", security(("key" = [])),
    params(("order_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "Reversed", body = api::OrderView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn reverse(
    State(app): State<App>,
    Anybody(caller): Anybody,
    Id(id): Id<OrderId>,
) -> Result<Json<api::OrderView>, Problem> {
    run(&app, move |engine, ctx| engine.reverse(ctx, &caller, id)).await.map(convert::order).map(Json)
}

/// The order under the merchant's own number: what a merchant asks that lost an answer.
#[utoipa::path(get, path = "/v1/orders", tag = "merchant", security(("key" = [])), params(api::OrderNumber), responses(
    (status = 200, description = "The order", body = api::OrderView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn order_by_number(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Asked(asked): Asked<api::OrderNumber>,
) -> Result<Json<api::OrderView>, Problem> {
    let view =
        run(&app, move |engine, ctx| engine.order_by_number(ctx, merchant, &asked.out_trade_no)).await?;
    Ok(Json(convert::order(view)))
}

/// Take back whatever stands under the merchant's own number, also when its order has not come yet: an order of that
/// number is then refused. For a merchant that never got the order's id.
#[utoipa::path(post, path = "/v1/reversals", tag = "merchant", security(("key" = [])), request_body = api::ReverseNumber, responses(
    (status = 200, description = "Reversed", body = api::ReverseNumberReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn reverse_number(
    State(app): State<App>,
    Merchant(merchant): Merchant,
    Body(wanted): Body<api::ReverseNumber>,
) -> Result<Json<api::ReverseNumberReply>, Problem> {
    let found =
        run(&app, move |engine, ctx| engine.reverse_number(ctx, merchant, &wanted.out_trade_no)).await?;
    Ok(Json(api::ReverseNumberReply { order: found.map(convert::order) }))
}

/// Open an attempt to pay an order with a face.
#[utoipa::path(post, path = "/v1/capture-sessions", tag = "terminal", security(("key" = [])), request_body = api::NewSession, responses(
    (status = 201, description = "Opened; the nonce is shown once", body = api::NewSessionReply),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn open_session(
    State(app): State<App>,
    Terminal(terminal): Terminal,
    Body(new): Body<api::NewSession>,
) -> Result<(StatusCode, Json<api::NewSessionReply>), Problem> {
    let opened = run(&app, move |engine, ctx| engine.open_session(ctx, terminal, new.order_id)).await?;
    Ok((StatusCode::CREATED, Json(convert::opened(&opened))))
}

/// How far an attempt is.
#[utoipa::path(get, path = "/v1/capture-sessions/{session_id}", tag = "terminal", security(("key" = [])),
    params(("session_id" = String, Path, description = "Which")), responses(
    (status = 200, description = "The attempt", body = api::SessionView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn session(
    State(app): State<App>,
    Terminal(terminal): Terminal,
    Id(id): Id<SessionId>,
) -> Result<Json<api::SessionView>, Problem> {
    run(&app, move |engine, ctx| engine.session(ctx, terminal, id)).await.map(convert::session).map(Json)
}

/// Send the frames of an attempt; the answer is a verdict or a question.
#[utoipa::path(post, path = "/v1/capture-sessions/{session_id}/capture", tag = "terminal", security(("key" = [])),
    params(("session_id" = String, Path, description = "Which")), request_body = api::Capture, responses(
    (status = 200, description = "The attempt", body = api::SessionView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn capture(
    State(app): State<App>,
    Terminal(terminal): Terminal,
    Id(id): Id<SessionId>,
    Extension(ClientAddress(network)): Extension<ClientAddress>,
    Pictures(capture): Pictures<api::Capture>,
) -> Result<Json<api::SessionView>, Problem> {
    let api::Capture { nonce, mut frames, challenge, report } = capture;
    let moves: Option<Vec<Vec<u32>>> = challenge.map(|moves| {
        let mut times = Vec::with_capacity(moves.len());
        for api::ChallengeFrames { frames: moved } in moves {
            times.push(moved.iter().map(|frame| frame.at_ms).collect());
            frames.extend(moved.into_iter().map(|frame| frame.picture));
        }
        times
    });
    let (frames, report) = (pictures(frames)?, convert::terminals::report_in(report));
    let (view, timings) = run(&app, move |engine, ctx| {
        let taken = engine::Taken { pictures: &frames, moves: moves.as_deref() };
        let sent = engine::SentCapture { report: &report, taken, network: Some(network) };
        engine.capture_reported(ctx, terminal, (id, &nonce), &sent)
    })
    .await?;
    observe_capture(&timings);
    Ok(Json(convert::session(view)))
}

/// Answer what an attempt asks.
#[utoipa::path(post, path = "/v1/capture-sessions/{session_id}/step-up", tag = "terminal", security(("key" = [])),
    params(("session_id" = String, Path, description = "Which")), request_body = api::StepUp, responses(
    (status = 200, description = "The attempt", body = api::SessionView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn step_up(
    State(app): State<App>,
    Terminal(terminal): Terminal,
    Id(session): Id<SessionId>,
    Body(step): Body<api::StepUp>,
) -> Result<Json<api::SessionView>, Problem> {
    app.limits.device(&terminal)?;
    let step = engine::StepUp {
        session,
        nonce: Zeroizing::new(step.nonce),
        check: convert::check_in(step.check),
        answer: step.answer.map(Zeroizing::new),
    };
    run(&app, move |engine, ctx| engine.step_up(ctx, terminal, step)).await.map(convert::session).map(Json)
}

/// Every decision about an attempt with all it depended on. The look is logged, and shown to the payer.
#[utoipa::path(get, path = "/v1/capture-sessions/{session_id}/decisions", tag = "staff", security(("key" = [])),
    params(("session_id" = String, Path, description = "Which"), api::Purpose), responses(
    (status = 200, description = "The decisions, in order", body = api::DecisionList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn decisions(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<SessionId>,
    Asked(purpose): Asked<api::Purpose>,
) -> Result<Json<api::DecisionList>, Problem> {
    let rows = run(&app, move |engine, ctx| engine.decisions(ctx, &staff, id, &purpose.purpose)).await?;
    Ok(Json(api::DecisionList { decisions: rows.into_iter().map(convert::decision).collect() }))
}

/// A picture of an attempt, as the terminal sent it. The look is logged, and shown to the payer.
#[utoipa::path(get, path = "/v1/capture-sessions/{session_id}/picture", tag = "staff", security(("key" = [])),
    params(("session_id" = String, Path, description = "Which attempt"), api::PictureAsked), responses(
    (status = 200, description = "The picture", body = String, content_type = "image/jpeg"),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn picture(
    State(app): State<App>,
    Staff(staff): Staff,
    Id(id): Id<SessionId>,
    Asked(asked): Asked<api::PictureAsked>,
) -> Result<Response, Problem> {
    let frame = usize::try_from(asked.frame).unwrap_or(usize::MAX);
    let seen = run(&app, move |engine, ctx| engine.picture(ctx, &staff, (id, frame), &asked.purpose)).await?;
    let png = seen.bytes.starts_with(b"\x89PNG");
    let kind = if png { "image/png" } else { "image/jpeg" };
    let mut response = seen.bytes.to_vec().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}
