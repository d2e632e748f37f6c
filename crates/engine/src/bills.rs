//! The merchant's daily bill.

use std::str::FromStr;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use payments::{Bill, Line, LineKind, Totals};
use store::{BillLineKind, BillLineRow, BilledOrder, Store};
use types::{Amount, Digest, MerchantId, Right, Timestamp};

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
        merchant.may(Right::Money)?;
        let date = business_day(date)?;
        if date >= self.business_date(now) {
            return Err(Rejected::BillNotReady.into());
        }
        let bill = bill_of(&self.store, &self.time_zone, merchant.merchant, date)?;
        let csv = bill.csv();
        Ok(BillView {
            date: date.to_string(),
            totals: bill.totals(),
            sha256: evidence::digest(csv.as_bytes()),
            csv,
        })
    }
}

/// A day as `YYYY-MM-DD`, and nothing else that a calendar might take for one. Nothing was paid before 1970.
pub(crate) fn business_day(text: &str) -> Result<Date, Rejected> {
    let wrong = Rejected::Field { field: "date", what: "a day as YYYY-MM-DD" };
    let date = Date::from_str(text).or(Err(wrong.clone()))?;
    if date.year() >= 1970 && date.to_string() == text { Ok(date) } else { Err(wrong) }
}

/// The first moment of a business day.
pub(crate) fn first_moment(time_zone: &TimeZone, date: Date) -> anyhow::Result<Timestamp> {
    let start = date.to_zoned(time_zone.clone()).context("the start of a day")?;
    Ok(start.timestamp())
}

/// A merchant's bill of a business day, over or not.
pub(crate) fn bill_of(
    store: &Store,
    time_zone: &TimeZone,
    merchant: MerchantId,
    date: Date,
) -> Result<Bill, Error> {
    let next = date.tomorrow().map_err(anyhow::Error::new)?;
    let (from, until) = (first_moment(time_zone, date)?, first_moment(time_zone, next)?);
    let rows = store.read(|tx| tx.bill_lines(merchant, from, until).map_err(Error::from))?;
    let lines = rows.into_iter().map(|(line, order)| line_of(&line, order)).collect();
    Ok(Bill { merchant, date, time_zone: time_zone.clone(), lines })
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
