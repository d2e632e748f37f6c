//! Who holds an account: PINs that wait to be replaced, documents that were seen, guardians of the young.

use anyhow::Result;
use types::{PayerId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// A forgotten PIN, waiting until it may be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRow {
    /// Whose.
    pub payer: PayerId,
    /// PHC string of the next PIN, where a device asked; none where nobody had one.
    pub pin_hash: Option<String>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// From when on the PIN may be replaced.
    pub due_at: Timestamp,
    /// From when on it may not any more.
    pub lapses_at: Timestamp,
}

/// Somebody saw a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// Whose.
    pub payer: PayerId,
    /// When.
    pub verified_at: Timestamp,
    /// Who saw it.
    pub verified_by: String,
    /// By which way of verifying.
    pub provider: String,
    /// What kind of document.
    pub document_kind: String,
    /// Its number, with name and birth date, sealed.
    pub document_sealed: Vec<u8>,
}

/// A guardian, and the minor he answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardianRow {
    /// The minor.
    pub ward: PayerId,
    /// The guardian.
    pub guardian: PayerId,
    /// When the guardian agreed.
    pub asked_at: Timestamp,
    /// When the ward did; none: not yet.
    pub confirmed_at: Option<Timestamp>,
    /// Did the guardian switch the ward's face payment off?
    pub held: bool,
}

impl Tx<'_> {
    /// Lets a recovery wait, in place of one that waited.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_recovery(&self, row: &RecoveryRow) -> Result<()> {
        self.execute("DELETE FROM pin_recoveries WHERE payer_id = ?1", &[text(row.payer)])?;
        self.execute_one(
            "INSERT INTO pin_recoveries (payer_id, pin_hash, asked_at, due_at, lapses_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                text(row.payer),
                row.pin_hash.as_deref().into(),
                row.asked_at.into(),
                row.due_at.into(),
                row.lapses_at.into(),
            ],
        )
    }

    /// The recovery that waits, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn recovery(&self, payer: PayerId) -> Result<Option<RecoveryRow>> {
        self.first_locked("SELECT * FROM pin_recoveries WHERE payer_id = ?1", &[text(payer)], read_recovery)
    }

    /// Ends a recovery; `false` when there was none.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_recovery(&self, payer: PayerId) -> Result<bool> {
        Ok(self.execute("DELETE FROM pin_recoveries WHERE payer_id = ?1", &[text(payer)])? == 1)
    }

    /// Recoveries that a device asked for and that are due, or that have lapsed; at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn due_recoveries(&self, now: Timestamp, limit: u32) -> Result<Vec<RecoveryRow>> {
        self.all(
            "SELECT * FROM pin_recoveries WHERE due_at <= ?1 AND (pin_hash IS NOT NULL OR lapses_at <= ?1)
             ORDER BY due_at LIMIT ?2",
            &[now.into(), limit.into()],
            read_recovery,
        )
    }

    /// Records that somebody saw a document.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_identity(&self, row: &IdentityRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO identities (payer_id, verified_at, verified_by, provider, document_kind, document_sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                text(row.payer),
                row.verified_at.into(),
                row.verified_by.as_str().into(),
                row.provider.as_str().into(),
                row.document_kind.as_str().into(),
                row.document_sealed.as_slice().into(),
            ],
        )
    }

    /// Every document that was seen of a payer, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn identities(&self, payer: PayerId) -> Result<Vec<IdentityRow>> {
        self.all("SELECT * FROM identities WHERE payer_id = ?1 ORDER BY verified_at", &[text(payer)], |row| {
            Ok(IdentityRow {
                payer: row.parse("payer_id")?,
                verified_at: row.time("verified_at")?,
                verified_by: row.string("verified_by")?,
                provider: row.string("provider")?,
                document_kind: row.string("document_kind")?,
                document_sealed: row.blob("document_sealed")?,
            })
        })
    }

    /// Writes a guardian, in place of one who was not confirmed.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_guardian(&self, row: &GuardianRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO guardians (ward_id, guardian_id, asked_at, confirmed_at, held) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (ward_id) DO UPDATE SET guardian_id = excluded.guardian_id, asked_at = excluded.asked_at,
                confirmed_at = excluded.confirmed_at, held = excluded.held",
            &[
                text(row.ward),
                text(row.guardian),
                row.asked_at.into(),
                row.confirmed_at.into(),
                row.held.into(),
            ],
        )
    }

    /// The guardian of a payer, confirmed or not.
    ///
    /// # Errors
    /// The database fails.
    pub fn guardian(&self, ward: PayerId) -> Result<Option<GuardianRow>> {
        self.first_locked("SELECT * FROM guardians WHERE ward_id = ?1", &[text(ward)], read_guardian)
    }

    /// Whom a payer is guardian of, confirmed or not.
    ///
    /// # Errors
    /// The database fails.
    pub fn wards(&self, guardian: PayerId) -> Result<Vec<GuardianRow>> {
        self.all(
            "SELECT * FROM guardians WHERE guardian_id = ?1 ORDER BY asked_at, ward_id",
            &[text(guardian)],
            read_guardian,
        )
    }

    /// Ends a guardianship; `false` when there was none.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_guardian(&self, ward: PayerId, guardian: PayerId) -> Result<bool> {
        let sql = "DELETE FROM guardians WHERE ward_id = ?1 AND guardian_id = ?2";
        Ok(self.execute(sql, &[text(ward), text(guardian)])? == 1)
    }
}

fn read_recovery(row: &Row<'_>) -> Result<RecoveryRow> {
    Ok(RecoveryRow {
        payer: row.parse("payer_id")?,
        pin_hash: row.optional_string("pin_hash")?,
        asked_at: row.time("asked_at")?,
        due_at: row.time("due_at")?,
        lapses_at: row.time("lapses_at")?,
    })
}

fn read_guardian(row: &Row<'_>) -> Result<GuardianRow> {
    Ok(GuardianRow {
        ward: row.parse("ward_id")?,
        guardian: row.parse("guardian_id")?,
        asked_at: row.time("asked_at")?,
        confirmed_at: row.optional_time("confirmed_at")?,
        held: row.boolean("held")?,
    })
}
