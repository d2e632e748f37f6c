//! `surety verify`: proves the books, the debits, the disputes and the decisions from nothing but the records.

use std::collections::BTreeMap;

use anyhow::Result;
use identity::Calibration;
use ledger::{Balance, BalanceKey, Entry};
use store::{BillLineRow, DecisionRow, DisputeRow, Objects, PaymentRow, RefundRow, SettlementRow, Store};

mod books;
mod decisions;
mod erasures;
mod payments;

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// What was checked.
    pub name: &'static str,
    /// How many things were looked at.
    pub checked: usize,
    /// What does not agree; empty when all does.
    pub faults: Vec<String>,
}

struct Books {
    balances: BTreeMap<BalanceKey, Balance>,
    entries: Vec<Entry>,
    payments: Vec<PaymentRow>,
    refunds: Vec<RefundRow>,
    bill_lines: Vec<BillLineRow>,
    settlements: Vec<SettlementRow>,
    disputes: Vec<DisputeRow>,
    decisions: Vec<DecisionRow>,
}

/// Runs every check on one consistent state of the database, and looks for the pictures of erased captures where they
/// lay. Decisions are replayed with the calibration that they name, out of `calibrations`.
///
/// # Errors
/// The database or the folder cannot be read, or a row is damaged beyond reading.
pub fn verify(
    store: &Store,
    captures: Option<&Objects>,
    calibrations: &[Calibration],
) -> Result<Vec<CheckResult>> {
    store.read(|tx| {
        let rows = Books {
            balances: tx.balances()?,
            entries: tx.entries()?.into_iter().map(|(entry, _at)| entry).collect(),
            payments: tx.payments()?,
            refunds: tx.refunds()?,
            bill_lines: tx.all_bill_lines()?,
            settlements: tx.settlements()?,
            disputes: tx.disputes()?,
            decisions: tx.all_decisions()?,
        };
        let moved = payments::Moved::of(&rows.entries);
        Ok(vec![
            books::balances_follow_from_entries(&rows),
            books::currencies_sum_to_zero(&rows),
            books::nobody_is_out_of_bounds(&rows),
            payments::every_debit_has_its_transfer(&rows, &moved),
            payments::what_went_back_agrees(&rows, &moved),
            payments::pending_money_is_unsettled_payments(&rows),
            payments::settlements_agree(&rows),
            payments::bills_agree(&rows),
            payments::orders_agree_with_debits(tx, &rows)?,
            payments::everybody_is_told(tx, &rows)?,
            books::compensations_agree_with_disputes(&rows),
            decisions::every_debit_was_approved(tx, &rows)?,
            decisions::decisions_replay(tx, &rows, calibrations)?,
            erasures::nothing_erased_exists(tx, captures)?,
            erasures::no_face_without_consent(tx, &rows)?,
        ])
    })
}
