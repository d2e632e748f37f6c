//! What leaves for somebody else's machine: webhooks to merchants, messages to the push gateway. Written in the
//! transaction it tells of; sent afterwards by whoever takes the lease of its recipient.
//!
//! Signed as the Standard Webhooks specification 1.0 says: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::DataKey;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use store::{DeliveryRow, DeliveryState, MerchantRow, Tx, WebhookRow};
use types::{DeliveryId, MerchantId, Right, SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::callers::{MerchantCaller, StaffCaller, duty};
use crate::engine::{Context, Engine, record};
use crate::keys::KeyOf;
use crate::rejected::{Error, Rejected};
use crate::texts::{self, Route};

/// How much longer a sender has a recipient to itself than one attempt takes. The lease begins anew with each attempt.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);
/// Deliveries of one lease.
const BATCH: u32 = 100;
/// Recipients looked up at a time, should others be faster.
const RECIPIENTS: u32 = 8;
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

/// Whose deliveries: each kind has senders of its own, so that a push gateway that hangs holds no merchant up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Webhooks to merchants.
    Webhooks,
    /// Messages to payers, by way of the push gateway.
    Pushes,
    /// Text messages to phones.
    Texts,
}

impl Queue {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Webhooks => "merchant:",
            Self::Pushes => "payer:",
            Self::Texts => texts::PREFIX,
        }
    }
}

/// A recipient taken for sending, with what waits for it in order.
pub struct Lease {
    /// What shows who has the recipient.
    pub hold: Hold,
    /// How; none when the recipient has no address any more.
    pub route: Option<Route>,
    /// What, oldest first.
    pub deliveries: Vec<DeliveryRow>,
}

/// A recipient that one sender has to itself for a while. The end of that while tells one lease from the next.
pub struct Hold {
    recipient: String,
    until: Timestamp,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The recipient took it: the next one.
    Taken,
    /// The recipient waits, with everything behind the failed delivery; the lease is over.
    Later,
    /// That was the last attempt: the next one.
    Dead,
    /// It took so long that somebody else may be sending to the recipient: the lease is over.
    Lost,
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
        text: None,
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
        staff.must_be(duty::merchants())?;
        let url = check_url(url)?;
        let secret = new_signing_secret(ctx.random);
        let data_key = DataKey::draw(ctx.random);
        let secret_sealed = data_key.seal(&webhook_label(id), secret.as_bytes(), ctx.random);
        self.store.write(|tx| {
            let mut row = tx.merchant(id)?.ok_or(Rejected::merchant())?;
            let key = Some(self.keys.wrap(tx, KeyOf::Webhook(id), &data_key, ctx.random)?);
            row.webhook = Some(WebhookRow { url: url.clone(), secret_sealed: secret_sealed.clone(), key });
            tx.update_merchant(&row)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "webhook_set" })).map_err(Error::from)
        })?;
        Ok(secret)
    }

    /// Takes a recipient that is due, for one sender alone: the one that waited longest.
    ///
    /// # Errors
    /// An operating fault. If it has to do with the recipient, that one is left alone for a while.
    pub fn lease_due(&self, ctx: &Context<'_>, queue: Queue) -> Result<Option<Lease>, Error> {
        let due = self
            .store
            .read(|tx| tx.due_recipients(queue.prefix(), ctx.now, RECIPIENTS).map_err(Error::from))?;
        for recipient in due {
            let until = self.lease_end(ctx);
            let taken = self.store.write(|tx| {
                let taken = tx.lease_recipient(&recipient, ctx.now, until)?;
                let deliveries = if taken { tx.waiting_deliveries(&recipient, BATCH)? } else { Vec::new() };
                Ok::<_, Error>(taken.then_some(deliveries))
            })?;
            if let Some(deliveries) = taken {
                let route = self.route(&recipient)?;
                return Ok(Some(Lease { hold: Hold { recipient, until }, route, deliveries }));
            }
        }
        Ok(None)
    }

    /// How long an attempt may take.
    #[must_use]
    pub fn webhook_timeout(&self) -> Duration {
        Duration::from_secs(self.policy.webhooks.timeout_seconds.into())
    }

    fn lease_end(&self, ctx: &Context<'_>) -> Timestamp {
        ctx.now + SignedDuration::from_secs(self.policy.webhooks.timeout_seconds.into()) + LEASE_MARGIN
    }

    fn route(&self, recipient: &str) -> Result<Option<Route>, Error> {
        if recipient.starts_with(texts::PREFIX) {
            return Ok(self.texts.clone());
        }
        let Some(id) = recipient.strip_prefix("merchant:") else {
            return Ok(self.push_gateway.clone().map(Route::Post));
        };
        let id: MerchantId = id.parse().context("reading a recipient")?;
        let merchant = self.store.read(|tx| tx.merchant(id).map_err(Error::from))?;
        let Some(webhook) = merchant.and_then(|merchant| merchant.webhook) else { return Ok(None) };
        let key = (KeyOf::Webhook(id), webhook.key.as_ref());
        let secret = self.keys.open_value(key, &webhook_label(id), &webhook.secret_sealed)?;
        let secret = String::from_utf8(secret.to_vec()).context("reading a webhook secret")?;
        Ok(Some(Route::Post(Endpoint { url: webhook.url, secret: Zeroizing::new(secret) })))
    }

    /// Records how an attempt ended. After a failure the recipient waits, longer each time, and everything behind
    /// the failed delivery waits with it; after the last attempt the delivery is dead and the next one is tried.
    ///
    /// # Errors
    /// An operating fault; the lease ends by itself.
    pub fn record_attempt(
        &self,
        ctx: &mut Context<'_>,
        hold: &mut Hold,
        delivery: DeliveryId,
        outcome: Result<(), &str>,
    ) -> Result<Recorded, Error> {
        let jitter: f64 = ctx.random.random_range(0.9..1.1);
        let until = self.lease_end(ctx);
        let recorded = self.store.write(|tx| {
            let mut row = tx.delivery(delivery)?.ok_or(Rejected::delivery())?;
            let held = tx.leased_until(&hold.recipient)? == Some(hold.until);
            if row.state != DeliveryState::Waiting || (outcome.is_err() && !held) {
                // Somebody else has sent it meanwhile, or is about to.
                return Ok::<_, Error>(Recorded::Lost);
            }
            let delays = self.delays(&row, ctx.now);
            let recorded = judge(&mut row, delays, (ctx.now, outcome));
            tx.update_delivery(&row)?;
            if recorded.is_final() && row.recipient.starts_with(texts::PREFIX) {
                tx.wipe_text(row.id)?;
            }
            if !held {
                return Ok(Recorded::Lost);
            }
            match recorded {
                Judged::Later { seconds } => {
                    let wait = SignedDuration::from_secs_f64(f64::from(seconds) * jitter);
                    tx.release_recipient(&row.recipient, ctx.now + wait)?;
                    Ok(Recorded::Later)
                }
                Judged::Taken => {
                    tx.keep_recipient(&row.recipient, until).map(|()| Recorded::Taken).map_err(Error::from)
                }
                Judged::Dead => {
                    tx.keep_recipient(&row.recipient, until).map(|()| Recorded::Dead).map_err(Error::from)
                }
            }
        })?;
        match recorded {
            Recorded::Taken | Recorded::Dead => hold.until = until,
            Recorded::Later | Recorded::Lost => {}
        }
        Ok(recorded)
    }

    /// How long to wait after each failure. A text that is of no use any more is given up at the next one.
    fn delays(&self, row: &DeliveryRow, now: Timestamp) -> &[u32] {
        if !row.recipient.starts_with(texts::PREFIX) {
            return &self.policy.webhooks.retry_seconds;
        }
        if texts::is_over(row, now) { &[] } else { &self.policy.texts.retry_seconds }
    }

    /// Gives a recipient free, if this lease still has it.
    ///
    /// # Errors
    /// An operating fault; the lease ends by itself.
    pub fn release(&self, ctx: &Context<'_>, hold: &Hold) -> Result<(), Error> {
        self.store.write(|tx| {
            if tx.leased_until(&hold.recipient)? == Some(hold.until) {
                tx.release_recipient(&hold.recipient, ctx.now)?;
            }
            Ok(())
        })
    }

    /// How many deliveries wait, and since when the oldest does.
    ///
    /// # Errors
    /// An operating fault.
    pub fn backlog(&self) -> Result<(u64, Option<Timestamp>), Error> {
        self.store.read(|tx| tx.backlog().map_err(Error::from))
    }

    /// Deliveries, oldest first, at most 100: of everybody, in one state if named.
    ///
    /// # Errors
    /// An operating fault.
    pub fn deliveries(
        &self,
        staff: &StaffCaller,
        state: Option<DeliveryState>,
    ) -> Result<Vec<DeliveryRow>, Error> {
        staff.must_be(duty::merchants())?;
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
        merchant.may(Right::Manage)?;
        let recipient = recipient(merchant.merchant);
        self.store.read(|tx| tx.deliveries(state, Some(&recipient), LIST_MAX).map_err(Error::from))
    }

    /// Sends a delivery again from the start, whether it is dead, was taken or waits for its next attempt. What waits
    /// before it for the same recipient goes first, and is tried at once as well.
    ///
    /// # Errors
    /// An unknown delivery, [`Rejected::TextWiped`]; an operating fault.
    pub fn resend(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DeliveryId,
    ) -> Result<DeliveryRow, Error> {
        staff.must_be(duty::merchants())?;
        self.store.write(|tx| {
            let mut row = tx.delivery(id)?.ok_or(Rejected::delivery())?;
            if row.recipient.starts_with(texts::PREFIX) && row.state != DeliveryState::Waiting {
                return Err(Rejected::TextWiped.into());
            }
            row.state = DeliveryState::Waiting;
            row.attempts = 0;
            row.done_at = None;
            tx.update_delivery(&row)?;
            tx.hurry_recipient(&row.recipient, ctx.now)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "delivery_resent" }))?;
            Ok(row)
        })
    }
}

pub(crate) fn webhook_label(merchant: MerchantId) -> String {
    format!("webhook {merchant}")
}

/// What an attempt means for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Taken,
    Later { seconds: u32 },
    Dead,
}

impl Judged {
    const fn is_final(self) -> bool {
        match self {
            Self::Taken | Self::Dead => true,
            Self::Later { seconds: _ } => false,
        }
    }
}

/// Writes down an attempt; the n-th entry of `delays` says how long to wait after the n-th failure.
fn judge(row: &mut DeliveryRow, delays: &[u32], (now, outcome): (Timestamp, Result<(), &str>)) -> Judged {
    let failed_before = row.attempts;
    row.attempts += 1;
    row.last_error = outcome.err().map(str::to_owned);
    let delay = usize::try_from(failed_before).ok().and_then(|at| delays.get(at));
    let (state, judged) = match (outcome, delay) {
        (Ok(()), _) => (DeliveryState::Delivered, Judged::Taken),
        (Err(_), Some(seconds)) => return Judged::Later { seconds: *seconds },
        (Err(why), None) => {
            tracing::error!(delivery = %row.id, recipient = row.recipient, why, "a delivery is given up");
            (DeliveryState::Dead, Judged::Dead)
        }
    };
    (row.state, row.done_at) = (state, Some(now));
    judged
}

/// A fresh signing secret in the specification's form.
pub(crate) fn new_signing_secret(random: &mut dyn Rng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    random.fill_bytes(&mut *bytes);
    Zeroizing::new(format!("whsec_{}", STANDARD.encode(*bytes)))
}

/// HTTPS anywhere, and plain HTTP only to this machine. Returns the address as it is called: whoever reads it later
/// reads the same host in it.
pub(crate) fn check_url(url: &str) -> Result<String, Rejected> {
    let wrong = Rejected::Field { field: "url", what: "an https address, or http to this machine" };
    let mut parsed = url::Url::parse(url).or(Err(wrong.clone()))?;
    parsed.set_fragment(None);
    let local = match parsed.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong),
    };
    let plain = parsed.username().is_empty() && parsed.password().is_none() && url.len() <= 500;
    let allowed = parsed.scheme() == "https" || (parsed.scheme() == "http" && local);
    if plain && allowed { Ok(parsed.into()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests;
