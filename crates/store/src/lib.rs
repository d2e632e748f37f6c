//! The only crate that knows SQL: rows in, rows out, one database transaction per use case.
//!
//! Invariants: a write transaction commits whole or leaves nothing; there is one writer at a time, so that
//! what a transaction read is still true when it writes. Rules about money and states live in the pure crates;
//! here they are only backed by constraints (`UNIQUE`, `CHECK`) as a second line.
#![forbid(unsafe_code)]

mod books;
mod database;
mod devices;
mod disputes;
mod merchants;
mod objects;
mod orders;
mod payers;
mod payments;
mod records;
mod value;

pub use books::PostError;
pub use database::{Store, Tx};
pub use devices::{ConfirmationRow, MessageRow, TraceRow};
pub use disputes::{DisputeRow, EvidenceRow};
pub use merchants::{KeyRow, MerchantRow, Scope, TerminalRow};
pub use objects::Objects;
pub use orders::{CaptureRow, DecisionRow, OrderRow, OrderState, SessionRow};
pub use payers::{ConsentRow, EnrolmentRow, EnrolmentState, FaceState, Language, PayerRow, TemplateRow};
pub use payments::{PaymentRow, PaymentState};
pub use records::{AccessRow, EventRow};

#[cfg(test)]
mod tests;
