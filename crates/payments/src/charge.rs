//! Who bears what: fees, returns of money, and the parts of a settlement.

use serde::{Deserialize, Serialize};
use types::Amount;

/// A fee in basis points is a part of this: 10,000 is the whole.
pub const BPS_WHOLE: u32 = 10_000;

/// Where the money of a refund or a recovery comes from. The three parts are never negative and their sum is
/// the money that goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// From the merchant's pending money.
    pub pending: Amount,
    /// From the merchant's settled money or, where that is not enough, a debt of the merchant:
    /// [`split_settled`] says which.
    pub settled_or_receivable: Amount,
    /// From the operator's fees: the fee follows the money back.
    pub fees: Amount,
}

impl Charge {
    /// All of it from pending money.
    pub(crate) const fn pending(amount: Amount) -> Self {
        let none = Amount::zero(amount.currency);
        Self { pending: amount, settled_or_receivable: none, fees: none }
    }

    /// Returned after settlement: the fee falls with the net amount, the merchant bears the rest.
    pub(crate) fn settled(amount: Amount, net_before: Amount, bps: u32) -> Self {
        let net_after = minus(net_before, amount);
        let fees = minus(fee(net_before, bps), fee(net_after, bps));
        Self { pending: Amount::zero(amount.currency), settled_or_receivable: minus(amount, fees), fees }
    }
}

/// The merchant's fee for `net`: `bps` hundredths of a percent, half a minor unit rounded up. Nothing for
/// nothing, and never more than `net`; basis points above [`BPS_WHOLE`] count as the whole.
#[must_use]
pub fn fee(net: Amount, bps: u32) -> Amount {
    let whole = i128::from(BPS_WHOLE);
    let share = i128::from(net.minor.max(0)).checked_mul(i128::from(bps.min(BPS_WHOLE)));
    let rounded = share.and_then(|share| share.checked_add(whole.checked_div(2)?)?.checked_div(whole));
    let minor = rounded.and_then(|minor| i64::try_from(minor).ok());
    Amount::new(minor.expect("a part of 64 bits fits 64 bits"), net.currency)
}

/// How `wanted` is borne by a settled balance of which `available` can be spent: what comes from there, and
/// what becomes a debt (receivable). A balance below zero gives nothing.
///
/// # Panics
/// When the currencies differ or `wanted` is negative: a bug of the caller.
#[must_use]
pub fn split_settled(available: Amount, wanted: Amount) -> (Amount, Amount) {
    assert!(wanted.minor >= 0, "nobody is charged a negative amount");
    assert!(available.currency == wanted.currency, "a balance bears only its own currency");
    let from_settled = Amount::new(available.minor.clamp(0, wanted.minor), wanted.currency);
    (from_settled, minus(wanted, from_settled))
}

/// Where a settlement's pending money goes. The sum is the net total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementSplit {
    /// To the operator's fees.
    pub fees: Amount,
    /// Repays what the merchant owes (receivable).
    pub repaid_debt: Amount,
    /// To the merchant's settled money.
    pub to_settled: Amount,
}

/// Splits a settlement of `net_total`: fees first, then what the merchant owes, the rest is the merchant's.
///
/// # Panics
/// When the currencies differ, an amount is negative, or the fees exceed the net total: a bug of the caller.
#[must_use]
pub fn settle_split(net_total: Amount, fee_total: Amount, owed: Amount) -> SettlementSplit {
    assert!(fee_total.minor >= 0, "a settlement's fee is not negative");
    assert!(fee_total.minor <= net_total.minor, "a settlement's fee is a part of it");
    assert!(owed.minor >= 0, "a debt is given as a positive amount");
    let after_fees = minus(net_total, fee_total);
    let (repaid_debt, _still_owed) = split_settled(after_fees, owed);
    SettlementSplit { fees: fee_total, repaid_debt, to_settled: minus(after_fees, repaid_debt) }
}

/// The difference of two amounts of one payment or one settlement.
pub(crate) fn minus(from: Amount, amount: Amount) -> Amount {
    from.checked_sub(amount).expect("both are of one currency and neither is negative")
}
