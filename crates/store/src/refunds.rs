//! Money of payments that merchants gave back.

use anyhow::Result;
use types::{Amount, MerchantId, PaymentId, RefundId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// A refund that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// Its id.
    pub id: RefundId,
    /// Of which payment.
    pub payment: PaymentId,
    /// Whose.
    pub merchant: MerchantId,
    /// The merchant's own number: the idempotency key.
    pub out_refund_no: String,
    /// How much.
    pub amount: Amount,
    /// Why, for the payer to read.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Tx<'_> {
    /// Adds a refund. Its number must be new: the caller checked that in this transaction.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_refund(&self, row: &RefundRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO refunds (id, payment_id, merchant_id, out_refund_no, minor, currency, reason, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                text(row.id),
                text(row.payment),
                text(row.merchant),
                row.out_refund_no.as_str().into(),
                row.amount.minor.into(),
                text(row.amount.currency),
                row.reason.as_str().into(),
                row.at.into(),
            ],
        )
    }

    /// The refund under the merchant's own number, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn refund_by_number(&self, merchant: MerchantId, out_refund_no: &str) -> Result<Option<RefundRow>> {
        self.first(
            "SELECT * FROM refunds WHERE merchant_id = ?1 AND out_refund_no = ?2",
            &[text(merchant), out_refund_no.into()],
            read_refund,
        )
    }

    /// The refunds of a payment, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn refunds_of(&self, payment: PaymentId) -> Result<Vec<RefundRow>> {
        self.all("SELECT * FROM refunds WHERE payment_id = ?1 ORDER BY at, id", &[text(payment)], read_refund)
    }

    /// Every refund.
    ///
    /// # Errors
    /// The database fails.
    pub fn refunds(&self) -> Result<Vec<RefundRow>> {
        self.all("SELECT * FROM refunds ORDER BY at, id", &[], read_refund)
    }
}

fn read_refund(row: &Row<'_>) -> Result<RefundRow> {
    Ok(RefundRow {
        id: row.parse("id")?,
        payment: row.parse("payment_id")?,
        merchant: row.parse("merchant_id")?,
        out_refund_no: row.string("out_refund_no")?,
        amount: row.amount()?,
        reason: row.string("reason")?,
        at: row.time("at")?,
    })
}
