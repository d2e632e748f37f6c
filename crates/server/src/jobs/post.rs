//! One attempt to deliver, as the Standard Webhooks specification 1.0 says.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, Result};
use engine::{DeliveryRow, Endpoint};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use types::Timestamp;
use ureq::{Agent, Error};

const USER_AGENT: &str = concat!("Surety/", env!("CARGO_PKG_VERSION"));
/// A line that was idle longer may be closed by the other side just when we use it.
const IDLE: Duration = Duration::from_secs(1);
/// What is read of an answer, so that its line can be used again.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// Why an attempt failed, in a few words. Nothing of what the other side said is in it.
pub(super) type Failure = Cow<'static, str>;

/// Sends. It follows no redirect and uses no proxy: what was checked is the address that is called.
pub(super) struct Poster {
    agent: Agent,
}

impl Poster {
    pub(super) fn new(timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .max_idle_age(IDLE)
            .user_agent(USER_AGENT)
            .build();
        Self { agent: config.new_agent() }
    }

    /// Sends a delivery; any 2xx means that it was taken.
    pub(super) fn post(
        &self,
        endpoint: &Endpoint,
        delivery: &DeliveryRow,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let signed = Signed::new(endpoint, delivery, now).map_err(|error| {
            tracing::error!(delivery = %delivery.id, ?error, "a delivery cannot be signed");
            "it cannot be signed"
        })?;
        let answer = self
            .agent
            .post(&endpoint.url)
            .content_type("application/json")
            .header(HEADER_WEBHOOK_ID, signed.id)
            .header(HEADER_WEBHOOK_TIMESTAMP, signed.timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signed.signature)
            .send(signed.body);
        let mut answer = answer.map_err(|error| reason(&error))?;
        let status = answer.status();
        // The status is the answer. What comes after it does not matter, nor whether it can be read.
        let _rest = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        if status.is_success() { Ok(()) } else { Err(format!("status {}", status.as_u16()).into()) }
    }
}

/// A delivery as it goes over the line.
struct Signed {
    id: String,
    timestamp: String,
    signature: String,
    body: Vec<u8>,
}

impl Signed {
    fn new(endpoint: &Endpoint, delivery: &DeliveryRow, now: Timestamp) -> Result<Self> {
        let id = delivery.id.to_string();
        let body = serde_json::to_vec(&delivery.body).context("writing the body")?;
        let webhook = Webhook::new(&endpoint.secret).context("reading the secret")?;
        let signature = webhook.sign(&id, now.as_second(), &body).context("signing")?;
        Ok(Self { id, timestamp: now.as_second().to_string(), signature, body })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "others' enums, of which a few kinds are worth a name")]
fn reason(error: &Error) -> &'static str {
    match error {
        Error::Timeout(_) => "timeout",
        Error::HostNotFound => "host not found",
        Error::Rustls(_) | Error::Tls(_) => "TLS failed",
        Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused",
            ErrorKind::TimedOut => "timeout",
            _ => "connection lost",
        },
        _ => "no HTTP answer",
    }
}

#[cfg(test)]
mod tests;
