//! What is only ever appended: events, looks at evidence, policies in force.

use anyhow::{Context, Result};
use types::{DeliveryId, Digest, EventId, PayerId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// A recorded change of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// The id of what changed.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// Who did it: a key's subject, or `surety` itself.
    pub actor: String,
    /// What happened.
    pub body: serde_json::Value,
}

/// A look at evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who looked.
    pub actor: String,
    /// At what.
    pub subject: String,
    /// Whose data it is.
    pub payer: PayerId,
    /// Why.
    pub purpose: String,
}

impl Tx<'_> {
    /// Appends an event.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_event(&self, row: &EventRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO events (id, subject, at, actor, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                text(row.id),
                row.subject.as_str().into(),
                row.at.into(),
                row.actor.as_str().into(),
                text(&row.body),
            ],
        )
    }

    /// The events of one thing, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn events(&self, subject: &str) -> Result<Vec<EventRow>> {
        self.all("SELECT * FROM events WHERE subject = ?1 ORDER BY seq", &[subject.into()], |row| {
            Ok(EventRow {
                id: row.parse("id")?,
                subject: row.string("subject")?,
                at: row.time("at")?,
                actor: row.string("actor")?,
                body: row.json("body")?,
            })
        })
    }

    /// The deliveries that events name, oldest first: what had to go into the outbox with them.
    ///
    /// # Errors
    /// The database fails.
    pub fn announced_deliveries(&self) -> Result<Vec<DeliveryId>> {
        let sql = "SELECT body FROM events WHERE body LIKE '%\"delivery\":\"dlv%' ORDER BY seq";
        let found: Vec<serde_json::Value> = self.all(sql, &[], |row| row.json("body"))?;
        found
            .iter()
            .filter_map(|body| body.get("delivery").and_then(serde_json::Value::as_str))
            .map(|id| id.parse().context("an event names a delivery"))
            .collect()
    }

    /// Appends a look at evidence.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_access(&self, row: &AccessRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO access_log (id, at, actor, subject, payer_id, purpose) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                text(row.id),
                row.at.into(),
                row.actor.as_str().into(),
                row.subject.as_str().into(),
                text(row.payer),
                row.purpose.as_str().into(),
            ],
        )
    }

    /// Who looked at this payer's data, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn accesses(&self, payer: PayerId) -> Result<Vec<AccessRow>> {
        let sql = "SELECT * FROM access_log WHERE payer_id = ?1 ORDER BY seq";
        self.all(sql, &[text(payer)], read_access)
    }

    /// Who looked, newest first, at most `limit`: at one payer's data, one person's looks, or all.
    ///
    /// # Errors
    /// The database fails.
    pub fn newest_accesses(
        &self,
        payer: Option<PayerId>,
        actor: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AccessRow>> {
        let (payer, actor) = (payer.map_or_else(String::new, |id| id.to_string()), actor.unwrap_or(""));
        self.all(
            "SELECT * FROM access_log WHERE (?1 = '' OR payer_id = ?1) AND (?2 = '' OR actor = ?2)
             ORDER BY seq DESC LIMIT ?3",
            &[payer.as_str().into(), actor.into(), limit.into()],
            read_access,
        )
    }

    /// Keeps the text of a policy that decides from now on; a known one is left as it is.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_policy(&self, digest: Digest, policy: &str, now: Timestamp) -> Result<()> {
        self.execute(
            "INSERT INTO policies (digest, text, first_used_at) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING",
            &[text(digest), policy.into(), now.into()],
        )?;
        Ok(())
    }

    /// The text of a policy that once decided.
    ///
    /// # Errors
    /// The database fails.
    pub fn policy(&self, digest: Digest) -> Result<Option<String>> {
        self.first("SELECT text FROM policies WHERE digest = ?1", &[text(digest)], |row| row.string("text"))
    }
}

fn read_access(row: &Row<'_>) -> Result<AccessRow> {
    Ok(AccessRow {
        id: row.parse("id")?,
        at: row.time("at")?,
        actor: row.string("actor")?,
        subject: row.string("subject")?,
        payer: row.parse("payer_id")?,
        purpose: row.string("purpose")?,
    })
}
