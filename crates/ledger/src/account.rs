//! The chart of accounts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use types::{MerchantId, PayerId};

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
    /// What a merchant owes Surety, as a balance of zero or less: Surety's claim, not the merchant's.
    Receivable(MerchantId),
    /// What advance compensation is paid from.
    Reserve,
    /// What Surety has earned.
    Fees,
    /// The world outside: banks, cash desks.
    External,
}

impl Account {
    /// The lowest balance allowed, what is held counted as gone: only a merchant's debt and the outside are
    /// below zero.
    #[must_use]
    pub const fn floor_minor(self) -> i64 {
        match self {
            Self::Payer(_)
            | Self::MerchantPending(_)
            | Self::MerchantSettled(_)
            | Self::Reserve
            | Self::Fees => 0,
            Self::Receivable(_) | Self::External => i64::MIN,
        }
    }

    /// The highest balance allowed: no merchant pays back more than it owes.
    #[must_use]
    pub const fn ceiling_minor(self) -> i64 {
        match self {
            Self::Payer(_)
            | Self::MerchantPending(_)
            | Self::MerchantSettled(_)
            | Self::Reserve
            | Self::Fees
            | Self::External => i64::MAX,
            Self::Receivable(_) => 0,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payer(id) => write!(f, "payer:{id}"),
            Self::MerchantPending(id) => write!(f, "merchant-pending:{id}"),
            Self::MerchantSettled(id) => write!(f, "merchant-settled:{id}"),
            Self::Receivable(id) => write!(f, "receivable:{id}"),
            Self::Reserve => f.write_str("reserve"),
            Self::Fees => f.write_str("fees"),
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
            None if text == "fees" => Ok(Self::Fees),
            None if text == "external" => Ok(Self::External),
            Some(("payer", id)) => id.parse().map(Self::Payer).or(Err(unknown())),
            Some(("merchant-pending", id)) => id.parse().map(Self::MerchantPending).or(Err(unknown())),
            Some(("merchant-settled", id)) => id.parse().map(Self::MerchantSettled).or(Err(unknown())),
            Some(("receivable", id)) => id.parse().map(Self::Receivable).or(Err(unknown())),
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
