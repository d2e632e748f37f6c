//! Deciding a batch of commands over loaded rows: all of it or none.

use std::collections::{BTreeMap, BTreeSet};

use types::{Amount, AmountError, Timestamp, TransferId};

use crate::{Account, Balance, BalanceKey, Command, Entry, Hold, HoldState, Rows, Transfer};

/// How many commands one batch may link.
pub const BATCH_MAX: usize = 100;

/// What a batch does to the rows.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Write all of it.
    Applied(Changes),
    /// The same commands are in the books already; write nothing.
    AlreadyApplied,
}

/// What to write, all in the transaction that read the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// New records, one for each command, in the order of the commands.
    pub entries: Vec<Entry>,
    /// Holds that are new or were closed, as they are now.
    pub holds: BTreeMap<TransferId, Hold>,
    /// Balances that changed, as they are now.
    pub balances: BTreeMap<BalanceKey, Balance>,
}

/// Why a batch is not applied. Nothing of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// No command, or more than [`BATCH_MAX`].
    #[error("a batch has 1 to {max} commands", max = BATCH_MAX)]
    BatchSize,
    /// Two commands of the batch have one id.
    #[error("two commands of the batch have the same id")]
    IdRepeated,
    /// Another command has this id.
    #[error("another command with other fields was already applied under this id")]
    IdReused,
    /// Some commands of the batch are in the books, others are not.
    #[error("part of the batch was already applied without the rest")]
    PartlyApplied,
    /// From an account to itself.
    #[error("a transfer needs two different accounts")]
    SameAccount,
    /// Zero or less.
    #[error("a transfer needs a positive amount")]
    NotPositive,
    /// A hold that would be over before it began.
    #[error("a hold must expire in the future")]
    ExpiryPast,
    /// No hold has this id.
    #[error("there is no hold of this id")]
    HoldUnknown,
    /// The hold was posted, voided or expired before.
    #[error("the hold is closed")]
    HoldClosed,
    /// The hold's time has come: it can be given back and not posted.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold's time has not come.
    #[error("the hold has not expired")]
    HoldNotExpired,
    /// More than was held.
    #[error("more than was held cannot be posted")]
    AboveHold,
    /// The account would go below its floor, counting what is held.
    #[error("the account does not hold enough")]
    InsufficientFunds {
        /// Which one.
        account: Account,
    },
    /// The account would go above its ceiling.
    #[error("more than is owed cannot be paid back")]
    AboveCeiling {
        /// Which one.
        account: Account,
    },
    /// A currency is not the hold's, or a balance would not fit.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl Rejected {
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BatchSize => "batch_size",
            Self::IdRepeated => "transfer_id_repeated",
            Self::IdReused => "transfer_id_reused",
            Self::PartlyApplied => "batch_partly_applied",
            Self::SameAccount => "same_account",
            Self::NotPositive => "amount_not_positive",
            Self::ExpiryPast => "hold_expiry_past",
            Self::HoldUnknown => "hold_unknown",
            Self::HoldClosed => "hold_closed",
            Self::HoldExpired => "hold_expired",
            Self::HoldNotExpired => "hold_not_expired",
            Self::AboveHold => "amount_above_hold",
            Self::InsufficientFunds { account: _ } => "insufficient_funds",
            Self::AboveCeiling { account: _ } => "above_ceiling",
            Self::Amount(_) => "amount_out_of_range",
        }
    }
}

/// Decides linked commands, one after the other, over loaded rows: all are applied or none. A single command
/// is a batch of one. Idempotent: a batch that is in the books changes nothing.
///
/// Each command must be lawful by itself at its place: a later one does not make good for an earlier one.
///
/// # Errors
/// One [`Rejected`] per reason. First what concerns ids, for all commands; then the first command that fails.
///
/// # Panics
/// When the rows lack something [`crate::needs`] named or break an invariant of the books. Both are bugs, and
/// money does not move over them.
pub fn apply(rows: &Rows, commands: &[Command], now: Timestamp) -> Result<Outcome, Rejected> {
    if already_applied(rows, commands)? {
        return Ok(Outcome::AlreadyApplied);
    }
    for (key, balance) in &rows.balances {
        assert_lawful(*key, *balance);
    }
    let mut draft = Draft { rows, entries: Vec::new(), holds: BTreeMap::new(), balances: BTreeMap::new() };
    for command in commands {
        let step = draft.decide(command, now)?;
        draft.take(step);
    }
    Ok(Outcome::Applied(draft.finish()))
}

fn already_applied(rows: &Rows, commands: &[Command]) -> Result<bool, Rejected> {
    if commands.is_empty() || commands.len() > BATCH_MAX {
        return Err(Rejected::BatchSize);
    }
    let mut ids = BTreeSet::new();
    if !commands.iter().all(|command| ids.insert(command.id())) {
        return Err(Rejected::IdRepeated);
    }
    let existing: Vec<(&Command, Option<Entry>)> = commands
        .iter()
        .map(|command| (command, *rows.entries.get(&command.id()).expect("the entry was loaded")))
        .collect();
    if existing.iter().any(|(command, entry)| entry.is_some_and(|entry| entry.command() != **command)) {
        return Err(Rejected::IdReused);
    }
    if existing.iter().all(|(_, entry)| entry.is_some()) {
        return Ok(true);
    }
    if existing.iter().any(|(_, entry)| entry.is_some()) {
        return Err(Rejected::PartlyApplied);
    }
    Ok(false)
}

/// The rows with the commands so far applied. Dropped when a command is rejected, so nothing is half done.
struct Draft<'a> {
    rows: &'a Rows,
    entries: Vec<Entry>,
    holds: BTreeMap<TransferId, Hold>,
    balances: BTreeMap<BalanceKey, Balance>,
}

/// What one command does, decided in full.
struct Step {
    entry: Entry,
    hold: Option<Hold>,
    from: (BalanceKey, Balance),
    to: (BalanceKey, Balance),
}

impl Draft<'_> {
    fn decide(&self, command: &Command, now: Timestamp) -> Result<Step, Rejected> {
        match *command {
            Command::Move(transfer) => self.decide_move(transfer),
            Command::Hold { transfer, expires_at } => self.decide_hold(transfer, expires_at, now),
            Command::PostHold { id, hold, amount } => self.decide_post(id, hold, amount, now),
            Command::VoidHold { id, hold } => {
                let open = self.open_hold(hold)?;
                Ok(self.give_back(open, HoldState::Voided { by: id }, Entry::Voided { id, hold }))
            }
            Command::ExpireHold { id, hold } => {
                let open = self.open_hold(hold)?;
                if now < open.expires_at {
                    return Err(Rejected::HoldNotExpired);
                }
                Ok(self.give_back(open, HoldState::Expired { by: id }, Entry::Expired { id, hold }))
            }
        }
    }

    fn decide_move(&self, transfer: Transfer) -> Result<Step, Rejected> {
        check_transfer(&transfer)?;
        let (from, to) = sides(&transfer);
        Ok(Step {
            entry: Entry::Moved(transfer),
            hold: None,
            from: (from, debit(from, self.balance(from), transfer.amount)?),
            to: (to, credit(to, self.balance(to), transfer.amount)?),
        })
    }

    fn decide_hold(
        &self,
        transfer: Transfer,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        check_transfer(&transfer)?;
        if expires_at <= now {
            return Err(Rejected::ExpiryPast);
        }
        let (from, to) = sides(&transfer);
        Ok(Step {
            entry: Entry::Held { transfer, expires_at },
            hold: Some(Hold { transfer, expires_at, state: HoldState::Open }),
            from: (from, set_aside(from, self.balance(from), transfer.amount)?),
            to: (to, self.balance(to)),
        })
    }

    fn decide_post(
        &self,
        id: TransferId,
        hold: TransferId,
        amount: Amount,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        let open = self.open_hold(hold)?;
        if now >= open.expires_at {
            return Err(Rejected::HoldExpired);
        }
        let transfer = Transfer { id, amount, ..open.transfer };
        check_transfer(&transfer)?;
        let rest = open.transfer.amount.checked_sub(amount)?;
        if rest.minor < 0 {
            return Err(Rejected::AboveHold);
        }
        let (from, to) = sides(&transfer);
        let released = release(self.balance(from), open.transfer.amount);
        Ok(Step {
            entry: Entry::Posted { transfer, hold },
            hold: Some(Hold { state: HoldState::Posted { by: id }, ..open }),
            from: (from, debit(from, released, amount)?),
            to: (to, credit(to, self.balance(to), amount)?),
        })
    }

    fn give_back(&self, open: Hold, state: HoldState, entry: Entry) -> Step {
        let (from, to) = sides(&open.transfer);
        Step {
            entry,
            hold: Some(Hold { state, ..open }),
            from: (from, release(self.balance(from), open.transfer.amount)),
            to: (to, self.balance(to)),
        }
    }

    fn open_hold(&self, id: TransferId) -> Result<Hold, Rejected> {
        let loaded = *self.rows.holds.get(&id).expect("the hold was loaded");
        let hold = self.holds.get(&id).copied().or(loaded).ok_or(Rejected::HoldUnknown)?;
        match hold.state {
            HoldState::Open => Ok(hold),
            HoldState::Posted { by: _ } | HoldState::Voided { by: _ } | HoldState::Expired { by: _ } => {
                Err(Rejected::HoldClosed)
            }
        }
    }

    fn balance(&self, key: BalanceKey) -> Balance {
        let loaded = self.rows.balances.get(&key).expect("the balance was loaded");
        *self.balances.get(&key).unwrap_or(loaded)
    }

    fn take(&mut self, step: Step) {
        let Step { entry, hold, from, to } = step;
        for (key, balance) in [from, to] {
            assert_lawful(key, balance);
            self.balances.insert(key, balance);
        }
        if let Some(hold) = hold {
            self.holds.insert(hold.transfer.id, hold);
        }
        self.entries.push(entry);
    }

    fn finish(self) -> Changes {
        let Self { rows, entries, holds, mut balances } = self;
        balances.retain(|key, balance| rows.balances.get(key) != Some(balance));
        assert_debits_equal_credits(rows, &balances);
        Changes { entries, holds, balances }
    }
}

fn check_transfer(transfer: &Transfer) -> Result<(), Rejected> {
    if transfer.from == transfer.to {
        return Err(Rejected::SameAccount);
    }
    if !transfer.amount.is_positive() {
        return Err(Rejected::NotPositive);
    }
    Ok(())
}

const fn sides(transfer: &Transfer) -> (BalanceKey, BalanceKey) {
    let currency = transfer.amount.currency;
    (BalanceKey { account: transfer.from, currency }, BalanceKey { account: transfer.to, currency })
}

fn debit(key: BalanceKey, balance: Balance, amount: Amount) -> Result<Balance, Rejected> {
    let posted_minor = balance.posted_minor.checked_sub(amount.minor).ok_or(AmountError::Overflow)?;
    above_floor(key, Balance { posted_minor, ..balance })
}

fn set_aside(key: BalanceKey, balance: Balance, amount: Amount) -> Result<Balance, Rejected> {
    let held_minor = balance.held_minor.checked_add(amount.minor).ok_or(AmountError::Overflow)?;
    above_floor(key, Balance { held_minor, ..balance })
}

fn above_floor(key: BalanceKey, balance: Balance) -> Result<Balance, Rejected> {
    if balance.available_minor()? < key.account.floor_minor() {
        return Err(Rejected::InsufficientFunds { account: key.account });
    }
    Ok(balance)
}

fn credit(key: BalanceKey, balance: Balance, amount: Amount) -> Result<Balance, Rejected> {
    let posted_minor = balance.posted_minor.checked_add(amount.minor).ok_or(AmountError::Overflow)?;
    if posted_minor > key.account.ceiling_minor() {
        return Err(Rejected::AboveCeiling { account: key.account });
    }
    Ok(Balance { posted_minor, ..balance })
}

fn release(balance: Balance, amount: Amount) -> Balance {
    let held_minor =
        balance.held_minor.checked_sub(amount.minor).expect("what is held is never negative and fits");
    assert!(held_minor >= 0, "an open hold is part of what its account holds back");
    Balance { held_minor, ..balance }
}

fn assert_lawful(key: BalanceKey, balance: Balance) {
    let account = key.account;
    assert!(balance.held_minor >= 0, "{account} holds back less than nothing");
    let available = balance.available_minor().expect("what is available fits");
    assert!(available >= account.floor_minor(), "{account} is below its floor");
    assert!(balance.posted_minor <= account.ceiling_minor(), "{account} is above its ceiling");
}

fn assert_debits_equal_credits(rows: &Rows, changed: &BTreeMap<BalanceKey, Balance>) {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (key, after) in changed {
        let before = rows.balances.get(key).expect("what changed was loaded");
        let change = i128::from(after.posted_minor).saturating_sub(i128::from(before.posted_minor));
        let sum = sums.entry(key.currency.code()).or_default();
        *sum = sum.saturating_add(change);
    }
    for (code, sum) in sums {
        assert!(sum == 0, "debits and credits of {code} differ by {sum} minor units");
    }
}
