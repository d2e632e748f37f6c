//! The merchant's daily bill.

use std::str::FromStr;

use jiff::civil::Date;
use payments::{Bill, Line, LineKind, Totals};
use store::{BillLineKind, BillLineRow, BilledOrder};
use types::{Amount, Digest, MerchantId, Timestamp};

use crate::callers::MerchantCaller;
use crate::engine::Engine;
use crate::rejected::{Error, Rejected};

/// A bill, ready to be handed out.
#[derive(Clone, Debug)]
pub struct BillView {
    /// Which business day.
    pub date: String,
    /// Sums, one per currency.
    pub totals: Vec<Totals>,
    /// The file.
    pub csv: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

impl Engine {
    /// A merchant's bill of a business day, which never changes once the day is over.
    ///
    /// # Errors
    /// [`Rejected::Field`] for the date, [`Rejected::BillNotReady`] before the day is over; an operating fault.
    pub fn bill(&self, now: Timestamp, merchant: MerchantCaller, date: &str) -> Result<BillView, Error> {
        let wrong = Rejected::Field { field: "date", what: "a day as YYYY-MM-DD" };
        let date = Date::from_str(date).or(Err(wrong))?;
        if date >= self.business_date(now) {
            return Err(Rejected::BillNotReady.into());
        }
        let bill = self.bill_of(merchant.merchant, date)?;
        let csv = bill.csv();
        Ok(BillView {
            date: date.to_string(),
            totals: bill.totals(),
            sha256: evidence::digest(csv.as_bytes()),
            csv,
        })
    }

    /// A merchant's bill of a business day, over or not.
    pub(crate) fn bill_of(&self, merchant: MerchantId, date: Date) -> Result<Bill, Error> {
        let next = date.tomorrow().map_err(anyhow::Error::new)?;
        let (from, until) = (self.start_of(date)?, self.start_of(next)?);
        let rows = self.store.read(|tx| tx.bill_lines(merchant, from, until).map_err(Error::from))?;
        let lines = rows.into_iter().map(|(line, order)| line_of(&line, order)).collect();
        Ok(Bill { merchant, date, time_zone: self.time_zone.clone(), lines })
    }
}

fn line_of(row: &BillLineRow, order: BilledOrder) -> Line {
    Line {
        at: row.at,
        kind: match row.kind {
            BillLineKind::Payment => LineKind::Payment,
            BillLineKind::Refund => LineKind::Refund,
            BillLineKind::Reversal => LineKind::Reversal,
            BillLineKind::Recovery => LineKind::Recovery,
        },
        terminal: order.terminal,
        order: order.order,
        out_trade_no: order.out_trade_no,
        payment: row.payment,
        refund: row.refund,
        out_refund_no: order.out_refund_no,
        amount: row.amount,
        fee: Amount::new(row.fee_minor, row.amount.currency),
        description: order.description,
        settlement: None,
    }
}
