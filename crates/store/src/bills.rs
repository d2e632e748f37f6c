//! What merchants' daily bills say: one line per movement of money, written with it.

use anyhow::{Result, bail};
use types::{Amount, MerchantId, OrderId, PaymentId, RefundId, TerminalId, Timestamp};

use crate::Tx;
use crate::value::{Row, Value, text};

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BillLineKind {
    /// Money came in.
    Payment,
    /// The merchant gave money back.
    Refund,
    /// A payment was taken back whole.
    Reversal,
    /// The reserve took money back.
    Recovery,
}

impl BillLineKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Reversal => "reversal",
            Self::Recovery => "recovery",
        }
    }
}

/// One movement of a merchant's money. What belongs to the order and the refund is filled in when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLineRow {
    /// Whose.
    pub merchant: MerchantId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: BillLineKind,
    /// Of which payment.
    pub payment: PaymentId,
    /// By which refund.
    pub refund: Option<RefundId>,
    /// How much; positive.
    pub amount: Amount,
    /// What it adds to the operator's fee; negative where money goes back.
    pub fee_minor: i64,
}

impl Tx<'_> {
    /// Appends a line.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_bill_line(&self, row: &BillLineRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO bill_lines (merchant_id, at, kind, payment_id, refund_id, minor, currency, fee_minor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                text(row.merchant),
                row.at.into(),
                row.kind.name().into(),
                text(row.payment),
                row.refund.map_or(Value::Null, text),
                row.amount.minor.into(),
                text(row.amount.currency),
                row.fee_minor.into(),
            ],
        )
    }

    /// A merchant's lines in `[from, until)` with order, terminal, the merchant's numbers and the description, in
    /// the order they were written.
    ///
    /// # Errors
    /// The database fails.
    pub fn bill_lines(
        &self,
        merchant: MerchantId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(BillLineRow, BilledOrder)>> {
        self.all(
            "SELECT l.*, p.order_id, p.terminal_id, o.out_trade_no, o.description, r.out_refund_no
             FROM bill_lines l JOIN payments p ON p.id = l.payment_id JOIN orders o ON o.id = p.order_id
             LEFT JOIN refunds r ON r.id = l.refund_id
             WHERE l.merchant_id = ?1 AND l.at >= ?2 AND l.at < ?3 ORDER BY l.seq",
            &[text(merchant), from.into(), until.into()],
            |row| {
                let order = BilledOrder {
                    order: row.parse("order_id")?,
                    terminal: row.parse("terminal_id")?,
                    out_trade_no: row.string("out_trade_no")?,
                    out_refund_no: row.optional_string("out_refund_no")?,
                    description: row.string("description")?,
                };
                Ok((read_line(row)?, order))
            },
        )
    }

    /// Every line of every bill, in the order they were written.
    ///
    /// # Errors
    /// The database fails.
    pub fn all_bill_lines(&self) -> Result<Vec<BillLineRow>> {
        self.all("SELECT * FROM bill_lines ORDER BY seq", &[], read_line)
    }
}

/// What a bill says of the order behind a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BilledOrder {
    /// Its id.
    pub order: OrderId,
    /// Where it was paid.
    pub terminal: TerminalId,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund, for a refund.
    pub out_refund_no: Option<String>,
    /// What it was for.
    pub description: String,
}

fn read_line(row: &Row<'_>) -> Result<BillLineRow> {
    let kind = match row.string("kind")?.as_str() {
        "payment" => BillLineKind::Payment,
        "refund" => BillLineKind::Refund,
        "reversal" => BillLineKind::Reversal,
        "recovery" => BillLineKind::Recovery,
        other => bail!("column kind is damaged: {other:?}"),
    };
    Ok(BillLineRow {
        merchant: row.parse("merchant_id")?,
        at: row.time("at")?,
        kind,
        payment: row.parse("payment_id")?,
        refund: row.optional_parse("refund_id")?,
        amount: row.amount()?,
        fee_minor: row.integer("fee_minor")?,
    })
}
