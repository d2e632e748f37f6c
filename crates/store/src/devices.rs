//! The payer's own device: messages to it, where it was seen, questions put to it.

use anyhow::Result;
use types::{ConfirmationId, GeoPoint, MessageId, PasskeyId, PayerId, SessionId, Timestamp};

use crate::value::{Row, text};
use crate::{DeliveryRow, Tx};

/// A message on the payer's own device.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// Whose.
    pub payer: PayerId,
    /// When.
    pub at: Timestamp,
    /// The key of the message catalogue.
    pub kind: String,
    /// The catalogue's arguments.
    pub args: serde_json::Value,
    /// The id of what it is about.
    pub reference: String,
}

/// Where a payer's own device was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub point: GeoPoint,
}

/// A question put to the payer's own device: "is this you?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// Its id.
    pub id: ConfirmationId,
    /// Who is asked.
    pub payer: PayerId,
    /// About which attempt.
    pub session: SessionId,
    /// The answer, once given.
    pub answer: Option<bool>,
    /// The passkey that signed it; none for a plain answer.
    pub passkey: Option<PasskeyId>,
}

impl Tx<'_> {
    /// Delivers a message to the payer's own device; where there is a push gateway, also to that.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_message(&self, row: &MessageRow) -> Result<()> {
        if self.pushes() {
            self.insert_delivery(&DeliveryRow::push(row))?;
        }
        self.execute_one(
            "INSERT INTO messages (id, payer_id, at, kind, args, reference) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                text(row.id),
                text(row.payer),
                row.at.into(),
                row.kind.as_str().into(),
                text(&row.args),
                row.reference.as_str().into(),
            ],
        )
    }

    /// The payer's messages, newest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn messages(&self, payer: PayerId, limit: u32) -> Result<Vec<MessageRow>> {
        self.all(
            "SELECT * FROM messages WHERE payer_id = ?1 ORDER BY seq DESC LIMIT ?2",
            &[text(payer), limit.into()],
            read_message,
        )
    }

    /// The messages about one thing, oldest first: the timeline the payer saw.
    ///
    /// # Errors
    /// The database fails.
    pub fn messages_about(&self, reference: &str) -> Result<Vec<MessageRow>> {
        self.all(
            "SELECT * FROM messages WHERE reference = ?1 ORDER BY seq",
            &[reference.into()],
            read_message,
        )
    }

    /// Notes where the payer's own device is.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_trace(&self, payer: PayerId, trace: TraceRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO traces (payer_id, at, latitude, longitude) VALUES (?1, ?2, ?3, ?4)",
            &[text(payer), trace.at.into(), trace.point.latitude().into(), trace.point.longitude().into()],
        )
    }

    /// The trace of the payer's own device nearest in time.
    ///
    /// # Errors
    /// The database fails.
    pub fn nearest_trace(&self, payer: PayerId, at: Timestamp) -> Result<Option<TraceRow>> {
        self.first(
            "SELECT * FROM traces WHERE payer_id = ?1 ORDER BY abs(at - ?2) LIMIT 1",
            &[text(payer), at.into()],
            |row| Ok(TraceRow { at: row.time("at")?, point: row.point("latitude", "longitude")? }),
        )
    }

    /// Puts a question to the payer's own device; at most one per attempt.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_confirmation(&self, row: &ConfirmationRow, now: Timestamp) -> Result<()> {
        self.execute_one(
            "INSERT INTO confirmations (id, payer_id, session_id, asked_at) VALUES (?1, ?2, ?3, ?4)",
            &[text(row.id), text(row.payer), text(row.session), now.into()],
        )
    }

    /// The question, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn confirmation(&self, id: ConfirmationId) -> Result<Option<ConfirmationRow>> {
        self.first_locked("SELECT * FROM confirmations WHERE id = ?1", &[text(id)], read_confirmation)
    }

    /// The question about an attempt, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn confirmation_of(&self, session: SessionId) -> Result<Option<ConfirmationRow>> {
        self.first_locked(
            "SELECT * FROM confirmations WHERE session_id = ?1",
            &[text(session)],
            read_confirmation,
        )
    }

    /// Records the answer, and the passkey that signed it.
    ///
    /// # Errors
    /// The database fails.
    pub fn answer_confirmation(
        &self,
        id: ConfirmationId,
        yes: bool,
        passkey: Option<PasskeyId>,
    ) -> Result<()> {
        let answer = if yes { "yes" } else { "no" };
        let passkey = passkey.map(|passkey| passkey.to_string());
        self.execute_one(
            "UPDATE confirmations SET answer = ?2, passkey_id = ?3 WHERE id = ?1 AND answer IS NULL",
            &[text(id), answer.into(), passkey.as_deref().into()],
        )
    }

    /// Where the own devices of payers were last seen, for those seen since `since`; at most `limit`, latest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn recent_traces(
        &self,
        since: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<(PayerId, TraceRow)>> {
        self.all(
            "SELECT payer_id, at, latitude, longitude FROM
               (SELECT payer_id, at, latitude, longitude,
                       row_number() OVER (PARTITION BY payer_id ORDER BY at DESC, latitude, longitude) AS place
                FROM traces WHERE at >= ?1 AND at <= ?2) AS seen
             WHERE place = 1 ORDER BY at DESC, payer_id LIMIT ?3",
            &[since.into(), until.into(), limit.into()],
            |row| {
                let trace = TraceRow { at: row.time("at")?, point: row.point("latitude", "longitude")? };
                Ok((row.parse("payer_id")?, trace))
            },
        )
    }
}

fn read_message(row: &Row<'_>) -> Result<MessageRow> {
    Ok(MessageRow {
        id: row.parse("id")?,
        payer: row.parse("payer_id")?,
        at: row.time("at")?,
        kind: row.string("kind")?,
        args: row.json("args")?,
        reference: row.string("reference")?,
    })
}

fn read_confirmation(row: &Row<'_>) -> Result<ConfirmationRow> {
    Ok(ConfirmationRow {
        id: row.parse("id")?,
        payer: row.parse("payer_id")?,
        session: row.parse("session_id")?,
        answer: row.optional_string("answer")?.map(|answer| answer == "yes"),
        passkey: row.optional_parse("passkey_id")?,
    })
}
