//! Disputes and what was found about them.

use anyhow::Result;
use disputes::{Assessment, Dispute, Facts};
use types::{DisputeId, PaymentId, TerminalId, Timestamp};

use crate::Tx;
use crate::value::{Row, json, text};

/// A dispute as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeRow {
    /// The state machine.
    pub dispute: Dispute,
    /// Where the debit happened.
    pub terminal: TerminalId,
    /// Goes up with every change; two writers cannot both succeed from the same version.
    pub version: u32,
}

/// What was gathered at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceRow {
    /// About which case.
    pub dispute: DisputeId,
    /// Which gathering, from 0.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What the records say.
    pub facts: Facts,
    /// What that amounts to.
    pub assessment: Assessment,
}

impl Tx<'_> {
    /// Adds a dispute.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_dispute(&self, row: &DisputeRow) -> Result<()> {
        let filing = &row.dispute.filing;
        self.execute_one(
            "INSERT INTO disputes (id, payment_id, payer_id, merchant_id, terminal_id, state, version, filed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                text(filing.id),
                text(filing.payment),
                text(filing.payer),
                text(filing.merchant),
                text(row.terminal),
                json(&row.dispute)?,
                row.version.into(),
                filing.at.into(),
            ],
        )
    }

    /// The dispute, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn dispute(&self, id: DisputeId) -> Result<Option<DisputeRow>> {
        self.first_locked("SELECT * FROM disputes WHERE id = ?1", &[text(id)], read_dispute)
    }

    /// The dispute about a debit, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn dispute_of_payment(&self, payment: PaymentId) -> Result<Option<DisputeRow>> {
        self.first_locked("SELECT * FROM disputes WHERE payment_id = ?1", &[text(payment)], read_dispute)
    }

    /// All disputes, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn disputes(&self) -> Result<Vec<DisputeRow>> {
        self.all("SELECT * FROM disputes ORDER BY filed_at, id", &[], read_dispute)
    }

    /// How many other disputes there are about a terminal.
    ///
    /// # Errors
    /// The database fails.
    pub fn other_disputes_at(&self, terminal: TerminalId, except: DisputeId) -> Result<u32> {
        let sql = "SELECT count(*) AS n FROM disputes WHERE terminal_id = ?1 AND id <> ?2";
        Ok(u32::try_from(self.number(sql, &[text(terminal), text(except)])?)?)
    }

    /// Writes the next version of a dispute.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_dispute(&self, row: &DisputeRow) -> Result<()> {
        self.execute_one(
            "UPDATE disputes SET state = ?2, version = ?3 WHERE id = ?1 AND version = ?4",
            &[
                text(row.dispute.filing.id),
                json(&row.dispute)?,
                row.version.into(),
                (i64::from(row.version) - 1).into(),
            ],
        )
    }

    /// Appends what was gathered.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_evidence(&self, row: &EvidenceRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO dispute_evidence (dispute_id, seq, at, facts, assessment) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[text(row.dispute), row.seq.into(), row.at.into(), json(&row.facts)?, json(&row.assessment)?],
        )
    }

    /// What was gathered so far, in order.
    ///
    /// # Errors
    /// The database fails.
    pub fn evidence(&self, dispute: DisputeId) -> Result<Vec<EvidenceRow>> {
        self.all(
            "SELECT * FROM dispute_evidence WHERE dispute_id = ?1 ORDER BY seq",
            &[text(dispute)],
            |row| {
                Ok(EvidenceRow {
                    dispute: row.parse("dispute_id")?,
                    seq: row.count("seq")?,
                    at: row.time("at")?,
                    facts: row.json("facts")?,
                    assessment: row.json("assessment")?,
                })
            },
        )
    }
}

fn read_dispute(row: &Row<'_>) -> Result<DisputeRow> {
    Ok(DisputeRow {
        dispute: row.json("state")?,
        terminal: row.parse("terminal_id")?,
        version: row.count("version")?,
    })
}
