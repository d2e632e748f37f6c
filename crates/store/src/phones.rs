//! Codes that were sent to phones, and the numbers that accounts had before.

use anyhow::{Context as _, Result, bail};
use evidence::WrappedKey;
use types::{ChallengeId, PayerId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// To open an account.
    Register,
    /// To log in on another device.
    Login,
    /// To make this the number of an account.
    Change,
    /// To set another PIN.
    Recover,
    /// To let somebody be the guardian of whoever has this phone.
    Guardian,
}

impl CodePurpose {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::Change => "change",
            Self::Recover => "recover",
            Self::Guardian => "guardian",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "register" => Self::Register,
            "login" => Self::Login,
            "change" => Self::Change,
            "recover" => Self::Recover,
            "guardian" => Self::Guardian,
            other => bail!("column purpose is damaged: {other:?}"),
        })
    }
}

/// Whether a code can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// It can.
    Open,
    /// It was.
    Used,
    /// A newer one was sent.
    Replaced,
    /// It was guessed at too often.
    Failed,
}

impl CodeState {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Replaced => "replaced",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "open" => Self::Open,
            "used" => Self::Used,
            "replaced" => Self::Replaced,
            "failed" => Self::Failed,
            other => bail!("column state is damaged: {other:?}"),
        })
    }
}

/// A code that was sent to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneCodeRow {
    /// Its id.
    pub id: ChallengeId,
    /// Keyed fingerprint of the number.
    pub phone_index: [u8; 32],
    /// What it is for.
    pub purpose: CodePurpose,
    /// The number, sealed.
    pub phone_sealed: Vec<u8>,
    /// The key it is sealed under.
    pub key: WrappedKey,
    /// Keyed fingerprint of the code.
    pub code_hash: [u8; 32],
    /// Wrong tries so far.
    pub failures: u32,
    /// Whether it can still be used.
    pub state: CodeState,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A number that an account had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastPhoneRow {
    /// Whose.
    pub payer: PayerId,
    /// Keyed fingerprint of the number.
    pub phone_index: [u8; 32],
    /// The number, sealed.
    pub phone_sealed: Vec<u8>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Tx<'_> {
    /// When codes were sent to a phone since `since`, the newest first, at most `limit`. Nobody else sends one to this
    /// phone before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn phone_codes_since(
        &self,
        phone_index: &[u8; 32],
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Timestamp>> {
        let [a, b, c, d, e, f, g, h, ..] = *phone_index;
        self.lock_name(&format!("phone {}", u64::from_le_bytes([a, b, c, d, e, f, g, h])))?;
        self.all(
            "SELECT created_at FROM phone_codes WHERE phone_index = ?1 AND created_at > ?2
             ORDER BY created_at DESC LIMIT ?3",
            &[phone_index.as_slice().into(), since.into(), limit.into()],
            |row| row.time("created_at"),
        )
    }

    /// Adds a code, in place of an open one to the same phone for the same purpose.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_phone_code(&self, row: &PhoneCodeRow) -> Result<()> {
        self.execute(
            "UPDATE phone_codes SET state = 'replaced' WHERE phone_index = ?1 AND purpose = ?2 AND state = 'open'",
            &[row.phone_index.as_slice().into(), row.purpose.name().into()],
        )?;
        self.execute_one(
            "INSERT INTO phone_codes (id, phone_index, purpose, phone_sealed, code_hash, failures, state, created_at,
                                      expires_at, key_wrapped, generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                text(row.id),
                row.phone_index.as_slice().into(),
                row.purpose.name().into(),
                row.phone_sealed.as_slice().into(),
                row.code_hash.as_slice().into(),
                row.failures.into(),
                row.state.name().into(),
                row.created_at.into(),
                row.expires_at.into(),
                row.key.bytes.as_slice().into(),
                text(row.key.generation),
            ],
        )
    }

    /// The code, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn phone_code(&self, id: ChallengeId) -> Result<Option<PhoneCodeRow>> {
        self.first_locked("SELECT * FROM phone_codes WHERE id = ?1", &[text(id)], read_code)
    }

    /// Writes state and failures of a code.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_phone_code(&self, row: &PhoneCodeRow) -> Result<()> {
        self.execute_one(
            "UPDATE phone_codes SET state = ?2, failures = ?3 WHERE id = ?1",
            &[text(row.id), row.state.name().into(), row.failures.into()],
        )
    }

    /// Forgets codes that were sent before `before`; returns how many.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_phone_codes(&self, before: Timestamp) -> Result<usize> {
        self.execute("DELETE FROM phone_codes WHERE created_at < ?1", &[before.into()])
    }

    /// Gives a payer another number and keeps the one before; `false` when somebody has the new one.
    ///
    /// # Errors
    /// The database fails.
    pub fn change_phone(
        &self,
        past: &PastPhoneRow,
        phone_index: &[u8; 32],
        contact_sealed: &[u8],
    ) -> Result<bool> {
        if self.payer_of_phone(phone_index)?.is_some() {
            return Ok(false);
        }
        self.execute_one(
            "INSERT INTO past_phones (payer_id, phone_index, phone_sealed, since, until) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                text(past.payer),
                past.phone_index.as_slice().into(),
                past.phone_sealed.as_slice().into(),
                past.since.into(),
                past.until.into(),
            ],
        )?;
        self.execute_one(
            "UPDATE payers SET phone_index = ?2, contact_sealed = ?3 WHERE id = ?1",
            &[text(past.payer), phone_index.as_slice().into(), contact_sealed.into()],
        )?;
        Ok(true)
    }

    /// The numbers that a payer had, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn past_phones(&self, payer: PayerId) -> Result<Vec<PastPhoneRow>> {
        self.all("SELECT * FROM past_phones WHERE payer_id = ?1 ORDER BY until", &[text(payer)], |row| {
            Ok(PastPhoneRow {
                payer: row.parse("payer_id")?,
                phone_index: row.fingerprint("phone_index")?,
                phone_sealed: row.blob("phone_sealed")?,
                since: row.time("since")?,
                until: row.time("until")?,
            })
        })
    }
}

fn read_code(row: &Row<'_>) -> Result<PhoneCodeRow> {
    Ok(PhoneCodeRow {
        id: row.parse("id")?,
        phone_index: row.fingerprint("phone_index")?,
        purpose: CodePurpose::parse(&row.string("purpose")?)?,
        phone_sealed: row.blob("phone_sealed")?,
        key: row.wrapped_key("key_wrapped", "generation")?.context("a code without a key")?,
        code_hash: row.fingerprint("code_hash")?,
        failures: row.count("failures")?,
        state: CodeState::parse(&row.string("state")?)?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}
