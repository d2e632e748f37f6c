//! The books: accounts, transfers between them, and money set aside. Debits equal credits in every reachable
//! state.
//!
//! Invariants: a transfer moves a positive amount of one currency from one account to another; every
//! [`Command`] is immutable and idempotent by its own id; linked commands are applied all or none; a hold is
//! closed once; what an account holds back is the sum of its open holds, and no account goes below its
//! [`Account::floor_minor`] counting that as gone. So the sum of all posted balances of a currency is always
//! zero. Everything here is a pure function over loaded rows: whoever calls [`apply`] holds the rows that
//! [`needs`] named and writes what it returns in one database transaction.
//!
//! Sign convention: a balance is what Surety owes the account's owner. [`Account::External`] is the world
//! outside and carries the negative of everything that came in; [`Account::Receivable`] carries the negative
//! of what a merchant owes.
//!
//! # Decisions
//! - A hold that is past its time stays held until [`Command::ExpireHold`]: what is available changes only
//!   with an [`Entry`], so the books can be made again from their entries without a clock.
//! - A hold sets aside, it does not promise a credit: posting into an account that is full or fully repaid is
//!   refused and leaves the hold open.
//! - A row that was not loaded is a bug and panics; it is never taken for zero.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

mod account;
mod apply;
mod command;
mod rows;

pub use account::{Account, UnknownAccount};
pub use apply::{BATCH_MAX, Changes, Outcome, Rejected, apply};
pub use command::{Command, Entry, Hold, HoldState, Purpose, Transfer};
pub use rows::{Balance, BalanceKey, Needs, Rows, needs};

#[cfg(test)]
mod tests;
