//! What is erased for good, and the tombstones that tell of it.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use disputes::{Dispute, Outcome};
use evidence::WrappedKey;
use serde::{Deserialize, Serialize};
use types::{CaptureId, Digest, DisputeId, EnrolmentId, PayerId, SessionId, Timestamp, TombstoneId};

use crate::value::{Row, json, text};
use crate::{CaptureContent, CaptureRow, Tx};

/// Why something was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// The payer took the consent to the processing of face data back.
    ConsentWithdrawn,
    /// The payer closed the account.
    AccountClosed,
    /// The dispute for which it had outlived an earlier erasure is over.
    DisputeClosed,
}

impl ErasureReason {
    const fn name(self) -> &'static str {
        match self {
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::AccountClosed => "account_closed",
            Self::DisputeClosed => "dispute_closed",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "consent_withdrawn" => Self::ConsentWithdrawn,
            "account_closed" => Self::AccountClosed,
            "dispute_closed" => Self::DisputeClosed,
            other => bail!("column reason is damaged: {other:?}"),
        })
    }
}

/// What kind of thing was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedKind {
    /// The live template of a payer.
    Template,
    /// A template that waited for its holder's code.
    Enrolment,
    /// What a template is made of, and the picture it came from if one was kept.
    TemplatePart,
    /// The key of a payer's templates.
    FaceKey,
    /// The probe of a capture, its key, and with it its pictures.
    Capture,
    /// A payer's name and phone, and their key.
    Contact,
}

/// Something that was erased. The digests prove to whoever holds a copy that it was this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// What kind of thing.
    pub kind: ErasedKind,
    /// Its id, or the payer's where it has none of its own.
    pub id: String,
    /// SHA-256 of the sealed bytes; none for a key.
    pub sealed: Option<Digest>,
    /// SHA-256 of the wrapped key; none where the key is another entry, or was inside the sealed bytes.
    pub key: Option<Digest>,
}

/// A capture that an open dispute still needs; it goes when the case is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCapture {
    /// Which.
    pub capture: CaptureId,
    /// For which case.
    pub dispute: DisputeId,
}

/// What tells that something was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombstoneRow {
    /// Its id.
    pub id: TombstoneId,
    /// Whose data it was.
    pub payer: PayerId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: ErasureReason,
    /// What was erased.
    pub erased: Vec<Erased>,
    /// What an open dispute still needs.
    pub kept: Vec<KeptCapture>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    erased: Vec<Erased>,
    kept: Vec<KeptCapture>,
}

impl Tx<'_> {
    /// Adds a tombstone.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_tombstone(&self, row: &TombstoneRow) -> Result<()> {
        let body = Body { erased: row.erased.clone(), kept: row.kept.clone() };
        self.execute_one(
            "INSERT INTO tombstones (id, payer_id, at, reason, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[text(row.id), text(row.payer), row.at.into(), row.reason.name().into(), json(&body)?],
        )
    }

    /// A tombstone, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn tombstone(&self, id: TombstoneId) -> Result<Option<TombstoneRow>> {
        self.first("SELECT * FROM tombstones WHERE id = ?1", &[text(id)], read_tombstone)
    }

    /// Every tombstone, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn tombstones(&self) -> Result<Vec<TombstoneRow>> {
        self.all("SELECT * FROM tombstones ORDER BY seq", &[], read_tombstone)
    }

    /// When the face of a payer was last erased, if it ever was.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_erased_at(&self, payer: PayerId) -> Result<Option<Timestamp>> {
        let sql = "SELECT at FROM tombstones WHERE payer_id = ?1
                   AND reason IN ('consent_withdrawn', 'account_closed') ORDER BY seq DESC LIMIT 1";
        self.first(sql, &[text(payer)], |row| row.time("at"))
    }

    /// The captures that were erased.
    ///
    /// # Errors
    /// The database fails.
    pub fn erased_captures(&self) -> Result<BTreeSet<CaptureId>> {
        let sql = "SELECT id FROM captures WHERE tombstone_id IS NOT NULL";
        Ok(self.all(sql, &[], |row| row.parse("id"))?.into_iter().collect())
    }

    /// Payers of whom something was erased since then, and who have no live template.
    ///
    /// # Errors
    /// The database fails.
    pub fn erased_since(&self, since: Timestamp) -> Result<Vec<PayerId>> {
        self.all(
            "SELECT DISTINCT payer_id FROM tombstones WHERE at >= ?1
             AND payer_id NOT IN (SELECT payer_id FROM templates) ORDER BY payer_id",
            &[since.into()],
            |row| row.parse("payer_id"),
        )
    }

    /// The templates of a payer that wait for a code, sealed.
    ///
    /// # Errors
    /// The database fails.
    pub fn waiting_templates(&self, payer: PayerId) -> Result<Vec<(EnrolmentId, Vec<u8>)>> {
        self.all_locked(
            "SELECT id, template_sealed FROM enrolments WHERE payer_id = ?1 AND template_sealed IS NOT NULL
             ORDER BY id",
            &[text(payer)],
            |row| Ok((row.parse("id")?, row.blob("template_sealed")?)),
        )
    }

    /// Destroys the key of a payer's face.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_face_key(&self, payer: PayerId) -> Result<usize> {
        self.execute("DELETE FROM face_keys WHERE payer_id = ?1", &[text(payer)])
    }

    /// The captures of a payer that are kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn captures_of(&self, payer: PayerId) -> Result<Vec<CaptureRow>> {
        self.all_locked(
            "SELECT * FROM captures WHERE tombstone_id IS NULL AND id IN
                (SELECT c.id FROM captures c WHERE c.payer_id = ?1
                 UNION SELECT c.id FROM captures c JOIN payments p ON p.session_id = c.session_id
                 WHERE p.payer_id = ?1)
             ORDER BY id",
            &[text(payer)],
            crate::orders::read_capture,
        )
    }

    /// Says whose capture an attempt's is, once digits chose among whom to search.
    ///
    /// # Errors
    /// The attempt has no capture; the database fails.
    pub fn set_capture_payer(&self, session: SessionId, payer: PayerId) -> Result<()> {
        self.execute_one(
            "UPDATE captures SET payer_id = ?2 WHERE session_id = ?1",
            &[text(session), text(payer)],
        )
    }

    /// The captures that outlived an erasure for this dispute.
    ///
    /// # Errors
    /// The database fails.
    pub fn captures_kept_for(&self, dispute: DisputeId) -> Result<Vec<CaptureRow>> {
        self.all_locked(
            "SELECT * FROM captures WHERE kept_for = ?1 AND tombstone_id IS NULL ORDER BY id",
            &[text(dispute)],
            crate::orders::read_capture,
        )
    }

    /// Marks a capture as outliving an erasure until this dispute is closed.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_capture_for(&self, id: CaptureId, dispute: DisputeId) -> Result<()> {
        self.execute_one("UPDATE captures SET kept_for = ?2 WHERE id = ?1", &[text(id), text(dispute)])
    }

    /// Destroys probe and key of a capture, and forgets how its frames looked.
    ///
    /// # Errors
    /// The database fails.
    pub fn erase_capture(&self, id: CaptureId, by: TombstoneId) -> Result<()> {
        let nothing: &[u8] = &[];
        self.execute(
            "DELETE FROM frame_prints WHERE session_id IN (SELECT session_id FROM captures WHERE id = ?1)",
            &[text(id)],
        )?;
        self.execute_one(
            "UPDATE captures SET probe_sealed = ?2, key_wrapped = NULL, generation = NULL, tombstone_id = ?3
             WHERE id = ?1",
            &[text(id), nothing.into(), text(by)],
        )
    }

    /// The open disputes about a payer's payments, each with the attempt it is about.
    ///
    /// # Errors
    /// The database fails.
    pub fn open_disputes_of(&self, payer: PayerId) -> Result<Vec<(DisputeId, SessionId)>> {
        let all = self.all(
            "SELECT d.state, p.session_id FROM disputes d JOIN payments p ON p.id = d.payment_id
             WHERE d.payer_id = ?1 ORDER BY d.id",
            &[text(payer)],
            |row| Ok((row.json::<Dispute>("state")?, row.parse("session_id")?)),
        )?;
        let open = |dispute: &Dispute| match dispute.outcome {
            Outcome::Open | Outcome::Found { finding: _, note: _, at: _, by: _ } => true,
            Outcome::Closed { finding: _, note: _, at: _ } => false,
        };
        Ok(all
            .into_iter()
            .filter(|(dispute, _)| open(dispute))
            .map(|(dispute, session)| (dispute.filing.id, session))
            .collect())
    }

    /// How many payments of a payer are authorised and not yet taken.
    ///
    /// # Errors
    /// The database fails.
    pub fn authorised_payments_of(&self, payer: PayerId) -> Result<u64> {
        let sql = "SELECT count(*) AS n FROM payments WHERE payer_id = ?1 AND state = 'authorised'";
        Ok(u64::try_from(self.number(sql, &[text(payer)])?)?)
    }

    /// Closes an account: name, phone, PIN, home and traces are destroyed, and `phone_index`, which stands for no
    /// number, takes the place of the number's fingerprint.
    ///
    /// # Errors
    /// The database fails.
    pub fn close_payer(&self, id: PayerId, phone_index: &[u8; 32], now: Timestamp) -> Result<()> {
        let nothing: &[u8] = &[];
        self.execute_one(
            "UPDATE payers SET contact_sealed = ?2, contact_key = NULL, contact_generation = NULL, phone_index = ?3,
                               pin_hash = NULL, pin_failures = 0, pin_locked_until = NULL, pin_locks = 0,
                               pin_recovered_at = NULL, home_city = '',
                               home_latitude = 0, home_longitude = 0, face = 'none', closed_at = ?4
             WHERE id = ?1",
            &[text(id), nothing.into(), phone_index.as_slice().into(), now.into()],
        )?;
        self.execute("DELETE FROM traces WHERE payer_id = ?1", &[text(id)])?;
        self.execute("DELETE FROM past_phones WHERE payer_id = ?1", &[text(id)])?;
        self.execute("DELETE FROM pin_recoveries WHERE payer_id = ?1", &[text(id)])?;
        self.execute("DELETE FROM guardians WHERE ward_id = ?1 OR guardian_id = ?1", &[text(id)])?;
        // Who saw a document, and when, stays; what stood in it does not.
        let forget = "UPDATE identities SET document_sealed = ?2 WHERE payer_id = ?1";
        self.execute(forget, &[text(id), nothing.into()])?;
        Ok(())
    }

    /// Takes a masked name out of the attempts by which a payer paid.
    ///
    /// # Errors
    /// The database fails.
    pub fn unname_sessions(&self, payer: PayerId, masked_name: &str) -> Result<usize> {
        let field = |name: &str| {
            Ok::<_, serde_json::Error>(format!("\"payer_name\":{}", serde_json::to_string(name)?))
        };
        self.execute(
            "UPDATE sessions SET state = replace(state, ?2, ?3)
             WHERE id IN (SELECT session_id FROM payments WHERE payer_id = ?1)",
            &[text(payer), field(masked_name)?.as_str().into(), field("")?.as_str().into()],
        )
    }

    /// What is left of faces whose owners have no consent in force, in words: nothing, if all is well. Captures that
    /// open disputes need are not among it.
    ///
    /// # Errors
    /// The database fails.
    pub fn faces_without_consent(&self) -> Result<Vec<(PayerId, String)>> {
        let without = |table: &str, id: &str, and: &str| {
            format!(
                "SELECT t.payer_id AS payer_id, {id} AS thing FROM {table} t WHERE {and} NOT EXISTS
                 (SELECT 1 FROM consents c WHERE c.payer_id = t.payer_id AND c.withdrawn_at IS NULL)"
            )
        };
        let sql = [
            without("templates", "'a template'", ""),
            without("template_parts", "t.source", ""),
            without("face_keys", "'a face key'", ""),
            without("enrolments", "t.id", "t.template_sealed IS NOT NULL AND"),
            without(
                "captures",
                "t.id",
                "t.tombstone_id IS NULL AND t.kept_for IS NULL AND t.payer_id IS NOT NULL AND",
            ),
        ];
        let sql = format!("{} ORDER BY 1, 2", sql.join(" UNION ALL "));
        self.all(&sql, &[], |row| Ok((row.parse("payer_id")?, row.string("thing")?)))
    }

    /// The captures that outlive an erasure, each with the dispute it is kept for.
    ///
    /// # Errors
    /// The database fails.
    pub fn kept_captures(&self) -> Result<Vec<KeptCapture>> {
        self.all(
            "SELECT id, kept_for FROM captures WHERE kept_for IS NOT NULL AND tombstone_id IS NULL ORDER BY id",
            &[],
            |row| Ok(KeptCapture { capture: row.parse("id")?, dispute: row.parse("kept_for")? }),
        )
    }

    /// A capture by its id, if a record names it.
    ///
    /// # Errors
    /// The database fails.
    pub fn capture_by_id(&self, id: CaptureId) -> Result<Option<CaptureRow>> {
        self.first("SELECT * FROM captures WHERE id = ?1", &[text(id)], crate::orders::read_capture)
    }

    /// When the key of a payer's face was drawn, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_key_made_at(&self, payer: PayerId) -> Result<Option<Timestamp>> {
        let sql = "SELECT created_at FROM face_keys WHERE payer_id = ?1";
        self.first(sql, &[text(payer)], |row| row.time("created_at"))
    }
}

impl CaptureRow {
    /// How many of its frames the face was made of: those of movements are for the challenge alone.
    #[must_use]
    pub fn probe_frames(&self) -> usize {
        let frames = self.frames.as_array().map_or(&[][..], Vec::as_slice);
        frames.iter().filter(|frame| frame.get("step").is_none()).count()
    }

    /// What a tombstone says of it, if anything is left of it.
    #[must_use]
    pub fn as_erased(&self) -> Option<Erased> {
        match &self.content {
            CaptureContent::Kept { probe_sealed, key } => Some(Erased {
                kind: ErasedKind::Capture,
                id: self.id.to_string(),
                sealed: Some(evidence::digest(probe_sealed)),
                key: key.as_ref().map(WrappedKey::digest),
            }),
            CaptureContent::Erased { by: _ } => None,
        }
    }
}

fn read_tombstone(row: &Row<'_>) -> Result<TombstoneRow> {
    let Body { erased, kept } = row.json("body")?;
    Ok(TombstoneRow {
        id: row.parse("id")?,
        payer: row.parse("payer_id")?,
        at: row.time("at")?,
        reason: ErasureReason::parse(&row.string("reason")?)?,
        erased,
        kept,
    })
}
