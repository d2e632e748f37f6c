//! `surety verify`: proves the books, the debits, the disputes and the decisions from nothing but the records.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use disputes::Compensation;
use identity::{Calibration, posterior};
use ledger::{Account, Balance, BalanceKey, Entry, Purpose, Transfer};
use risk::{Case, Policy, Verdict};
use store::{DecisionRow, DisputeRow, OrderState, PaymentRow, PaymentState, Store, Tx};
use types::{DisputeId, PaymentId, TransferId};

use crate::recognise::Recognition;

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
    disputes: Vec<DisputeRow>,
    decisions: Vec<DecisionRow>,
}

/// Runs every check on one consistent state of the database.
///
/// # Errors
/// The database cannot be read, or a row is damaged beyond reading.
pub fn verify(store: &Store, calibration: &Calibration) -> Result<Vec<CheckResult>> {
    store.read(|tx| {
        let books = Books {
            balances: tx.balances()?,
            entries: tx.entries()?.into_iter().map(|(entry, _at)| entry).collect(),
            payments: tx.payments()?,
            disputes: tx.disputes()?,
            decisions: tx.all_decisions()?,
        };
        Ok(vec![
            balances_follow_from_entries(&books),
            currencies_sum_to_zero(&books),
            nobody_is_out_of_bounds(&books),
            every_debit_has_its_transfer(&books),
            orders_agree_with_debits(tx, &books)?,
            compensations_agree_with_disputes(&books),
            every_debit_was_approved(&books)?,
            decisions_replay(tx, &books, calibration)?,
        ])
    })
}

/// What the entries alone say: every movement, and every hold that nothing closed.
fn balances_follow_from_entries(books: &Books) -> CheckResult {
    let mut sums: BTreeMap<BalanceKey, (i128, i128)> = BTreeMap::new();
    let mut open: BTreeMap<TransferId, &Transfer> = BTreeMap::new();
    for entry in &books.entries {
        match entry {
            Entry::Held { transfer, expires_at: _ } => {
                open.insert(transfer.id, transfer);
            }
            Entry::Posted { transfer: _, hold }
            | Entry::Voided { id: _, hold }
            | Entry::Expired { id: _, hold } => {
                open.remove(hold);
            }
            Entry::Moved(_) => {}
        }
        if let Some(transfer) = entry.moved() {
            let (minor, currency) = (i128::from(transfer.amount.minor), transfer.amount.currency);
            sums.entry(BalanceKey { account: transfer.from, currency }).or_default().0 -= minor;
            sums.entry(BalanceKey { account: transfer.to, currency }).or_default().0 += minor;
        }
    }
    for transfer in open.values() {
        let key = BalanceKey { account: transfer.from, currency: transfer.amount.currency };
        sums.entry(key).or_default().1 += i128::from(transfer.amount.minor);
    }
    let mut faults = Vec::new();
    for (key, balance) in &books.balances {
        let (posted, held) = sums.remove(key).unwrap_or_default();
        if (i128::from(balance.posted_minor), i128::from(balance.held_minor)) != (posted, held) {
            let BalanceKey { account, currency } = key;
            faults
                .push(format!("{account} {currency}: {balance:?}, but the entries say {posted} and {held}"));
        }
    }
    let missing = sums.iter().filter(|(_, sum)| **sum != (0, 0));
    faults.extend(
        missing.map(|(key, sum)| format!("{} {}: no balance for {sum:?}", key.account, key.currency)),
    );
    CheckResult { name: "balances follow from entries", checked: books.entries.len(), faults }
}

fn currencies_sum_to_zero(books: &Books) -> CheckResult {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (key, balance) in &books.balances {
        *sums.entry(key.currency.code()).or_default() += i128::from(balance.posted_minor);
    }
    let faults = sums
        .iter()
        .filter(|(_, sum)| **sum != 0)
        .map(|(code, sum)| format!("{code} sums to {sum}"))
        .collect();
    CheckResult { name: "debits equal credits", checked: books.balances.len(), faults }
}

fn nobody_is_out_of_bounds(books: &Books) -> CheckResult {
    let outside = |(key, balance): &(&BalanceKey, &Balance)| {
        let account = key.account;
        balance.available_minor().map_or(true, |available| available < account.floor_minor())
            || balance.posted_minor > account.ceiling_minor()
            || balance.held_minor < 0
    };
    let fault =
        |(key, balance): (&BalanceKey, &Balance)| format!("{} {}: {balance:?}", key.account, key.currency);
    let faults = books.balances.iter().filter(outside).map(fault).collect();
    CheckResult { name: "nobody is below the floor", checked: books.balances.len(), faults }
}

fn every_debit_has_its_transfer(books: &Books) -> CheckResult {
    let mut paid: BTreeMap<PaymentId, &Transfer> = BTreeMap::new();
    let mut reversed: BTreeSet<PaymentId> = BTreeSet::new();
    let mut faults = Vec::new();
    for posted in books.entries.iter().filter_map(Entry::moved) {
        match posted.purpose {
            Purpose::Payment { payment } => {
                if paid.insert(payment, posted).is_some() {
                    faults.push(format!("{payment} was debited twice"));
                }
            }
            Purpose::Reversal { payment } => {
                if !reversed.insert(payment) {
                    faults.push(format!("{payment} was given back twice"));
                }
            }
            Purpose::TopUp
            | Purpose::ReserveFunding
            | Purpose::Compensation { dispute: _ }
            | Purpose::Recovery { dispute: _ } => {}
        }
    }
    for payment in &books.payments {
        let agrees = paid.remove(&payment.id).is_some_and(|posted| {
            posted.id == payment.transfer
                && posted.amount == payment.amount
                && posted.from == Account::Payer(payment.payer)
                && posted.to == Account::MerchantPending(payment.merchant)
        });
        if !agrees {
            faults.push(format!("{} has no transfer of its own amount, payer and merchant", payment.id));
        }
        if reversed.remove(&payment.id) != (payment.state == PaymentState::Reversed) {
            faults.push(format!("{} and the money given back disagree", payment.id));
        }
    }
    faults.extend(paid.keys().chain(&reversed).map(|id| format!("{id} moved money but is no payment")));
    CheckResult { name: "every debit has its transfer", checked: books.payments.len(), faults }
}

fn orders_agree_with_debits(tx: &Tx<'_>, books: &Books) -> Result<CheckResult> {
    let mut faults = Vec::new();
    let mut orders = BTreeSet::new();
    for payment in &books.payments {
        if !orders.insert(payment.order) {
            faults.push(format!("{} was paid twice", payment.order));
        }
        let order = tx.order(payment.order)?.with_context(|| format!("{} has vanished", payment.order))?;
        let state = match payment.state {
            PaymentState::Pending => OrderState::Paid,
            PaymentState::Reversed => OrderState::Reversed,
        };
        if order.state != state || order.amount != payment.amount || order.terminal != payment.terminal {
            faults.push(format!("{} and {} disagree", payment.id, payment.order));
        }
    }
    Ok(CheckResult { name: "one order is paid at most once", checked: books.payments.len(), faults })
}

fn compensations_agree_with_disputes(books: &Books) -> CheckResult {
    let mut paid: BTreeMap<DisputeId, &Transfer> = BTreeMap::new();
    let mut faults = Vec::new();
    for posted in books.entries.iter().filter_map(Entry::moved) {
        if let Purpose::Compensation { dispute } = posted.purpose
            && paid.insert(dispute, posted).is_some()
        {
            faults.push(format!("{dispute} was compensated twice"));
        }
    }
    for row in &books.disputes {
        let filing = &row.dispute.filing;
        let movement = paid.remove(&filing.id);
        let agrees = match row.dispute.compensation {
            Compensation::Paid { amount, transfer, at: _ } => movement.is_some_and(|posted| {
                posted.id == transfer
                    && posted.amount == amount
                    && posted.to == Account::Payer(filing.payer)
                    && amount == filing.amount
            }),
            Compensation::Undecided
            | Compensation::AwaitingApproval { amount: _, since: _ }
            | Compensation::NotDue { at: _ } => movement.is_none(),
        };
        if !agrees {
            faults.push(format!("{} and its compensation disagree", filing.id));
        }
    }
    faults.extend(paid.keys().map(|id| format!("{id} was compensated but is no dispute")));
    CheckResult { name: "each loss is compensated at most once", checked: books.disputes.len(), faults }
}

fn every_debit_was_approved(books: &Books) -> Result<CheckResult> {
    let mut approved = BTreeSet::new();
    for decision in &books.decisions {
        let verdict: Verdict =
            serde_json::from_value(decision.verdict.clone()).context("reading a verdict")?;
        if let Verdict::Approve { p_wrong: _, reasons: _ } = verdict {
            approved.insert(decision.session);
        }
    }
    let unapproved = books.payments.iter().filter(|payment| !approved.contains(&payment.session));
    let faults =
        unapproved.map(|payment| format!("{} was debited without an approval", payment.id)).collect();
    Ok(CheckResult { name: "every debit was approved", checked: books.payments.len(), faults })
}

/// Every decision, made again from what was recorded, gives the same posterior and the same verdict.
fn decisions_replay(tx: &Tx<'_>, books: &Books, calibration: &Calibration) -> Result<CheckResult> {
    let mut faults = Vec::new();
    for decision in &books.decisions {
        let at = format!("decision {} of {}", decision.seq, decision.session);
        let text = tx.policy(decision.policy)?.with_context(|| format!("the policy of {at} has vanished"))?;
        let policy = Policy::parse(&text).with_context(|| format!("the policy of {at}"))?;
        let case: Case =
            serde_json::from_value(decision.case.clone()).with_context(|| format!("reading {at}"))?;
        let verdict: Verdict =
            serde_json::from_value(decision.verdict.clone()).with_context(|| format!("reading {at}"))?;
        if risk::decide(&policy, &case) != verdict {
            faults.push(format!("{at}: another verdict"));
        }
        let recognition: Recognition =
            serde_json::from_value(decision.recognition.clone()).with_context(|| format!("reading {at}"))?;
        if recognition.face() != case.face {
            faults.push(format!("{at}: the verdict saw another face"));
        }
        if decision.calibration != calibration.provenance().id {
            faults.push(format!(
                "{at}: made under calibration {}, which is not this one",
                decision.calibration
            ));
        } else if let Recognition::Posterior(by_face) = &recognition
            && posterior(calibration, &by_face.input).context("replaying a posterior")? != by_face.certainty
        {
            faults.push(format!("{at}: another certainty"));
        }
    }
    Ok(CheckResult { name: "decisions replay", checked: books.decisions.len(), faults })
}
