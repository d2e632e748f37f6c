//! Our books of a day, to be compared with what somebody else has.

use anyhow::Context as _;
use jiff::tz::TimeZone;
use payments::{Entry, EntryKind};
use risk::Policy;
use store::{SettlementState, Store};
use types::{Amount, MerchantId, Timestamp};

use crate::bills::{bill_of, business_day};
use crate::rejected::{Error, Rejected};

/// Who made the file that is compared with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The merchant: its own record of payments, refunds, reversals and recoveries.
    Merchant,
    /// The bank: what it paid to the merchant for settlements.
    Bank,
}

/// Which of our books: one merchant's, of one business day.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    /// Whose.
    pub merchant: MerchantId,
    /// Which business day, as `YYYY-MM-DD`.
    pub date: &'a str,
    /// Made for whom.
    pub against: Against,
}

/// What a book says. The policy says where the business day begins and ends.
///
/// # Errors
/// [`Rejected::Field`] for the date, [`Rejected::BillNotReady`] before the merchant's day is over, an unknown merchant;
/// an operating fault.
pub fn our_entries(
    store: &Store,
    policy_text: &str,
    book: &Book<'_>,
    now: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let policy = Policy::parse(policy_text).context("reading the policy")?;
    let time_zone = TimeZone::get(&policy.settlement.time_zone)
        .context("settlement.time_zone of the policy is no time zone of the IANA database")?;
    let date = business_day(book.date)?;
    store.read(|tx| tx.merchant(book.merchant)?.ok_or(Error::from(Rejected::merchant())))?;
    match book.against {
        Against::Merchant if date >= now.to_zoned(time_zone.clone()).date() => {
            Err(Rejected::BillNotReady.into())
        }
        Against::Merchant => Ok(bill_of(store, &time_zone, book.merchant, date)?.entries()),
        Against::Bank => payouts(store, book.merchant, &date.to_string()),
    }
}

/// What the bank was or will be told to pay: of a settlement that was paid out, what left. Where nothing became payable
/// the bank knows nothing.
fn payouts(store: &Store, merchant: MerchantId, date: &str) -> Result<Vec<Entry>, Error> {
    let settlements = store.read(|tx| tx.settlements_on(merchant, date).map_err(Error::from))?;
    let entry = |(row, paid_out): (store::SettlementRow, Option<i64>)| Entry {
        number: row.id.to_string(),
        kind: EntryKind::Settlement,
        amount: Amount::new(paid_out.unwrap_or(row.settled_minor), row.currency),
        state: match row.state {
            SettlementState::Running => "running",
            SettlementState::Complete { at: _ } => "complete",
            SettlementState::PaidOut { at: _, transfer: _ } => "paid_out",
        }
        .to_owned(),
    };
    Ok(settlements.into_iter().map(entry).filter(|entry| entry.amount.is_positive()).collect())
}
