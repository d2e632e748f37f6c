//! The ledger's rows: balances, and the entries of which everything else follows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use ledger::{
    Account, Balance, BalanceKey, Command, Entry, Hold, HoldState, Outcome, Rejected, Rows, Transfer, apply,
    needs,
};
use types::{Amount, Currency, Timestamp, TransferId};

use crate::Tx;
use crate::value::{Row, Value, json, text};

/// A command that was not applied: a rule of the ledger, or a database that fails.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The ledger refuses.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The database fails.
    #[error(transparent)]
    Operating(#[from] anyhow::Error),
}

impl Tx<'_> {
    /// What an account can spend in a currency: posted less held; zero for one that was never used. In a write
    /// transaction nobody else changes it before the end.
    ///
    /// # Errors
    /// The database fails, or the books are damaged.
    pub fn available(&self, account: Account, currency: Currency) -> Result<Amount> {
        let key = BalanceKey { account, currency };
        spendable(key, self.balance(key)?)
    }

    /// What an account can spend in every currency it was used in.
    ///
    /// # Errors
    /// As [`Tx::available`].
    pub fn available_each(&self, account: Account) -> Result<Vec<Amount>> {
        self.all("SELECT * FROM balances WHERE account = ?1 ORDER BY currency", &[text(account)], |row| {
            spendable(read_key(row)?, read_balance(row)?)
        })
    }

    fn balance(&self, key: BalanceKey) -> Result<Balance> {
        let found = self.first_locked(
            "SELECT posted, held FROM balances WHERE account = ?1 AND currency = ?2",
            &[text(key.account), text(key.currency)],
            read_balance,
        )?;
        Ok(found.unwrap_or_default())
    }

    /// Every balance.
    ///
    /// # Errors
    /// The database fails.
    pub fn balances(&self) -> Result<BTreeMap<BalanceKey, Balance>> {
        let all = self.all("SELECT * FROM balances", &[], |row| Ok((read_key(row)?, read_balance(row)?)))?;
        Ok(all.into_iter().collect())
    }

    /// Moves money, or finds it moved already; `true` when it was moved now.
    ///
    /// # Errors
    /// As [`Tx::apply`].
    pub fn post(&self, transfer: &Transfer, now: Timestamp) -> Result<bool, PostError> {
        self.apply(&[Command::Move(*transfer)], now)
    }

    /// Applies linked commands, all or none, or finds them applied already; `true` when they were applied now.
    ///
    /// # Errors
    /// [`PostError::Rejected`] as the ledger says, [`PostError::Operating`] when the database fails.
    pub fn apply(&self, commands: &[Command], now: Timestamp) -> Result<bool, PostError> {
        let needs = needs(commands);
        let mut rows = Rows::default();
        let begun = |id: &TransferId| {
            let begins = |command: &Command| matches!(command, Command::Hold { transfer, expires_at: _ } if transfer.id == *id);
            commands.iter().any(begins)
        };
        if needs.holds.iter().all(begun) {
            // No hold is known yet, so all the rest is.
            for id in &needs.holds {
                rows.holds.insert(*id, None);
                self.ahead(|tx| tx.hold(*id));
            }
            for (code, keys) in by_currency(&needs.balances(&rows.holds)) {
                self.ahead(|tx| tx.load_balances(code, &keys));
            }
            self.ahead(|tx| tx.entries_of(&needs.entries));
        }
        for id in &needs.holds {
            rows.holds.insert(*id, self.hold(*id)?);
        }
        rows.balances = self.lock_balances(&needs.balances(&rows.holds))?;
        rows.entries = self.entries_of(&needs.entries)?;
        let Outcome::Applied(changes) = apply(&rows, commands, now)? else { return Ok(false) };
        for entry in &changes.entries {
            self.insert_entry(entry, now)?;
        }
        for (key, balance) in &changes.balances {
            self.write_balance(*key, *balance)?;
        }
        Ok(true)
    }

    /// The balances of these keys, locked in one order by everybody: by currency, then by account.
    fn lock_balances(&self, keys: &BTreeSet<BalanceKey>) -> Result<BTreeMap<BalanceKey, Balance>> {
        let mut found = BTreeMap::new();
        for (code, keys) in by_currency(keys) {
            let mut rows = self.load_balances(code, &keys)?;
            if rows.len() < keys.len() {
                // What was read meanwhile was read before these were locked.
                self.forget_ahead()?;
                // A row that is not there cannot be locked: two first payments would each start from zero.
                for key in &keys {
                    self.execute(
                        "INSERT INTO balances (account, currency, posted, held) VALUES (?1, ?2, 0, 0)
                         ON CONFLICT (account, currency) DO NOTHING",
                        &[text(key.account), text(key.currency)],
                    )?;
                }
                rows = self.load_balances(code, &keys)?;
            }
            found.extend(rows);
        }
        Ok(found)
    }

    /// Those of these balances of one currency that are there, locked.
    fn load_balances(&self, code: &str, keys: &[BalanceKey]) -> Result<Vec<(BalanceKey, Balance)>> {
        let sql = format!(
            "SELECT * FROM balances WHERE currency = ?1 AND account IN ({}) ORDER BY account",
            placeholders(2, keys.len())
        );
        let values: Vec<Value> =
            std::iter::once(code.into()).chain(keys.iter().map(|key| text(key.account))).collect();
        self.all_locked(&sql, &values, |row| Ok((read_key(row)?, read_balance(row)?)))
    }

    /// The entries under these ids; `None` for an id that is not in the books.
    fn entries_of(&self, ids: &BTreeSet<TransferId>) -> Result<BTreeMap<TransferId, Option<Entry>>> {
        let sql = format!("SELECT * FROM entries WHERE id IN ({})", placeholders(1, ids.len()));
        let values: Vec<Value> = ids.iter().map(text).collect();
        let found = self.all(&sql, &values, |row| Ok((row.parse("id")?, read_entry(row)?)))?;
        let mut entries: BTreeMap<TransferId, Option<Entry>> = ids.iter().map(|id| (*id, None)).collect();
        entries.extend(found.into_iter().map(|(id, entry)| (id, Some(entry))));
        Ok(entries)
    }

    fn write_balance(&self, key: BalanceKey, balance: Balance) -> Result<()> {
        self.execute_one(
            "UPDATE balances SET posted = ?3, held = ?4 WHERE account = ?1 AND currency = ?2",
            &[text(key.account), text(key.currency), balance.posted_minor.into(), balance.held_minor.into()],
        )
    }

    fn insert_entry(&self, entry: &Entry, now: Timestamp) -> Result<()> {
        let (kind, id, hold, expires_at) = match entry {
            Entry::Moved(transfer) => ("moved", transfer.id, None, None),
            Entry::Held { transfer, expires_at } => ("held", transfer.id, None, Some(*expires_at)),
            Entry::Posted { transfer, hold } => ("posted", transfer.id, Some(*hold), None),
            Entry::Voided { id, hold } => ("voided", *id, Some(*hold), None),
            Entry::Expired { id, hold } => ("expired", *id, Some(*hold), None),
        };
        let movement = match entry {
            Entry::Moved(transfer)
            | Entry::Held { transfer, expires_at: _ }
            | Entry::Posted { transfer, hold: _ } => [
                text(transfer.from),
                text(transfer.to),
                transfer.amount.minor.into(),
                text(transfer.amount.currency),
                json(&transfer.purpose)?,
            ],
            Entry::Voided { id: _, hold: _ } | Entry::Expired { id: _, hold: _ } => {
                [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]
            }
        };
        let [from, to, minor, currency, purpose] = movement;
        self.execute_one(
            "INSERT INTO entries (id, kind, hold_id, from_account, to_account, minor, currency, purpose, expires_at, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                text(id),
                kind.into(),
                hold.map_or(Value::Null, text),
                from,
                to,
                minor,
                currency,
                purpose,
                expires_at.into(),
                now.into(),
            ],
        )
    }

    /// The entry under an id, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn entry(&self, id: TransferId) -> Result<Option<Entry>> {
        self.first("SELECT * FROM entries WHERE id = ?1", &[text(id)], read_entry)
    }

    /// Every entry with its time, in the order they were written.
    ///
    /// # Errors
    /// The database fails.
    pub fn entries(&self) -> Result<Vec<(Entry, Timestamp)>> {
        self.all("SELECT * FROM entries ORDER BY seq", &[], |row| Ok((read_entry(row)?, row.time("at")?)))
    }

    /// A hold and what became of it: its own entry, and the one that closed it.
    fn hold(&self, id: TransferId) -> Result<Option<Hold>> {
        let own = self.first_locked("SELECT * FROM entries WHERE id = ?1", &[text(id)], read_entry)?;
        let Some(Entry::Held { transfer, expires_at }) = own else { return Ok(None) };
        let closing = self.first("SELECT * FROM entries WHERE hold_id = ?1", &[text(id)], read_entry)?;
        let state = match closing {
            None => HoldState::Open,
            Some(Entry::Posted { transfer, hold: _ }) => HoldState::Posted { by: transfer.id },
            Some(Entry::Voided { id, hold: _ }) => HoldState::Voided { by: id },
            Some(Entry::Expired { id, hold: _ }) => HoldState::Expired { by: id },
            Some(Entry::Moved(_) | Entry::Held { transfer: _, expires_at: _ }) => {
                bail!("{id} is closed by an entry that closes nothing")
            }
        };
        Ok(Some(Hold { transfer, expires_at, state }))
    }

    /// Open holds whose time has come, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn overdue_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<TransferId>> {
        self.all(
            "SELECT id FROM entries e WHERE kind = 'held' AND expires_at <= ?1
               AND NOT EXISTS (SELECT 1 FROM entries c WHERE c.hold_id = e.id)
             ORDER BY expires_at, seq LIMIT ?2",
            &[now.into(), limit.into()],
            |row| row.parse("id"),
        )
    }
}

/// By the currency's code, in order.
fn by_currency(keys: &BTreeSet<BalanceKey>) -> BTreeMap<&'static str, Vec<BalanceKey>> {
    let mut accounts: BTreeMap<&str, Vec<BalanceKey>> = BTreeMap::new();
    for key in keys {
        accounts.entry(key.currency.code()).or_default().push(*key);
    }
    accounts
}

/// `?first, ?first+1, ...`, as many as `count`.
fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ")
}

fn spendable(key: BalanceKey, balance: Balance) -> Result<Amount> {
    let minor = balance.available_minor();
    let minor = minor.with_context(|| format!("the balance of {} is damaged", key.account))?;
    Ok(Amount::new(minor, key.currency))
}

fn read_key(row: &Row<'_>) -> Result<BalanceKey> {
    Ok(BalanceKey { account: row.parse("account")?, currency: row.parse("currency")? })
}

fn read_balance(row: &Row<'_>) -> Result<Balance> {
    Ok(Balance { posted_minor: row.integer("posted")?, held_minor: row.integer("held")? })
}

fn read_entry(row: &Row<'_>) -> Result<Entry> {
    let id = row.parse("id")?;
    let transfer = || -> Result<Transfer> {
        Ok(Transfer {
            id,
            from: row.parse("from_account")?,
            to: row.parse("to_account")?,
            amount: row.amount()?,
            purpose: row.json("purpose")?,
        })
    };
    Ok(match row.string("kind")?.as_str() {
        "moved" => Entry::Moved(transfer()?),
        "held" => Entry::Held { transfer: transfer()?, expires_at: row.time("expires_at")? },
        "posted" => Entry::Posted { transfer: transfer()?, hold: row.parse("hold_id")? },
        "voided" => Entry::Voided { id, hold: row.parse("hold_id")? },
        "expired" => Entry::Expired { id, hold: row.parse("hold_id")? },
        other => bail!("column kind is damaged: {other:?}"),
    })
}
