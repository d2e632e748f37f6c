//! Settlements: a merchant's money of one business day, and what was left out of it.

use anyhow::{Context, Result, bail};
use types::{Amount, Currency, MerchantId, PaymentId, SettlementId, Timestamp, TransferId};

use crate::Tx;
use crate::value::{Row, text};

/// How far a settlement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementState {
    /// Payments are being added.
    Running,
    /// All that was due is in it; the money can be paid out.
    Complete {
        /// When.
        at: Timestamp,
    },
    /// The money left for the merchant's bank.
    PaidOut {
        /// When it was complete.
        at: Timestamp,
        /// The money's movement.
        transfer: TransferId,
    },
}

/// One merchant's money of one business day and currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRow {
    /// Its id.
    pub id: SettlementId,
    /// Whose.
    pub merchant: MerchantId,
    /// The business day it was made on, `YYYY-MM-DD`.
    pub date: String,
    /// Of which currency.
    pub currency: Currency,
    /// How far it is.
    pub state: SettlementState,
    /// How many payments are in it.
    pub payments: u32,
    /// What left the merchant's pending money.
    pub net_minor: i64,
    /// What of it is the operator's fee.
    pub fee_minor: i64,
    /// What of it repaid the merchant's debt.
    pub repaid_minor: i64,
    /// What of it became the merchant's.
    pub settled_minor: i64,
    /// When it was begun.
    pub started_at: Timestamp,
}

/// A payment that is due for settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuePayment {
    /// Which.
    pub id: PaymentId,
    /// In which currency.
    pub currency: Currency,
    /// Kept back by somebody.
    pub held: bool,
    /// Is a dispute about it open?
    pub disputed: bool,
}

impl Tx<'_> {
    /// The captured payments of a merchant from before `before`, oldest first, after the payment `after`, at most
    /// `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn due_payments(
        &self,
        merchant: MerchantId,
        before: Timestamp,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<DuePayment>> {
        self.all(
            "SELECT p.id, p.currency, p.held,
                    (SELECT count(*) FROM disputes d WHERE d.payment_id = p.id) AS disputes
             FROM payments p
             WHERE p.merchant_id = ?1 AND p.state = 'captured' AND p.captured_at < ?2 AND p.id > ?3
             ORDER BY p.id LIMIT ?4",
            &[
                text(merchant),
                before.into(),
                after.map_or_else(String::new, |id| id.to_string()).as_str().into(),
                limit.into(),
            ],
            |row| {
                Ok(DuePayment {
                    id: row.parse("id")?,
                    currency: row.parse("currency")?,
                    held: row.boolean("held")?,
                    disputed: row.integer("disputes")? != 0,
                })
            },
        )
    }

    /// Begins a settlement, or finds the one of that day, and locks it.
    ///
    /// # Errors
    /// The database fails.
    pub fn open_settlement(&self, row: &SettlementRow) -> Result<SettlementRow> {
        self.execute(
            "INSERT INTO settlements (id, merchant_id, date, currency, state, payments, net_minor, fee_minor,
                                      repaid_minor, settled_minor, started_at)
             VALUES (?1, ?2, ?3, ?4, 'running', 0, 0, 0, 0, 0, ?5) ON CONFLICT (merchant_id, date, currency) DO NOTHING",
            &[text(row.id), text(row.merchant), row.date.as_str().into(), text(row.currency), row.started_at.into()],
        )?;
        let found = self.first_locked(
            "SELECT * FROM settlements WHERE merchant_id = ?1 AND date = ?2 AND currency = ?3",
            &[text(row.merchant), row.date.as_str().into(), text(row.currency)],
            read_settlement,
        )?;
        found.context("the settlement that was just made sure of")
    }

    /// Writes state and sums of a settlement.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_settlement(&self, row: &SettlementRow) -> Result<()> {
        let (state, completed_at, payout) = match &row.state {
            SettlementState::Running => ("running", None, None),
            SettlementState::Complete { at } => ("complete", Some(*at), None),
            SettlementState::PaidOut { at, transfer } => ("paid_out", Some(*at), Some(transfer.to_string())),
        };
        self.execute_one(
            "UPDATE settlements SET state = ?2, payments = ?3, net_minor = ?4, fee_minor = ?5, repaid_minor = ?6,
                    settled_minor = ?7, completed_at = ?8, payout_id = ?9 WHERE id = ?1",
            &[
                text(row.id),
                state.into(),
                row.payments.into(),
                row.net_minor.into(),
                row.fee_minor.into(),
                row.repaid_minor.into(),
                row.settled_minor.into(),
                completed_at.into(),
                payout.as_deref().into(),
            ],
        )
    }

    /// The settlement, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn settlement(&self, id: SettlementId) -> Result<Option<SettlementRow>> {
        self.first_locked("SELECT * FROM settlements WHERE id = ?1", &[text(id)], read_settlement)
    }

    /// The settlements of a merchant, newest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn settlements_of(&self, merchant: MerchantId, limit: u32) -> Result<Vec<SettlementRow>> {
        self.all(
            "SELECT * FROM settlements WHERE merchant_id = ?1 ORDER BY date DESC, currency LIMIT ?2",
            &[text(merchant), limit.into()],
            read_settlement,
        )
    }

    /// The settlements a merchant has of a business day, each with what left for the bank, if it did.
    ///
    /// # Errors
    /// The database fails.
    pub fn settlements_on(
        &self,
        merchant: MerchantId,
        date: &str,
    ) -> Result<Vec<(SettlementRow, Option<i64>)>> {
        self.all(
            "SELECT s.*, e.minor AS paid_out_minor FROM settlements s LEFT JOIN entries e ON e.id = s.payout_id
             WHERE s.merchant_id = ?1 AND s.date = ?2 ORDER BY s.currency",
            &[text(merchant), date.into()],
            |row| Ok((read_settlement(row)?, row.optional_integer("paid_out_minor")?)),
        )
    }

    /// Every settlement, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn settlements(&self) -> Result<Vec<SettlementRow>> {
        self.all("SELECT * FROM settlements ORDER BY date, merchant_id, currency", &[], read_settlement)
    }

    /// Settlements that were begun and not ended, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn running_settlements(&self) -> Result<Vec<SettlementRow>> {
        self.all(
            "SELECT * FROM settlements WHERE state = 'running' ORDER BY date, merchant_id, currency",
            &[],
            read_settlement,
        )
    }

    /// Records that a due payment was left out, and why; once per settlement.
    ///
    /// # Errors
    /// The database fails.
    pub fn leave_out(&self, settlement: SettlementId, payment: PaymentId, reason: &str) -> Result<()> {
        self.execute(
            "INSERT INTO settlement_left_out (settlement_id, payment_id, reason) VALUES (?1, ?2, ?3)
             ON CONFLICT (settlement_id, payment_id) DO UPDATE SET reason = excluded.reason",
            &[text(settlement), text(payment), reason.into()],
        )?;
        Ok(())
    }

    /// What was left out of a settlement with its amount, and why.
    ///
    /// # Errors
    /// The database fails.
    pub fn left_out(&self, settlement: SettlementId) -> Result<Vec<(PaymentId, Amount, String)>> {
        self.all(
            "SELECT l.payment_id, l.reason, p.captured_minor - p.refunded_minor - p.recovered_minor AS minor, p.currency
             FROM settlement_left_out l JOIN payments p ON p.id = l.payment_id
             WHERE l.settlement_id = ?1 ORDER BY l.payment_id",
            &[text(settlement)],
            |row| Ok((row.parse("payment_id")?, row.amount()?, row.string("reason")?)),
        )
    }
}

fn read_settlement(row: &Row<'_>) -> Result<SettlementRow> {
    let state = match row.string("state")?.as_str() {
        "running" => SettlementState::Running,
        "complete" => SettlementState::Complete { at: row.time("completed_at")? },
        "paid_out" => {
            SettlementState::PaidOut { at: row.time("completed_at")?, transfer: row.parse("payout_id")? }
        }
        other => bail!("column state is damaged: {other:?}"),
    };
    Ok(SettlementRow {
        id: row.parse("id")?,
        merchant: row.parse("merchant_id")?,
        date: row.string("date")?,
        currency: row.parse("currency")?,
        state,
        payments: row.count("payments")?,
        net_minor: row.integer("net_minor")?,
        fee_minor: row.integer("fee_minor")?,
        repaid_minor: row.integer("repaid_minor")?,
        settled_minor: row.integer("settled_minor")?,
        started_at: row.time("started_at")?,
    })
}
