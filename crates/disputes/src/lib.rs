//! A dispute from filing to closing: a state machine, and the weighing of what was found.
//!
//! Invariants: [`Dispute::decide`] checks everything and changes nothing; [`Dispute::apply`] changes and
//! cannot fail, live and on replay alike. One loss is compensated at most once. A dispute is closed only
//! after a finding, and never while money is owed to the payer.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod assessment;
mod dispute;
mod own_device;

pub use assessment::{
    Assessment, BetterMatch, Facts, InWords, Item, PhoneDigits, Side, Travel, TypedDigits, assess,
};
pub use dispute::{
    Command, Compensation, Dispute, Event, FiledBy, Filing, Finding, Outcome, Rejected, Stance, Statement,
};
pub use own_device::OwnDeviceFacts;

#[cfg(test)]
mod tests;
