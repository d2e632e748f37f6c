//! The books by themselves: balances, entries, limits, compensations.

use std::collections::BTreeMap;

use disputes::Compensation;
use ledger::{Account, Balance, BalanceKey, Entry, Purpose, Transfer};
use types::{DisputeId, TransferId};

use super::{Books, CheckResult};

/// What the entries alone say: every movement, and every hold that nothing closed.
pub(super) fn balances_follow_from_entries(books: &Books) -> CheckResult {
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

pub(super) fn currencies_sum_to_zero(books: &Books) -> CheckResult {
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

pub(super) fn nobody_is_out_of_bounds(books: &Books) -> CheckResult {
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

pub(super) fn compensations_agree_with_disputes(books: &Books) -> CheckResult {
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
            | Compensation::AwaitingApproval { amount: _, since: _, by: _ }
            | Compensation::NotDue { at: _ } => movement.is_none(),
        };
        if !agrees {
            faults.push(format!("{} and its compensation disagree", filing.id));
        }
    }
    faults.extend(paid.keys().map(|id| format!("{id} was compensated but is no dispute")));
    CheckResult { name: "each loss is compensated at most once", checked: books.disputes.len(), faults }
}
