//! What signs for a program that cannot: it takes requests on a port of its own, and passes each on as a terminal does.

use std::net::SocketAddr;
use std::thread;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use scenario::{Client, RawCall};
use tokio::net::TcpListener;

/// More than the server takes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a request shows in `Authorization` to be signed; without it, it goes on as nobody's.
pub(crate) const SIGN: &str = "Bearer of-a-device";

/// Starts it; it ends with the process. What it answers is the server's status, methods, media type and body.
pub(crate) fn start(client: &Client) -> SocketAddr {
    let app = Router::new().fallback(pass_on).with_state(client.clone());
    let (found, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            found.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address.recv().unwrap()
}

async fn pass_on(State(client): State<Client>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let sent = tokio::task::spawn_blocking(move || {
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let signs = parts.headers.get(header::AUTHORIZATION).is_some_and(|shown| shown == SIGN);
        let client = if signs { client } else { client.anonymous() };
        client.send(RawCall { method: parts.method.as_str(), path, content_type, body: &body })
    });
    let reply = sent.await.unwrap().unwrap_or_else(|error| panic!("the server gave no answer: {error}"));
    let status = StatusCode::from_u16(reply.status).unwrap();
    let mut response = Response::builder().status(status);
    if let Some(methods) = reply.allow {
        response = response.header(header::ALLOW, methods);
    }
    if !reply.media_type.is_empty() {
        response = response.header(header::CONTENT_TYPE, reply.media_type);
    }
    response.body(Body::from(reply.bytes)).unwrap()
}
