//! The life of a payment between authorisation and settlement, a merchant's daily bill, and the comparison of
//! two such bills.
//!
//! Invariants: [`Payment::decide`] checks everything and changes nothing; [`Payment::apply`] changes and cannot
//! fail, live and on replay alike. What goes back never exceeds what was captured. A [`Charge`] says where every
//! minor unit of it comes from, and the fee follows the money: what was taken as fee at settlement less what
//! came back is the fee for what is left. Everything here is a pure function; time is an argument.
//!
//! # Decisions
//! - Expiry is a command. An authorisation past its time can no longer be captured, but the money stays held
//!   until [`Command::Expire`], just as in the books.
//! - Repeating what is done already changes nothing and is no error, whatever a dispute says meanwhile.
//!   [`Command::Refund`] and [`Command::Recover`] are new each time; their own rows make them idempotent.
//! - Whose money a recovery is, and whether there is anything to recover, is decided by the dispute; here it is
//!   only bounded by what is left of the payment.
//! - A payment that the reserve compensated is not voided either: the payer would have the money twice.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

mod bill;
mod cell;
mod charge;
mod decimal;
mod import;
mod payment;
mod reconcile;
mod rejected;
mod report;

pub use bill::{Bill, Line, LineKind, Sum, Totals};
pub use charge::{BPS_WHOLE, Charge, SettlementSplit, fee, settle_split, split_settled};
pub use import::{CELL_BYTES_MAX, Columns, ENTRIES_MAX, ParseError, Reason, Source, parse_csv};
pub use payment::{Captured, Command, Event, Payment, Standing, State, Terms};
pub use reconcile::{Difference, Entry, EntryKind, Found, Report, Side, Total, reconcile};
pub use rejected::Rejected;

#[cfg(test)]
mod tests;
