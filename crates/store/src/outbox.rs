//! The outbox: what leaves for somebody else's machine, in order for each recipient, at least once.

use anyhow::{Context, Result, bail};
use evidence::WrappedKey;
use serde_json::json;
use types::{DeliveryId, Timestamp};

use crate::value::{Row, Value, text};
use crate::{MessageRow, Tx};

/// The recipients `w` for whom something waits, from `?1` on as long as they begin with it. It jumps from one to the
/// next, so that it costs the same however much waits for each.
const WAITING: &str = "WITH RECURSIVE w(recipient) AS (
        SELECT min(recipient) FROM outbox WHERE state = 'waiting' AND recipient >= ?1
        UNION ALL
        SELECT (SELECT min(o.recipient) FROM outbox o WHERE o.state = 'waiting' AND o.recipient > w.recipient) FROM w
        WHERE substr(w.recipient, 1, length(?1)) = ?1
    )";

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be tried, or tried again.
    Waiting,
    /// The recipient took it.
    Delivered,
    /// Given up, until somebody asks for it again.
    Dead,
}

impl DeliveryState {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    /// Its id: the same in every attempt, so that the recipient can tell a repetition.
    pub id: DeliveryId,
    /// To whom: `merchant:` or `payer:` and the id, or `text:` and a keyed fingerprint of the number.
    pub recipient: String,
    /// What it tells, for example `payment.captured`.
    pub kind: String,
    /// The whole of what is sent.
    pub body: serde_json::Value,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried since it was written or asked for again.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was taken or given up.
    pub done_at: Option<Timestamp>,
    /// What a text message says, and to whom; gone once it is sent or given up.
    pub text: Option<SealedText>,
}

/// The number and the words of a text message, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedText {
    /// Both, sealed.
    pub sealed: Vec<u8>,
    /// The key they are sealed under.
    pub key: WrappedKey,
}

impl DeliveryRow {
    /// A message to a payer, on its way to the push gateway. Its id is the message's.
    #[must_use]
    pub fn push(message: &MessageRow) -> Self {
        Self {
            id: DeliveryId::from_bits(message.id.to_bits()),
            recipient: format!("payer:{}", message.payer),
            kind: format!("message.{}", message.kind),
            body: json!({
                "type": format!("message.{}", message.kind),
                "timestamp": message.at,
                "data": {
                    "message_id": message.id, "payer_id": message.payer, "args": message.args,
                    "reference": message.reference,
                },
            }),
            state: DeliveryState::Waiting,
            attempts: 0,
            last_error: None,
            created_at: message.at,
            done_at: None,
            text: None,
        }
    }
}

impl Tx<'_> {
    /// Puts something into the outbox, to be sent after this transaction commits.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_delivery(&self, row: &DeliveryRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO outbox (id, recipient, kind, body, state, attempts, created_at, text_sealed, text_key, text_generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                text(row.id),
                row.recipient.as_str().into(),
                row.kind.as_str().into(),
                text(&row.body),
                row.state.name().into(),
                row.attempts.into(),
                row.created_at.into(),
                row.text.as_ref().map(|text| text.sealed.as_slice()).into(),
                row.text.as_ref().map(|text| text.key.bytes.as_slice()).into(),
                row.text.as_ref().map_or(Value::Null, |sealed| text(sealed.key.generation)),
            ],
        )
    }

    /// Recipients whose name begins with `prefix`, for whom something waits, whose time has come and to whom nobody is
    /// sending; the longest due first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn due_recipients(&self, prefix: &str, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.all(
            &format!(
                "{WAITING} SELECT w.recipient FROM w LEFT JOIN outbox_recipients r ON r.recipient = w.recipient
                 WHERE substr(w.recipient, 1, length(?1)) = ?1
                   AND (r.recipient IS NULL OR (r.next_at <= ?2 AND r.leased_until <= ?2))
                 ORDER BY coalesce(r.next_at, 0), w.recipient LIMIT ?3"
            ),
            &[prefix.into(), now.into(), limit.into()],
            |row| row.string("recipient"),
        )
    }

    /// How many deliveries wait, and since when the oldest does.
    ///
    /// # Errors
    /// The database fails.
    pub fn backlog(&self) -> Result<(u64, Option<Timestamp>)> {
        let waiting = self.all("SELECT count(*) AS n FROM outbox WHERE state = 'waiting'", &[], |row| {
            u64::try_from(row.integer("n")?).context("a count")
        })?;
        let oldest = self.all(
            &format!(
                "{WAITING} SELECT min((SELECT o.created_at FROM outbox o
                 WHERE o.recipient = w.recipient AND o.state = 'waiting' ORDER BY o.seq LIMIT 1)) AS at
                 FROM w WHERE w.recipient >= ?1"
            ),
            &["".into()],
            |row| row.optional_time("at"),
        )?;
        Ok((waiting.into_iter().sum(), oldest.into_iter().flatten().next()))
    }

    /// Takes a recipient until `until`, so that nobody else sends to it; `false` when somebody else has it or its
    /// time has not come.
    ///
    /// # Errors
    /// The database fails.
    pub fn lease_recipient(&self, recipient: &str, now: Timestamp, until: Timestamp) -> Result<bool> {
        self.execute(
            "INSERT INTO outbox_recipients (recipient, next_at, leased_until) VALUES (?1, 0, 0)
             ON CONFLICT (recipient) DO NOTHING",
            &[recipient.into()],
        )?;
        let taken = self.execute(
            "UPDATE outbox_recipients SET leased_until = ?3 WHERE recipient = ?1 AND next_at <= ?2 AND leased_until <= ?2",
            &[recipient.into(), now.into(), until.into()],
        )?;
        Ok(taken == 1)
    }

    /// Until when somebody has the recipient; nobody else changes that before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn leased_until(&self, recipient: &str) -> Result<Option<Timestamp>> {
        self.first_locked(
            "SELECT leased_until FROM outbox_recipients WHERE recipient = ?1",
            &[recipient.into()],
            |row| row.time("leased_until"),
        )
    }

    /// Keeps a recipient that was taken.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_recipient(&self, recipient: &str, until: Timestamp) -> Result<()> {
        self.execute_one(
            "UPDATE outbox_recipients SET leased_until = ?2 WHERE recipient = ?1",
            &[recipient.into(), until.into()],
        )
    }

    /// Makes a recipient due now, also one whose next attempt is far off. Whoever has it keeps it.
    ///
    /// # Errors
    /// The database fails.
    pub fn hurry_recipient(&self, recipient: &str, now: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE outbox_recipients SET next_at = ?2 WHERE recipient = ?1 AND next_at > ?2",
            &[recipient.into(), now.into()],
        )
        .map(drop)
    }

    /// Gives a recipient free, to be tried again from `next_at` on.
    ///
    /// # Errors
    /// The database fails.
    pub fn release_recipient(&self, recipient: &str, next_at: Timestamp) -> Result<()> {
        self.execute_one(
            "UPDATE outbox_recipients SET next_at = ?2, leased_until = 0 WHERE recipient = ?1",
            &[recipient.into(), next_at.into()],
        )
    }

    /// What waits for a recipient, in the order it is to be sent, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn waiting_deliveries(&self, recipient: &str, limit: u32) -> Result<Vec<DeliveryRow>> {
        self.all(
            "SELECT * FROM outbox WHERE recipient = ?1 AND state = 'waiting' ORDER BY seq LIMIT ?2",
            &[recipient.into(), limit.into()],
            read_delivery,
        )
    }

    /// The delivery, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>> {
        self.first_locked("SELECT * FROM outbox WHERE id = ?1", &[text(id)], read_delivery)
    }

    /// Writes what became of a delivery.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_delivery(&self, row: &DeliveryRow) -> Result<()> {
        self.execute_one(
            "UPDATE outbox SET state = ?2, attempts = ?3, last_error = ?4, done_at = ?5 WHERE id = ?1",
            &[
                text(row.id),
                row.state.name().into(),
                row.attempts.into(),
                row.last_error.as_deref().into(),
                row.done_at.into(),
            ],
        )
    }

    /// Forgets what a text message says, with its key: once it is sent or given up nobody needs it.
    ///
    /// # Errors
    /// The database fails.
    pub fn wipe_text(&self, id: DeliveryId) -> Result<()> {
        let sql =
            "UPDATE outbox SET text_sealed = NULL, text_key = NULL, text_generation = NULL WHERE id = ?1";
        self.execute_one(sql, &[text(id)])
    }

    /// The id of every delivery, in order.
    ///
    /// # Errors
    /// The database fails.
    pub fn delivery_ids(&self) -> Result<Vec<DeliveryId>> {
        self.all("SELECT id FROM outbox ORDER BY id", &[], |row| row.parse("id"))
    }

    /// Deliveries in a state, oldest first, to one recipient if named, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn deliveries(
        &self,
        state: Option<DeliveryState>,
        recipient: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>> {
        self.all(
            "SELECT * FROM outbox WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR recipient = ?2) ORDER BY seq LIMIT ?3",
            &[
                state.map_or("", DeliveryState::name).into(),
                recipient.unwrap_or_default().into(),
                limit.into(),
            ],
            read_delivery,
        )
    }
}

fn read_delivery(row: &Row<'_>) -> Result<DeliveryRow> {
    let state = match row.string("state")?.as_str() {
        "waiting" => DeliveryState::Waiting,
        "delivered" => DeliveryState::Delivered,
        "dead" => DeliveryState::Dead,
        other => bail!("column state is damaged: {other:?}"),
    };
    let text = match (row.optional_blob("text_sealed")?, row.wrapped_key("text_key", "text_generation")?) {
        (Some(sealed), Some(key)) => Some(SealedText { sealed, key }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => bail!("a text and its key do not go together"),
    };
    Ok(DeliveryRow {
        id: row.parse("id")?,
        recipient: row.string("recipient")?,
        kind: row.string("kind")?,
        body: row.json("body")?,
        state,
        attempts: row.count("attempts")?,
        last_error: row.optional_string("last_error")?,
        created_at: row.time("created_at")?,
        done_at: row.optional_time("done_at")?,
        text,
    })
}
