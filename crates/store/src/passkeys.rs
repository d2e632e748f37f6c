//! Passkeys of payers and users, and the challenges that were sent out to them.

use anyhow::{Result, bail};
use types::{CeremonyId, PasskeyId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// A passkey. Its private half never left its owner's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRow {
    /// Its id.
    pub id: PasskeyId,
    /// The id of the payer or user it belongs to.
    pub subject: String,
    /// What its device calls it; no two people have the same.
    pub credential_id: Vec<u8>,
    /// What checks its signatures: public key and flags, as the library writes them.
    pub credential: serde_json::Value,
    /// What its owner calls it.
    pub label: String,
    /// The highest signature counter that was seen; 0 from devices that keep none.
    pub counter: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last signed.
    pub used_at: Option<Timestamp>,
    /// Since when it opens nothing, because a copy of it seems to exist.
    pub blocked_at: Option<Timestamp>,
}

/// What a challenge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CeremonyPurpose {
    /// Making a passkey.
    Registration,
    /// Answering a question about a payment with yes.
    Answer,
    /// Switching face payment on again.
    Unfreeze,
    /// Confirming an enrolment.
    Enrolment,
    /// Logging in.
    Login,
}

impl CeremonyPurpose {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Answer => "answer",
            Self::Unfreeze => "unfreeze",
            Self::Enrolment => "enrolment",
            Self::Login => "login",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "registration" => Self::Registration,
            "answer" => Self::Answer,
            "unfreeze" => Self::Unfreeze,
            "enrolment" => Self::Enrolment,
            "login" => Self::Login,
            other => bail!("column purpose is damaged: {other:?}"),
        })
    }
}

/// A challenge that was sent out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CeremonyRow {
    /// Its id.
    pub id: CeremonyId,
    /// What for.
    pub purpose: CeremonyPurpose,
    /// The id of the payer or user who may answer; none: whoever owns the passkey that answers.
    pub subject: Option<String>,
    /// The id of what is confirmed; empty where there is nothing.
    pub target: String,
    /// What the library needs to check the answer: the challenge and what was asked of the device.
    pub state: serde_json::Value,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was answered, rightly or wrongly.
    pub used_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// Waits until no other transaction adds or removes passkeys of this subject.
    ///
    /// # Errors
    /// The database fails.
    pub fn lock_passkeys(&self, subject: &str) -> Result<()> {
        self.lock_name(&format!("passkeys {subject}"))
    }

    /// Adds a passkey; `false` when somebody has it already.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_passkey(&self, row: &PasskeyRow) -> Result<bool> {
        let inserted = self.execute(
            "INSERT INTO passkeys (id, subject, credential_id, credential, label, counter, created_at, used_at,
                                   blocked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (credential_id) DO NOTHING",
            &[
                text(row.id),
                row.subject.as_str().into(),
                row.credential_id.as_slice().into(),
                text(&row.credential),
                row.label.as_str().into(),
                row.counter.into(),
                row.created_at.into(),
                row.used_at.into(),
                row.blocked_at.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// The passkeys of a payer or user, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn passkeys(&self, subject: &str) -> Result<Vec<PasskeyRow>> {
        let sql = "SELECT * FROM passkeys WHERE subject = ?1 ORDER BY created_at, id";
        self.all(sql, &[subject.into()], read_passkey)
    }

    /// The passkey that its device calls so.
    ///
    /// # Errors
    /// The database fails.
    pub fn passkey_of_credential(&self, credential_id: &[u8]) -> Result<Option<PasskeyRow>> {
        let sql = "SELECT * FROM passkeys WHERE credential_id = ?1";
        self.first_locked(sql, &[credential_id.into()], read_passkey)
    }

    /// Notes that a passkey signed, with what it said about itself.
    ///
    /// # Errors
    /// The database fails.
    pub fn use_passkey(
        &self,
        id: PasskeyId,
        credential: &serde_json::Value,
        counter: u32,
        now: Timestamp,
    ) -> Result<()> {
        self.execute_one(
            "UPDATE passkeys SET credential = ?2, counter = ?3, used_at = ?4 WHERE id = ?1",
            &[text(id), text(credential), counter.into(), now.into()],
        )
    }

    /// Lets a passkey open nothing any more.
    ///
    /// # Errors
    /// The database fails.
    ///
    /// # Panics
    /// When it is blocked already, which the caller has looked at in this transaction.
    pub fn block_passkey(&self, id: PasskeyId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE passkeys SET blocked_at = ?2 WHERE id = ?1 AND blocked_at IS NULL";
        self.execute_one(sql, &[text(id), now.into()])
    }

    /// Removes a passkey; `false` when the subject has no such one.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_passkey(&self, subject: &str, id: PasskeyId) -> Result<bool> {
        let sql = "DELETE FROM passkeys WHERE id = ?1 AND subject = ?2";
        Ok(self.execute(sql, &[text(id), subject.into()])? == 1)
    }

    /// Removes all passkeys of a payer or user, and the challenges that were sent out to them; returns how many passkeys
    /// there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_passkeys(&self, subject: &str) -> Result<usize> {
        self.lock_passkeys(subject)?;
        self.execute("DELETE FROM ceremonies WHERE subject = ?1", &[subject.into()])?;
        self.execute("DELETE FROM passkeys WHERE subject = ?1", &[subject.into()])
    }

    /// Keeps a challenge that is sent out.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_ceremony(&self, row: &CeremonyRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO ceremonies (id, purpose, subject, target, state, expires_at, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                text(row.id),
                row.purpose.name().into(),
                row.subject.as_deref().into(),
                row.target.as_str().into(),
                text(&row.state),
                row.expires_at.into(),
                row.used_at.into(),
            ],
        )
    }

    /// A challenge that was sent out, also when it is over.
    ///
    /// # Errors
    /// The database fails.
    pub fn ceremony(&self, id: CeremonyId) -> Result<Option<CeremonyRow>> {
        self.first_locked("SELECT * FROM ceremonies WHERE id = ?1", &[text(id)], read_ceremony)
    }

    /// Ends a challenge: it was answered.
    ///
    /// # Errors
    /// The database fails.
    ///
    /// # Panics
    /// When it was answered before, which the caller has looked at in this transaction.
    pub fn use_ceremony(&self, id: CeremonyId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE ceremonies SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL";
        self.execute_one(sql, &[text(id), now.into()])
    }

    /// Forgets the challenges that ended before a time; returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_ceremonies(&self, before: Timestamp) -> Result<usize> {
        self.execute("DELETE FROM ceremonies WHERE expires_at < ?1", &[before.into()])
    }
}

fn read_passkey(row: &Row<'_>) -> Result<PasskeyRow> {
    Ok(PasskeyRow {
        id: row.parse("id")?,
        subject: row.string("subject")?,
        credential_id: row.blob("credential_id")?,
        credential: row.json("credential")?,
        label: row.string("label")?,
        counter: row.count("counter")?,
        created_at: row.time("created_at")?,
        used_at: row.optional_time("used_at")?,
        blocked_at: row.optional_time("blocked_at")?,
    })
}

fn read_ceremony(row: &Row<'_>) -> Result<CeremonyRow> {
    Ok(CeremonyRow {
        id: row.parse("id")?,
        purpose: CeremonyPurpose::parse(&row.string("purpose")?)?,
        subject: row.optional_string("subject")?,
        target: row.string("target")?,
        state: row.json("state")?,
        expires_at: row.time("expires_at")?,
        used_at: row.optional_time("used_at")?,
    })
}
