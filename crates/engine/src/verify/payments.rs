//! The payments against the books: each has exactly the movements its state says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use ledger::{Account, Entry, Purpose, Transfer};
use payments::{Payment, State, fee};
use store::{BillLineKind, OrderState, SettlementState, Tx};
use types::{DisputeId, PaymentId, RefundId, SettlementId, TransferId};

use super::{Books, CheckResult};

/// What the books say about payments, by purpose.
#[derive(Default)]
pub(super) struct Moved<'a> {
    paid: BTreeMap<PaymentId, Vec<&'a Transfer>>,
    reversed: BTreeMap<PaymentId, i64>,
    refunded: BTreeMap<RefundId, i64>,
    recovered: BTreeMap<DisputeId, i64>,
    held: BTreeMap<TransferId, &'a Transfer>,
    closed: BTreeSet<TransferId>,
}

impl<'a> Moved<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let mut moved = Self::default();
        for entry in entries {
            match entry {
                Entry::Held { transfer, expires_at: _ } => {
                    moved.held.insert(transfer.id, transfer);
                }
                Entry::Posted { transfer: _, hold }
                | Entry::Voided { id: _, hold }
                | Entry::Expired { id: _, hold } => {
                    moved.closed.insert(*hold);
                }
                Entry::Moved(_) => {}
            }
            let Some(transfer) = entry.moved() else { continue };
            let minor = transfer.amount.minor;
            match transfer.purpose {
                Purpose::Payment { payment } => moved.paid.entry(payment).or_default().push(transfer),
                Purpose::Reversal { payment } => *moved.reversed.entry(payment).or_default() += minor,
                Purpose::Refund { refund } => *moved.refunded.entry(refund).or_default() += minor,
                Purpose::Recovery { dispute } => *moved.recovered.entry(dispute).or_default() += minor,
                Purpose::TopUp
                | Purpose::ReserveFunding
                | Purpose::Compensation { dispute: _ }
                | Purpose::Settlement { settlement: _ }
                | Purpose::Fee { settlement: _ }
                | Purpose::DebtRepayment { settlement: _ }
                | Purpose::Payout { settlement: _ } => {}
            }
        }
        moved
    }

    /// The hold of a payment as its state wants it. Before there were holds the debit itself stands in its place.
    fn hold_agrees(&self, payment: &Payment) -> bool {
        let terms = &payment.terms;
        let open = matches!(payment.state, State::Authorised { expires_at: _ });
        match self.held.get(&terms.hold) {
            Some(held) => {
                held.amount == terms.authorised
                    && held.from == Account::Payer(terms.payer)
                    && self.closed.contains(&terms.hold) != open
            }
            None => self.paid.get(&terms.id).is_some_and(|paid| paid.iter().any(|t| t.id == terms.hold)),
        }
    }

    fn capture_agrees(&self, payment: &Payment) -> bool {
        let terms = &payment.terms;
        let paid = self.paid.get(&terms.id).map_or(&[][..], Vec::as_slice);
        let of = |transfer: &Transfer, minor: i64| {
            transfer.amount.minor == minor
                && transfer.amount.currency == terms.authorised.currency
                && transfer.from == Account::Payer(terms.payer)
                && transfer.to == Account::MerchantPending(terms.merchant)
        };
        let back = self.reversed.get(&terms.id).copied();
        match (&payment.state, paid) {
            (
                State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ },
                [transfer],
            ) => transfer.id == captured.transfer && of(transfer, captured.amount.minor) && back.is_none(),
            (State::Reversed { at: _, captured: Some(amount) }, [transfer]) => {
                of(transfer, amount.minor) && back == Some(amount.minor)
            }
            (
                State::Authorised { expires_at: _ }
                | State::Voided { at: _ }
                | State::Expired { at: _ }
                | State::Reversed { at: _, captured: None },
                [],
            ) => back.is_none(),
            (_, _) => false,
        }
    }
}

pub(super) fn every_debit_has_its_transfer(books: &Books, moved: &Moved<'_>) -> CheckResult {
    let mut faults = Vec::new();
    let mut known = BTreeSet::new();
    for row in &books.payments {
        let id = row.terms().id;
        known.insert(id);
        if !moved.capture_agrees(&row.payment) {
            faults.push(format!("{id} has no transfer of its own amount, payer and merchant"));
        }
        if !moved.hold_agrees(&row.payment) {
            faults.push(format!("{id} and what is set aside for it disagree"));
        }
    }
    let strangers = moved.paid.keys().chain(moved.reversed.keys()).filter(|id| !known.contains(id));
    faults.extend(strangers.map(|id| format!("{id} moved money but is no payment")));
    CheckResult { name: "every debit has its transfer", checked: books.payments.len(), faults }
}

/// Refunds and recoveries: their own rows, the payments' sums and the books say the same.
pub(super) fn what_went_back_agrees(books: &Books, moved: &Moved<'_>) -> CheckResult {
    let (mut moved_back, mut moved_to_reserve) = (moved.refunded.clone(), moved.recovered.clone());
    let mut refunded: BTreeMap<PaymentId, i64> = BTreeMap::new();
    let mut recovered: BTreeMap<PaymentId, i64> = BTreeMap::new();
    let mut faults = Vec::new();
    for refund in &books.refunds {
        *refunded.entry(refund.payment).or_default() += refund.amount.minor;
        if moved_back.remove(&refund.id) != Some(refund.amount.minor) {
            faults.push(format!("{} and the money it moved disagree", refund.id));
        }
    }
    for row in &books.disputes {
        if let Some(minor) = moved_to_reserve.remove(&row.dispute.filing.id) {
            *recovered.entry(row.dispute.filing.payment).or_default() += minor;
        }
    }
    for row in &books.payments {
        let id = row.terms().id;
        let sums = row.payment.captured().map_or((0, 0), |c| (c.refunded.minor, c.recovered.minor));
        let found = (refunded.remove(&id).unwrap_or_default(), recovered.remove(&id).unwrap_or_default());
        if sums != found {
            faults.push(format!("{id}: {sums:?} went back, but refunds and recoveries say {found:?}"));
        }
    }
    faults.extend(moved_back.keys().map(|id| format!("{id} moved money but is no refund")));
    faults.extend(moved_to_reserve.keys().map(|id| format!("{id} was recovered for but is no dispute")));
    CheckResult { name: "what went back agrees", checked: books.refunds.len(), faults }
}

/// A merchant's pending money is what its captured payments have left, to the last minor unit.
pub(super) fn pending_money_is_unsettled_payments(books: &Books) -> CheckResult {
    let mut left: BTreeMap<(String, &str), i64> = BTreeMap::new();
    for row in &books.payments {
        if let State::Captured { captured } = &row.payment.state {
            let net = captured.net();
            let account = Account::MerchantPending(row.terms().merchant).to_string();
            *left.entry((account, net.currency.code())).or_default() += net.minor;
        }
    }
    let mut faults = Vec::new();
    let mut checked = 0;
    for (key, balance) in &books.balances {
        if let Account::MerchantPending(_) = key.account {
            checked += 1;
            let payments = left.remove(&(key.account.to_string(), key.currency.code())).unwrap_or_default();
            if payments != balance.posted_minor {
                faults.push(format!(
                    "{} {}: {} is pending, the payments say {payments}",
                    key.account, key.currency, balance.posted_minor
                ));
            }
        }
    }
    let unseen = left.iter().filter(|(_, minor)| **minor != 0);
    faults.extend(unseen.map(|((account, _), minor)| format!("{account} has no balance for {minor}")));
    CheckResult { name: "pending money is unsettled payments", checked, faults }
}

/// Each settlement moved what it says, holds as many payments as it says, and was paid out at most once.
pub(super) fn settlements_agree(books: &Books) -> CheckResult {
    let mut moved: BTreeMap<SettlementId, [i64; 4]> = BTreeMap::new();
    for transfer in books.entries.iter().filter_map(Entry::moved) {
        let (settlement, part) = match transfer.purpose {
            Purpose::Fee { settlement } => (settlement, 0),
            Purpose::DebtRepayment { settlement } => (settlement, 1),
            Purpose::Settlement { settlement } => (settlement, 2),
            Purpose::Payout { settlement } => (settlement, 3),
            Purpose::TopUp
            | Purpose::ReserveFunding
            | Purpose::Payment { payment: _ }
            | Purpose::Reversal { payment: _ }
            | Purpose::Refund { refund: _ }
            | Purpose::Compensation { dispute: _ }
            | Purpose::Recovery { dispute: _ } => continue,
        };
        moved.entry(settlement).or_default()[part] += transfer.amount.minor;
    }
    let mut counts: BTreeMap<SettlementId, u32> = BTreeMap::new();
    for row in &books.payments {
        if let State::Settled { captured: _, settlement, settled_at: _ } = &row.payment.state {
            *counts.entry(*settlement).or_default() += 1;
        }
    }
    let mut faults = Vec::new();
    for row in &books.settlements {
        let [fees, repaid, settled, paid_out] = moved.remove(&row.id).unwrap_or_default();
        let sums = fees == row.fee_minor && repaid == row.repaid_minor && settled == row.settled_minor;
        let whole = row.net_minor == row.fee_minor + row.repaid_minor + row.settled_minor;
        let was_paid_out = matches!(row.state, SettlementState::PaidOut { at: _, transfer: _ });
        let payout = (paid_out > 0) == was_paid_out && paid_out <= row.settled_minor;
        let count = counts.remove(&row.id).unwrap_or_default() == row.payments;
        if !(sums && whole && payout && count) {
            faults.push(format!("{} and the money it moved disagree", row.id));
        }
    }
    faults.extend(moved.keys().map(|id| format!("{id} moved money but is no settlement")));
    CheckResult { name: "settlements agree with the books", checked: books.settlements.len(), faults }
}

/// The bills' lines say of each payment what became of it, and what the fee for what is left is.
pub(super) fn bills_agree(books: &Books) -> CheckResult {
    #[derive(Default, PartialEq, Debug)]
    struct Said {
        paid: i64,
        refunded: i64,
        reversed: i64,
        recovered: i64,
        fee: i64,
    }
    let mut said: BTreeMap<PaymentId, Said> = BTreeMap::new();
    for line in &books.bill_lines {
        let one = said.entry(line.payment).or_default();
        one.fee += line.fee_minor;
        match line.kind {
            BillLineKind::Payment => one.paid += line.amount.minor,
            BillLineKind::Refund => one.refunded += line.amount.minor,
            BillLineKind::Reversal => one.reversed += line.amount.minor,
            BillLineKind::Recovery => one.recovered += line.amount.minor,
        }
    }
    let mut faults = Vec::new();
    for row in &books.payments {
        let payment = &row.payment;
        let found = said.remove(&row.terms().id).unwrap_or_default();
        let should = match (&payment.state, payment.captured()) {
            (_, Some(captured)) => Said {
                paid: captured.amount.minor,
                refunded: captured.refunded.minor,
                reversed: 0,
                recovered: captured.recovered.minor,
                fee: fee(captured.net(), row.terms().fee_bps).minor,
            },
            (State::Reversed { at: _, captured: Some(amount) }, None) => {
                Said { paid: amount.minor, reversed: amount.minor, ..Said::default() }
            }
            (_, None) => Said::default(),
        };
        if found != should {
            faults.push(format!("{}: billed {found:?}, but it is {should:?}", row.terms().id));
        }
    }
    faults.extend(said.keys().map(|id| format!("{id} is billed but is no payment")));
    CheckResult { name: "bills agree with payments", checked: books.bill_lines.len(), faults }
}

pub(super) fn orders_agree_with_debits(tx: &Tx<'_>, books: &Books) -> Result<CheckResult> {
    let mut faults = Vec::new();
    let mut orders = BTreeSet::new();
    for payment in &books.payments {
        if !orders.insert(payment.terms().order) {
            faults.push(format!("{} was paid twice", payment.terms().order));
        }
        let order = tx
            .order(payment.terms().order)?
            .with_context(|| format!("{} has vanished", payment.terms().order))?;
        // An order whose authorisation ended by itself may have been taken back afterwards.
        let agrees = match payment.payment.state {
            State::Authorised { expires_at: _ }
            | State::Captured { captured: _ }
            | State::Settled { captured: _, settlement: _, settled_at: _ } => order.state == OrderState::Paid,
            State::Reversed { at: _, captured: _ } => order.state == OrderState::Reversed,
            State::Voided { at: _ } | State::Expired { at: _ } => order.state != OrderState::Open,
        };
        let same = order.amount == payment.terms().authorised && order.terminal == payment.terminal;
        if !agrees || !same {
            faults.push(format!("{} and {} disagree", payment.terms().id, payment.terms().order));
        }
    }
    Ok(CheckResult { name: "one order is paid at most once", checked: books.payments.len(), faults })
}

/// Whoever had to hear of a payment has it in the inbox or the outbox.
pub(super) fn everybody_is_told(tx: &Tx<'_>, books: &Books) -> Result<CheckResult> {
    let untold = tx.payments_untold()?;
    let mut faults: Vec<String> = untold.iter().map(|id| format!("the payer was not told of {id}")).collect();
    let sent: BTreeSet<_> = tx.delivery_ids()?.into_iter().collect();
    let announced = tx.announced_deliveries()?;
    let lost = announced.iter().filter(|id| !sent.contains(id));
    faults.extend(lost.map(|id| format!("{id} was announced and is not in the outbox")));
    let checked = books.payments.len() + announced.len();
    Ok(CheckResult { name: "everybody is told", checked, faults })
}
