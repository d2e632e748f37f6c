//! A small typed client of the HTTP interface.

use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use api::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::{DeviceKey, Secrets};

/// No call of the interface takes this long; one that does has hung.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a call is repeated that a busy server sent away, and how long to wait before. It did nothing then.
const BUSY_TRIES_MAX: u32 = 20;
const BUSY_WAIT: Duration = Duration::from_millis(500);
/// More than any answer of the interface holds.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Calls one server, with one key or none. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base_url: String,
    shows: Shows,
    secrets: Secrets,
}

/// How a client says who it is.
#[derive(Clone)]
enum Shows {
    Nothing,
    Bearer(String),
    Signature(Box<DeviceKey>),
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum CallError {
    /// The server refused, and said why.
    Problem(Problem),
    /// The call did not come through, or the answer is not what the interface promises.
    Transport(anyhow::Error),
}

/// An answer as it came, for whoever looks at more than its content.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type without parameters; empty when there was none.
    pub media_type: String,
    /// The `Allow` header, where there was one.
    pub allow: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The bytes, as text.
    pub body: String,
}

/// A call as it is sent, right or wrong.
#[derive(Clone, Copy, Debug)]
pub struct RawCall<'a> {
    /// `GET`, `POST`, `DELETE`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The content type; none sends no such header.
    pub content_type: Option<&'a str>,
    /// The bytes; empty sends no body.
    pub body: &'a [u8],
}

impl Client {
    /// A client without a key.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(CALL_TIMEOUT))
            // The server runs on this machine: no proxy stands between.
            .proxy(None)
            .max_redirects(0)
            .build();
        let secrets = Secrets::default();
        Self { agent: config.new_agent(), base_url: base_url.into(), shows: Shows::Nothing, secrets }
    }

    /// The same client with a bearer key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.secrets.note_key(&key);
        Self { shows: Shows::Bearer(key), ..self.clone() }
    }

    /// The same client, signing every request.
    #[must_use]
    pub fn with_signature(&self, key: DeviceKey) -> Self {
        Self { shows: Shows::Signature(Box::new(key)), ..self.clone() }
    }

    /// The same client, showing nothing.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { shows: Shows::Nothing, ..self.clone() }
    }

    /// The same credential, shown to the server at another address.
    #[must_use]
    pub fn moved_to(&self, server: &Self) -> Self {
        Self { shows: self.shows.clone(), ..server.clone() }
    }

    /// The same client, noting what it sends and gets among these secrets.
    #[must_use]
    pub fn noting(&self, secrets: &Secrets) -> Self {
        Self { secrets: secrets.clone(), ..self.clone() }
    }

    /// Where the server is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The bearer key, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match &self.shows {
            Shows::Bearer(key) => Some(key),
            Shows::Nothing | Shows::Signature(_) => None,
        }
    }

    /// Does it sign its requests?
    #[must_use]
    pub fn signs(&self) -> bool {
        match &self.shows {
            Shows::Signature(_) => true,
            Shows::Nothing | Shows::Bearer(_) => false,
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call("GET", path, None)
    }

    /// Sends `body` as JSON.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CallError> {
        let body =
            serde_json::to_vec(body).context("the request is no JSON").map_err(CallError::Transport)?;
        self.call("POST", path, Some(&body))
    }

    /// Asks for something that needs no words.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call("POST", path, None)
    }

    /// Takes back.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call("DELETE", path, None)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<T, CallError> {
        let content_type = body.map(|_| "application/json");
        let call = RawCall { method, path, content_type, body: body.unwrap_or_default() };
        let mut reply = self.send(call)?;
        for _ in 1..BUSY_TRIES_MAX {
            if reply.problem().is_none_or(|problem| problem.code != "busy") {
                break;
            }
            thread::sleep(BUSY_WAIT);
            reply = self.send(call)?;
        }
        reply.read().map_err(|error| match error {
            CallError::Problem(problem) => CallError::Problem(problem),
            CallError::Transport(error) => CallError::Transport(error.context(format!("{method} {path}"))),
        })
    }

    /// Sends exactly this, with the key if there is one.
    ///
    /// # Errors
    /// [`CallError::Transport`] only: a refusal is an answer like any other here.
    pub fn send(&self, call: RawCall<'_>) -> Result<Reply, CallError> {
        self.send_signed(call, &self.signed(call))
    }

    /// The headers that sign this, if this client signs: each time others.
    #[must_use]
    pub fn signed(&self, call: RawCall<'_>) -> Vec<(&'static str, String)> {
        match &self.shows {
            Shows::Nothing | Shows::Bearer(_) => Vec::new(),
            Shows::Signature(key) => {
                let authority = self.base_url.split_once("://").map_or("", |(_, authority)| authority);
                let RawCall { method, path, content_type: _, body } = call;
                key.sign(&signing::Request { method, authority, target: path, body })
            }
        }
    }

    /// Sends exactly this under headers of [`Client::signed`], which may be those of another call.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_signed(
        &self,
        call: RawCall<'_>,
        signed: &[(&'static str, String)],
    ) -> Result<Reply, CallError> {
        self.try_send(call, signed)
            .with_context(|| format!("{} {}", call.method, call.path))
            .map_err(CallError::Transport)
    }

    fn try_send(&self, call: RawCall<'_>, signed: &[(&'static str, String)]) -> anyhow::Result<Reply> {
        self.secrets.note_body(call.body);
        let method: Method = call.method.parse().context("not an HTTP method")?;
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.base_url, call.path));
        match &self.shows {
            Shows::Nothing | Shows::Signature(_) => {}
            Shows::Bearer(key) => request = request.header("authorization", format!("Bearer {key}")),
        }
        for (name, value) in signed {
            if *name == "signature" {
                self.secrets.note("a signature", value);
            }
            request = request.header(*name, value);
        }
        if let Some(content_type) = call.content_type {
            request = request.header("content-type", content_type);
        }
        if call.body.len() > 1024 * 1024 {
            // A server that refuses a large body says so before it is sent, rather than cut the line.
            request = request.header("expect", "100-continue");
        }
        let mut response = if call.body.is_empty() {
            let request = request.body(()).context("not a request")?;
            let request = self.agent.configure_request(request).allow_non_standard_methods(true).build();
            self.agent.run(request)?
        } else {
            let request = request.body(call.body).context("not a request")?;
            let request = self.agent.configure_request(request).allow_non_standard_methods(true).build();
            self.agent.run(request)?
        };
        for cookie in response.headers().get_all("set-cookie") {
            let value = cookie.to_str().ok().and_then(|cookie| cookie.split(';').next()?.split_once('='));
            self.secrets.note_key(value.map_or("", |(_, value)| value));
        }
        let media_type = response.body().mime_type().unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let allow = response.headers().get("allow").and_then(|allow| Some(allow.to_str().ok()?.to_owned()));
        let bytes = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        self.secrets.note_body(body.as_bytes());
        Ok(Reply { status, media_type, allow, bytes, body })
    }
}

impl Reply {
    /// The content, if the call was answered with success.
    ///
    /// # Errors
    /// [`CallError::Problem`] for a refusal, [`CallError::Transport`] for an answer that is not of this shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        let wrong = |what: &str| {
            let start: String = self.body.chars().take(300).collect();
            CallError::Transport(anyhow!("{what}: status {}, {:?}: {start}", self.status, self.media_type))
        };
        if !(200..300).contains(&self.status) {
            return Err(match self.problem() {
                Some(problem) => CallError::Problem(problem),
                None => wrong("a refusal that is no problem document"),
            });
        }
        // 204 carries nothing, which is what `()` is read from.
        let text = if self.body.is_empty() { "null" } else { &self.body };
        serde_json::from_str(text).map_err(|error| wrong(&format!("an answer of another shape ({error})")))
    }

    /// The problem document, if this is one.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        if self.media_type != "application/problem+json" {
            return None;
        }
        serde_json::from_str(&self.body).ok()
    }
}

impl CallError {
    /// The refusal's code, if the server refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            Self::Transport(_) => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => {
                write!(f, "refused with {} ({}): {}", problem.code, problem.status, problem.detail)
            }
            Self::Transport(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for CallError {}
