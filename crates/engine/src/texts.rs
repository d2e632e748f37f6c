//! Text messages to phones. Number and words lie sealed in the outbox, are opened only to be sent, and are wiped once
//! they are sent or given up.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use evidence::DataKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DeliveryRow, DeliveryState, Language, SealedText, Tx};
use types::{DeliveryId, PhoneNumber, SignedDuration, Timestamp};

use crate::engine::{Context, Engine};
use crate::keys::KeyOf;
use crate::messages::words;
use crate::outbox::Endpoint;
use crate::rejected::{Error, Rejected};

/// A text that only tells something is of use for so long.
const NOTICE: SignedDuration = SignedDuration::from_hours(24);
/// What the names of recipients of texts begin with.
pub(crate) const PREFIX: &str = "text:";

/// How text messages leave.
#[derive(Clone, Copy, Debug)]
pub enum Texts<'a> {
    /// They are posted to this address, signed with `sms.key` of the data folder.
    Gateway(&'a str),
    /// Each becomes a file in this folder, for SMS Server Tools 3.
    Spool(&'a Path),
}

/// How something leaves.
#[derive(Clone)]
pub enum Route {
    /// By a signed POST.
    Post(Endpoint),
    /// As a file in this folder.
    Spool(PathBuf),
}

/// A text message, opened to be sent.
#[derive(Serialize, Deserialize)]
pub struct Text {
    /// To which phone.
    pub to: PhoneNumber,
    /// The words.
    pub text: String,
}

impl Drop for Text {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
    }
}

/// A text to be written: the key of the catalogue and its arguments.
pub(crate) struct NewText<'a> {
    pub(crate) to: &'a PhoneNumber,
    pub(crate) language: Language,
    pub(crate) kind: &'static str,
    pub(crate) args: Value,
    /// How long it is of use; none: as long as a notice is.
    pub(crate) until: Option<Timestamp>,
}

/// Wakes the sender as soon as there is something to send.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Engine {
    /// Goes on only where text messages can be sent.
    pub(crate) fn can_text(&self) -> Result<(), Rejected> {
        if self.texts.is_some() { Ok(()) } else { Err(Rejected::SmsUnavailable) }
    }

    /// Puts a text into the outbox; where none can be sent, none is. Ring the bell after the commit.
    pub(crate) fn text(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, new: &NewText<'_>) -> anyhow::Result<()> {
        if self.texts.is_none() {
            return Ok(());
        }
        let id = DeliveryId::generate(ctx.now, ctx.random);
        let text = Text { to: new.to.clone(), text: words(new.kind, &new.args, new.language) };
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&text).context("writing a text")?);
        let key = DataKey::draw(ctx.random);
        let text = SealedText {
            sealed: key.seal(&label(id), &plain, ctx.random),
            key: self.keys.wrap(tx, KeyOf::Text(id), &key, ctx.random)?,
        };
        let until = new.until.unwrap_or(ctx.now + NOTICE);
        tx.insert_delivery(&DeliveryRow {
            id,
            recipient: format!("{PREFIX}{}", hex::encode(self.phone_index(new.to))),
            kind: "text".to_owned(),
            body: json!({ "until": until }),
            state: DeliveryState::Waiting,
            attempts: 0,
            last_error: None,
            created_at: ctx.now,
            done_at: None,
            text: Some(text),
        })
    }

    /// A text of the outbox, opened to be sent; none when it is of no use any more.
    ///
    /// # Errors
    /// An operating fault.
    pub fn open_text(&self, now: Timestamp, delivery: &DeliveryRow) -> Result<Option<Text>, Error> {
        let Some(SealedText { sealed, key }) = delivery.text.as_ref().filter(|_| !is_over(delivery, now))
        else {
            return Ok(None);
        };
        let of = (KeyOf::Text(delivery.id), Some(key));
        let plain = self.keys.open_value(of, &label(delivery.id), sealed)?;
        Ok(Some(serde_json::from_slice(&plain).context("reading a text")?))
    }

    /// Tells the sender that something was committed.
    pub(crate) fn ring(&self) {
        *self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.changed.notify_all();
    }

    /// Waits until a text was committed by this process, but no longer than `time`.
    pub fn await_texts(&self, time: Duration) {
        let rung = self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.changed.wait_timeout_while(rung, time, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

/// Is it too late to send this?
pub(crate) fn is_over(delivery: &DeliveryRow, now: Timestamp) -> bool {
    let until: Option<Timestamp> = serde_json::from_value(delivery.body["until"].clone()).ok();
    delivery.text.is_none() || until.is_none_or(|until| until <= now)
}

fn label(id: DeliveryId) -> String {
    format!("text {id}")
}
