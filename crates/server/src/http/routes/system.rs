//! What operators and programs ask of the process itself.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::problem::Problem;
use crate::http::run::blocking;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(metrics)).routes(routes!(openapi))
}

/// May payments be taken?
#[utoipa::path(get, path = "/health", tag = "public", responses(
    (status = 200, description = "Yes", body = serde_json::Value),
    (status = 503, description = "No: an assertion about money failed", body = api::Problem),
))]
async fn health(State(app): State<App>) -> Result<Response, Problem> {
    let health = blocking(&app, engine::Engine::health).await?;
    if !health.healthy {
        let detail = "an assertion about money failed; run `surety verify`, then restart";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unhealthy", detail));
    }
    Ok(Json(health).into_response())
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "public", responses((status = 200, description = "Metrics", body = String)))]
async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "public", responses(
    (status = 200, description = "The OpenAPI document", body = serde_json::Value),
))]
async fn openapi() -> Response {
    Json(crate::http::openapi()).into_response()
}
