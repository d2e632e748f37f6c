//! Bodies, ids and queries, each with a refusal that says what to do.

use axum::body::{Body as RawBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::signature::{self, SignedBy};
use super::{App, BODY_TIMEOUT};

/// Most bytes of a body without pictures.
pub(crate) const PLAIN_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a body with pictures: base64 of 8 MiB and a little.
pub(crate) const PICTURES_BYTES_MAX: usize = 11 * 1024 * 1024;

/// A JSON body without pictures.
pub(crate) struct Body<T>(pub(crate) T);
/// A JSON body with pictures.
pub(crate) struct Pictures<T>(pub(crate) T);
/// The id in the path.
pub(crate) struct Id<T>(pub(crate) T);
/// The query.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request, PLAIN_BYTES_MAX).await.map(Self)
    }
}

impl<T: DeserializeOwned + Send> FromRequest<App> for Pictures<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let signed = request.extensions().get::<SignedBy>().copied();
        let read = read(request, PICTURES_BYTES_MAX).await;
        if let Err(refused) = &read {
            signature::note_if_tampered(app, signed, refused).await?;
        }
        read.map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "id_malformed",
                "the id in the path is not of the right form: a prefix that says what it is, an underscore, and 32 \
                 hexadecimal digits",
            )),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, "query_malformed", error.body_text())),
        }
    }
}

/// Reads a small body before anything is decided about the request, and a body of unsaid length as if it were
/// small. A refusal that leaves a body unread makes the connection end, and the caller's next request on it fails
/// for no reason the caller could know. With a large body that cannot be helped, and the refusal says so.
pub(crate) async fn take_small(request: Request, next: Next) -> Response {
    if content_length(request.headers()).is_some_and(|length| length > PLAIN_BYTES_MAX) {
        let mut response = next.run(request).await;
        if !response.status().is_success() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        return response;
    }
    let said = request.headers().contains_key(header::CONTENT_LENGTH);
    let (parts, body) = request.into_parts();
    match bytes(body, PLAIN_BYTES_MAX).await {
        Ok(bytes) => next.run(Request::from_parts(parts, RawBody::from(bytes))).await,
        Err(problem) if said || problem.is_timeout() => problem.into_response(),
        Err(_) => Problem::new(
            StatusCode::LENGTH_REQUIRED,
            "length_required",
            "send a Content-Length header with a body of this size",
        )
        .into_response(),
    }
}

async fn read<T: DeserializeOwned>(request: Request, bytes_max: usize) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let declared = content_length(&parts.headers);
    if declared.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let bytes = bytes(body, bytes_max).await?;
    signature::check_body(&parts, &bytes)?;
    if bytes.is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "body_missing", "send a JSON body"));
    }
    let json = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json =
        json.and_then(|value| value.split(';').next()).is_some_and(|kind| kind.trim() == "application/json");
    if !json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "send JSON, with the header Content-Type: application/json",
        ));
    }
    // Serde reads structs from arrays as well; by position, which nobody means.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "body_malformed", "the body is no JSON object"));
    }
    // The error's text names fields and types of our own, and a position; never what was sent.
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let detail = match error.classify() {
            serde_json::error::Category::Data => {
                format!("the body is not what this route takes, at {place}; /openapi.json shows what it is")
            }
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                format!("the body is not JSON, at {place}")
            }
        };
        Problem::new(StatusCode::BAD_REQUEST, "body_malformed", detail)
    })
}

async fn bytes(body: RawBody, bytes_max: usize) -> Result<axum::body::Bytes, Problem> {
    let Ok(arrived) = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, bytes_max)).await else {
        let detail = format!(
            "the body did not arrive within {} seconds; nothing was done, send it again",
            BODY_TIMEOUT.as_secs()
        );
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
    };
    arrived.map_err(|error| {
        tracing::debug!(%error, "a body was not read to its end");
        too_large(bytes_max)
    })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is incomplete, or has more than {bytes_max} bytes; send less"),
    )
}

/// Pictures out of base64. What came and what it becomes is wiped when nobody needs it any more.
pub(crate) fn pictures(frames: Vec<String>) -> Result<Vec<Zeroizing<Vec<u8>>>, Problem> {
    let frames = Zeroizing::new(frames);
    let decode = |(index, frame): (usize, &String)| {
        STANDARD.decode(frame).map(Zeroizing::new).map_err(|error| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "frame_not_base64",
                format!("frame {index} is not base64 ({error}); send the bytes of a JPEG or PNG file as standard base64"),
            )
        })
    };
    frames.iter().enumerate().map(decode).collect()
}
