//! One log line and two metrics per request. Routes are logged as patterns: no ids, no bodies.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Timings;

use super::problem::Problem;

pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let wordless = !response.headers().contains_key(header::CONTENT_TYPE);
    if response.status() == StatusCode::REQUEST_TIMEOUT && wordless {
        // The time-out itself answers without a word.
        let detail = "this took too long; ask for the state before you try again";
        response = Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail).into_response();
    }
    let (status, seconds) = (response.status().as_u16(), start.elapsed().as_secs_f64());
    let labels = [("method", method.clone()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("surety_http_requests_total", &labels).increment(1);
    metrics::histogram!("surety_http_request_seconds", "method" => method.clone(), "route" => route.clone())
        .record(seconds);
    tracing::info!(method, route, status, seconds, "request");
    response
}

/// Where the time of a capture went.
pub(crate) fn observe_capture(timings: &Timings) {
    let stage = |name: &'static str, seconds: f64| {
        metrics::histogram!("surety_capture_stage_seconds", "stage" => name).record(seconds);
    };
    for frame in &timings.frames {
        stage("decode", frame.decode.as_secs_f64());
        stage("detect", frame.detect.as_secs_f64());
        stage("align", frame.align.as_secs_f64());
        stage("embed", frame.embed.as_secs_f64());
        stage("liveness", frame.liveness.as_secs_f64());
    }
    stage("search", timings.search.as_secs_f64());
    stage("posterior", timings.posterior.as_secs_f64());
    stage("seal", timings.seal.as_secs_f64());
    stage("commit", timings.commit.as_secs_f64());
}
