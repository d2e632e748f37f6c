//! The books: accounts and transfers between them. Debits equal credits in every reachable state.
//!
//! Invariants: a transfer moves a positive amount of one currency from one account to another; it is
//! immutable and idempotent by its own id; no account goes below its [`Account::floor_minor`]; so the sum of
//! all balances of a currency is always zero. Everything here is a pure function over loaded rows:
//! whoever calls [`post`] holds the rows and writes what it returns in one database transaction.
//!
//! Sign convention: a balance is what Surety owes the account's owner. [`Account::External`] is the world
//! outside and carries the negative of everything that came in.
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::float_arithmetic)]

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use types::{Amount, AmountError, DisputeId, MerchantId, PayerId, PaymentId, Timestamp, TransferId};

/// An account of the chart. One balance per currency each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Account {
    /// What a payer can spend.
    Payer(PayerId),
    /// What a merchant was paid and has not been settled.
    MerchantPending(MerchantId),
    /// What a merchant has been settled.
    MerchantSettled(MerchantId),
    /// What advance compensation is paid from.
    Reserve,
    /// The world outside: banks, cash desks.
    External,
}

impl Account {
    /// The lowest balance allowed: nobody inside owes money, the outside may.
    #[must_use]
    pub const fn floor_minor(self) -> i64 {
        match self {
            Self::Payer(_) | Self::MerchantPending(_) | Self::MerchantSettled(_) | Self::Reserve => 0,
            Self::External => i64::MIN,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payer(id) => write!(f, "payer:{id}"),
            Self::MerchantPending(id) => write!(f, "merchant-pending:{id}"),
            Self::MerchantSettled(id) => write!(f, "merchant-settled:{id}"),
            Self::Reserve => f.write_str("reserve"),
            Self::External => f.write_str("external"),
        }
    }
}

/// The text names no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no account of the chart")]
pub struct UnknownAccount(String);

impl FromStr for Account {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let unknown = || UnknownAccount(text.to_owned());
        match text.split_once(':') {
            None if text == "reserve" => Ok(Self::Reserve),
            None if text == "external" => Ok(Self::External),
            Some(("payer", id)) => id.parse().map(Self::Payer).or(Err(unknown())),
            Some(("merchant-pending", id)) => id.parse().map(Self::MerchantPending).or(Err(unknown())),
            Some(("merchant-settled", id)) => id.parse().map(Self::MerchantSettled).or(Err(unknown())),
            None | Some(_) => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Account {
    type Error = UnknownAccount;

    fn try_from(text: String) -> Result<Self, UnknownAccount> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// Money came into a payer's account from outside.
    TopUp,
    /// The operator put money into the reserve.
    ReserveFunding,
    /// A payer paid a merchant.
    Payment {
        /// The debit this transfer is.
        payment: PaymentId,
    },
    /// A payment was taken back before settlement.
    Reversal {
        /// The debit that was taken back.
        payment: PaymentId,
    },
    /// The reserve paid a payer in advance.
    Compensation {
        /// The case it was paid for.
        dispute: DisputeId,
    },
    /// A merchant gave back what the reserve had paid.
    Recovery {
        /// The case it was recovered for.
        dispute: DisputeId,
    },
}

/// A movement of money. Never changed once posted; a mistake is mended by another transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The idempotency key: the same id is applied once.
    pub id: TransferId,
    /// Whose balance goes down.
    pub from: Account,
    /// Whose balance goes up.
    pub to: Account,
    /// How much; positive.
    pub amount: Amount,
    /// Why.
    pub purpose: Purpose,
}

/// A transfer as it stands in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedTransfer {
    /// What moved.
    pub transfer: Transfer,
    /// When it was posted.
    pub at: Timestamp,
}

/// The rows a decision about one transfer needs, read in the transaction that will write the result.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// The transfer already posted under the same id, if any.
    pub existing: Option<Transfer>,
    /// Balance of `from` in the transfer's currency.
    pub from_balance: Amount,
    /// Balance of `to` in the transfer's currency.
    pub to_balance: Amount,
}

/// What posting a transfer does to the rows.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// Write these balances and the transfer.
    Applied {
        /// Balance of `from` afterwards.
        from_balance: Amount,
        /// Balance of `to` afterwards.
        to_balance: Amount,
    },
    /// The same transfer is in the books already; write nothing.
    AlreadyApplied,
}

/// Why a transfer is not posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Another transfer has this id.
    #[error("another transfer with other fields was already posted under this id")]
    IdReused,
    /// From an account to itself.
    #[error("a transfer needs two different accounts")]
    SameAccount,
    /// Zero or less.
    #[error("a transfer needs a positive amount")]
    NotPositive,
    /// `from` would go below its floor.
    #[error("the account does not hold enough")]
    InsufficientFunds,
    /// A balance is of another currency, or would not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// Decides one transfer over loaded rows. Idempotent: a transfer that is in the books changes nothing.
///
/// # Errors
/// One [`Rejected`] per reason, in this order: id reused, same account, not positive, currency or overflow,
/// insufficient funds.
pub fn post(rows: &Rows, transfer: &Transfer) -> Result<Posted, Rejected> {
    if let Some(existing) = rows.existing {
        return if existing == *transfer { Ok(Posted::AlreadyApplied) } else { Err(Rejected::IdReused) };
    }
    if transfer.from == transfer.to {
        return Err(Rejected::SameAccount);
    }
    if !transfer.amount.is_positive() {
        return Err(Rejected::NotPositive);
    }
    let from_balance = rows.from_balance.checked_sub(transfer.amount)?;
    let to_balance = rows.to_balance.checked_add(transfer.amount)?;
    if from_balance.minor < transfer.from.floor_minor() {
        return Err(Rejected::InsufficientFunds);
    }
    assert!(from_balance.minor < rows.from_balance.minor, "a debit lowers the balance");
    assert!(to_balance.minor > rows.to_balance.minor, "a credit raises the balance");
    Ok(Posted::Applied { from_balance, to_balance })
}

#[cfg(test)]
mod tests;
