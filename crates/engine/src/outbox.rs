//! What leaves for somebody else's machine: webhooks to merchants, messages to the push gateway. Written in the
//! transaction it tells of; sent afterwards by whoever takes the lease of its recipient.
//!
//! Signed as the Standard Webhooks specification 1.0 says: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use store::{DeliveryRow, DeliveryState, MerchantRow, Tx, WebhookRow};
use types::{DeliveryId, MerchantId, SignedDuration};
use zeroize::Zeroizing;

use crate::callers::{MerchantCaller, StaffCaller};
use crate::engine::{Context, Engine, record};
use crate::rejected::{Error, Rejected};

/// How long a sender has a recipient to itself: longer than a whole batch of attempts takes.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// Deliveries of one lease.
const BATCH: u32 = 20;
/// Recipients looked up at a time.
const RECIPIENTS: u32 = 32;
/// Deliveries listed at a time.
const LIST_MAX: u32 = 100;
const SECRET_BYTES: usize = 32;

/// Where something goes, and what signs it.
#[derive(Clone)]
pub struct Endpoint {
    /// The address.
    pub url: String,
    /// `whsec_` and base64, as the specification writes it.
    pub secret: Zeroizing<String>,
}

/// A recipient taken for sending, with what waits for it in order.
pub struct Lease {
    /// Who.
    pub recipient: String,
    /// Where; none when the recipient has no address any more.
    pub endpoint: Option<Endpoint>,
    /// What, oldest first.
    pub deliveries: Vec<DeliveryRow>,
}

/// Puts a webhook into the outbox, if the merchant has an address; returns its id.
pub(crate) fn announce(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    merchant: &MerchantRow,
    (kind, data): (&'static str, Value),
) -> anyhow::Result<Option<DeliveryId>> {
    if merchant.webhook.is_none() {
        return Ok(None);
    }
    let id = DeliveryId::generate(ctx.now, ctx.random);
    tx.insert_delivery(&DeliveryRow {
        id,
        recipient: recipient(merchant.id),
        kind: kind.to_owned(),
        body: json!({ "type": kind, "timestamp": ctx.now, "data": data }),
        state: DeliveryState::Waiting,
        attempts: 0,
        last_error: None,
        created_at: ctx.now,
        done_at: None,
    })?;
    Ok(Some(id))
}

fn recipient(merchant: MerchantId) -> String {
    format!("merchant:{merchant}")
}

impl Engine {
    /// Sets where a merchant's webhooks go; returns the secret that signs them, which is shown once. Staff does
    /// this, because the server will call that address.
    ///
    /// # Errors
    /// An unknown merchant, [`Rejected::Field`] for the address; an operating fault.
    pub fn set_webhook(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: MerchantId,
        url: &str,
    ) -> Result<Zeroizing<String>, Error> {
        check_url(url)?;
        let secret = new_signing_secret(ctx.random);
        let secret_sealed = self.keyring.seal(&format!("webhook {id}"), secret.as_bytes(), ctx.random);
        self.store.write(|tx| {
            let mut row = tx.merchant(id)?.ok_or(Rejected::merchant())?;
            row.webhook = Some(WebhookRow { url: url.to_owned(), secret_sealed: secret_sealed.clone() });
            tx.update_merchant(&row)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "webhook_set" })).map_err(Error::from)
        })?;
        Ok(secret)
    }

    /// Takes recipients that are due, each for one sender alone.
    ///
    /// # Errors
    /// An operating fault.
    pub fn lease_due(&self, ctx: &Context<'_>) -> Result<Vec<Lease>, Error> {
        let due = self.store.read(|tx| tx.due_recipients(ctx.now, RECIPIENTS).map_err(Error::from))?;
        let mut leases = Vec::new();
        for recipient in due {
            let taken = self.store.write(|tx| {
                let taken = tx.lease_recipient(&recipient, ctx.now, ctx.now + LEASE)?;
                let deliveries = if taken { tx.waiting_deliveries(&recipient, BATCH)? } else { Vec::new() };
                Ok::<_, Error>(taken.then_some(deliveries))
            })?;
            if let Some(deliveries) = taken {
                let endpoint = self.endpoint(&recipient)?;
                leases.push(Lease { recipient, endpoint, deliveries });
            }
        }
        Ok(leases)
    }

    fn endpoint(&self, recipient: &str) -> Result<Option<Endpoint>, Error> {
        let Some(id) = recipient.strip_prefix("merchant:") else { return Ok(self.push_gateway.clone()) };
        let id: MerchantId = id.parse().context("reading a recipient")?;
        let merchant = self.store.read(|tx| tx.merchant(id).map_err(Error::from))?;
        let Some(webhook) = merchant.and_then(|merchant| merchant.webhook) else { return Ok(None) };
        let secret = self
            .keyring
            .open(&format!("webhook {id}"), &webhook.secret_sealed)
            .context("opening a webhook secret")?;
        let secret = String::from_utf8(secret.to_vec()).context("reading a webhook secret")?;
        Ok(Some(Endpoint { url: webhook.url, secret: Zeroizing::new(secret) }))
    }

    /// Records how an attempt ended. After a failure the recipient waits, longer each time, and everything behind
    /// the failed delivery waits with it; after the last attempt the delivery is dead and the next one is tried.
    /// Returns whether the lease goes on.
    ///
    /// # Errors
    /// An operating fault.
    pub fn record_attempt(
        &self,
        ctx: &mut Context<'_>,
        delivery: DeliveryId,
        outcome: Result<(), &str>,
    ) -> Result<bool, Error> {
        let jitter: f64 = ctx.random.random_range(0.9..1.1);
        self.store.write(|tx| {
            let mut row = tx.delivery(delivery)?.ok_or(Rejected::delivery())?;
            row.attempts += 1;
            let delays = &self.policy.webhooks.retry_seconds;
            let delay = usize::try_from(row.attempts - 1).ok().and_then(|at| delays.get(at));
            match (outcome, delay) {
                (Ok(()), _) => {
                    row.state = DeliveryState::Delivered;
                    row.done_at = Some(ctx.now);
                    row.last_error = None;
                }
                (Err(why), Some(seconds)) => {
                    row.last_error = Some(why.to_owned());
                    let wait = SignedDuration::from_secs_f64(f64::from(*seconds) * jitter);
                    tx.release_recipient(&row.recipient, ctx.now + wait)?;
                }
                (Err(why), None) => {
                    tracing::error!(delivery = %row.id, recipient = row.recipient, why, "a delivery is given up");
                    row.state = DeliveryState::Dead;
                    row.done_at = Some(ctx.now);
                    row.last_error = Some(why.to_owned());
                }
            }
            tx.update_delivery(&row)?;
            Ok(row.state != DeliveryState::Waiting)
        })
    }

    /// Ends a lease whose deliveries are all done.
    ///
    /// # Errors
    /// An operating fault.
    pub fn release(&self, ctx: &Context<'_>, recipient: &str) -> Result<(), Error> {
        self.store.write(|tx| tx.release_recipient(recipient, ctx.now).map_err(Error::from))
    }

    /// Deliveries, oldest first, at most 100: of everybody, in one state if named.
    ///
    /// # Errors
    /// An operating fault.
    pub fn deliveries(
        &self,
        _staff: &StaffCaller,
        state: Option<DeliveryState>,
    ) -> Result<Vec<DeliveryRow>, Error> {
        self.store.read(|tx| tx.deliveries(state, None, LIST_MAX).map_err(Error::from))
    }

    /// A merchant's own deliveries, oldest first, at most 100, in one state if named.
    ///
    /// # Errors
    /// An operating fault.
    pub fn own_deliveries(
        &self,
        merchant: MerchantCaller,
        state: Option<DeliveryState>,
    ) -> Result<Vec<DeliveryRow>, Error> {
        let recipient = recipient(merchant.merchant);
        self.store.read(|tx| tx.deliveries(state, Some(&recipient), LIST_MAX).map_err(Error::from))
    }

    /// Sends a delivery again from the start, whether it is dead or was taken.
    ///
    /// # Errors
    /// An unknown delivery; an operating fault.
    pub fn resend(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DeliveryId,
    ) -> Result<DeliveryRow, Error> {
        self.store.write(|tx| {
            let mut row = tx.delivery(id)?.ok_or(Rejected::delivery())?;
            if row.state != DeliveryState::Waiting {
                row.state = DeliveryState::Waiting;
                row.attempts = 0;
                row.done_at = None;
                tx.update_delivery(&row)?;
                tx.lease_recipient(&row.recipient, ctx.now, ctx.now)?;
                record(tx, ctx, &staff.name, &id, json!({ "event": "delivery_resent" }))?;
            }
            Ok(row)
        })
    }
}

/// A fresh signing secret in the specification's form.
pub(crate) fn new_signing_secret(random: &mut dyn Rng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    random.fill_bytes(&mut *bytes);
    Zeroizing::new(format!("whsec_{}", STANDARD.encode(*bytes)))
}

/// HTTPS anywhere, and plain HTTP only to this machine.
pub(crate) fn check_url(url: &str) -> Result<(), Rejected> {
    let wrong = Rejected::Field { field: "url", what: "an https address, or http to this machine" };
    let parsed = url::Url::parse(url).or(Err(wrong.clone()))?;
    let local = match parsed.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong),
    };
    let plain = parsed.username().is_empty() && parsed.password().is_none() && url.len() <= 500;
    if plain && (parsed.scheme() == "https" || (parsed.scheme() == "http" && local)) {
        Ok(())
    } else {
        Err(wrong)
    }
}
