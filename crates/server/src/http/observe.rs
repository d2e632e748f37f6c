//! One log line and two metrics per request. Routes are logged as patterns: no ids, no bodies.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use engine::Timings;

pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
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
