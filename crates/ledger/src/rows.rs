//! The rows a decision is made over, and which ones a batch of commands needs.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use types::{AmountError, Currency, TransferId};

use crate::{Account, Command, Entry, Hold};

/// Names one balance. Its order is the order in which rows are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BalanceKey {
    /// Whose.
    pub account: Account,
    /// In which currency.
    pub currency: Currency,
}

impl Ord for BalanceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.account, self.currency.code()).cmp(&(other.account, other.currency.code()))
    }
}

impl PartialOrd for BalanceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A balance in minor units of its key's currency. The default is that of an account never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What was posted, whether or not it is held.
    pub posted_minor: i64,
    /// What open holds from the account have set aside; never negative.
    pub held_minor: i64,
}

impl Balance {
    /// What can be spent: posted less held.
    ///
    /// # Errors
    /// [`AmountError::Overflow`]; no balance in the books comes to that.
    pub fn available_minor(self) -> Result<i64, AmountError> {
        self.posted_minor.checked_sub(self.held_minor).ok_or(AmountError::Overflow)
    }
}

/// What to load for a batch of commands. First the holds, since they tell which accounts they touch.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Commands that may have been applied before.
    pub entries: BTreeSet<TransferId>,
    /// Holds that are to be closed.
    pub holds: BTreeSet<TransferId>,
    balances: BTreeSet<BalanceKey>,
}

/// Tells what [`crate::apply`] will look at.
pub fn needs(commands: &[Command]) -> Needs {
    let mut needs = Needs { entries: BTreeSet::new(), holds: BTreeSet::new(), balances: BTreeSet::new() };
    for command in commands {
        needs.entries.insert(command.id());
        match command {
            Command::Move(transfer) | Command::Hold { transfer, expires_at: _ } => {
                let currency = transfer.amount.currency;
                needs.balances.insert(BalanceKey { account: transfer.from, currency });
                needs.balances.insert(BalanceKey { account: transfer.to, currency });
            }
            Command::PostHold { id: _, hold, amount: _ }
            | Command::VoidHold { id: _, hold }
            | Command::ExpireHold { id: _, hold } => {
                needs.holds.insert(*hold);
            }
        }
    }
    needs
}

impl Needs {
    /// The balances to load once the holds are: those the commands name and those the holds name.
    #[must_use]
    pub fn balances(&self, holds: &BTreeMap<TransferId, Option<Hold>>) -> BTreeSet<BalanceKey> {
        let mut keys = self.balances.clone();
        for hold in holds.values().flatten() {
            let currency = hold.transfer.amount.currency;
            keys.insert(BalanceKey { account: hold.transfer.from, currency });
            keys.insert(BalanceKey { account: hold.transfer.to, currency });
        }
        keys
    }
}

/// The rows loaded for a batch, read in the transaction that will write the result.
///
/// Every key of [`Needs`] is present: a row that does not exist is `None`, or the default [`Balance`].
/// So a row that was forgotten is found at once and not taken for zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Commands applied before.
    pub entries: BTreeMap<TransferId, Option<Entry>>,
    /// Holds by the id of their transfer.
    pub holds: BTreeMap<TransferId, Option<Hold>>,
    /// Balances.
    pub balances: BTreeMap<BalanceKey, Balance>,
}
