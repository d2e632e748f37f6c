#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

mod model;
mod properties;
mod transcripts;

use std::collections::BTreeMap;

use types::{Amount, Currency, MerchantId, PayerId, Timestamp, TransferId};

use super::*;

/// Books in memory, as a store keeps them: it loads what [`needs`] names and not a row more.
#[derive(Default, Clone, PartialEq, Debug)]
struct Books {
    entries: BTreeMap<TransferId, Entry>,
    holds: BTreeMap<TransferId, Hold>,
    balances: BTreeMap<BalanceKey, Balance>,
}

impl Books {
    fn load(&self, commands: &[Command]) -> Rows {
        let needs = needs(commands);
        let holds = needs.holds.iter().map(|id| (*id, self.holds.get(id).copied())).collect();
        Rows {
            balances: needs.balances(&holds).into_iter().map(|key| (key, self.balance(key))).collect(),
            entries: needs.entries.iter().map(|id| (*id, self.entries.get(id).copied())).collect(),
            holds,
        }
    }

    fn balance(&self, key: BalanceKey) -> Balance {
        self.balances.get(&key).copied().unwrap_or_default()
    }

    fn apply(&mut self, commands: &[Command], now: Timestamp) -> Result<Outcome, Rejected> {
        let outcome = apply(&self.load(commands), commands, now)?;
        if let Outcome::Applied(changes) = &outcome {
            self.balances.extend(&changes.balances);
            self.holds.extend(&changes.holds);
            self.entries.extend(changes.entries.iter().map(|entry| (entry.command().id(), *entry)));
        }
        Ok(outcome)
    }
}

fn id(bits: u128) -> TransferId {
    TransferId::from_bits(bits)
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

/// Two of each kind of account with an owner.
const ACCOUNTS: [(&str, Account); 11] = [
    ("external", Account::External),
    ("reserve", Account::Reserve),
    ("fees", Account::Fees),
    ("anna", Account::Payer(PayerId::from_bits(1))),
    ("ben", Account::Payer(PayerId::from_bits(2))),
    ("shop", Account::MerchantPending(MerchantId::from_bits(1))),
    ("cafe", Account::MerchantPending(MerchantId::from_bits(2))),
    ("shop-settled", Account::MerchantSettled(MerchantId::from_bits(1))),
    ("cafe-settled", Account::MerchantSettled(MerchantId::from_bits(2))),
    ("shop-owes", Account::Receivable(MerchantId::from_bits(1))),
    ("cafe-owes", Account::Receivable(MerchantId::from_bits(2))),
];

fn transfer(bits: u128, from: Account, to: Account, amount: Amount) -> Transfer {
    Transfer { id: id(bits), from, to, amount, purpose: Purpose::TopUp }
}

#[test]
fn accounts_round_trip_as_text() {
    for (_, account) in ACCOUNTS {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    for wrong in ["", "payer", "payer:", "payer:mer_00", "reserve:1", "external:", "receivable", "fees:"] {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
}

#[test]
#[should_panic(expected = "the balance was loaded")]
fn a_row_that_was_not_loaded_is_not_zero() {
    let yuan = Amount::new(1, Currency::CNY);
    let command = Command::Move(transfer(1, Account::External, Account::Reserve, yuan));
    let mut rows = Books::default().load(&[command]);
    rows.balances.pop_first();
    let _outcome = apply(&rows, &[command], second(0));
}

#[test]
#[should_panic(expected = "reserve is below its floor")]
fn damaged_rows_stop_everything() {
    let yuan = Amount::new(1, Currency::CNY);
    let command = Command::Move(transfer(1, Account::External, Account::Reserve, yuan));
    let mut rows = Books::default().load(&[command]);
    let reserve = BalanceKey { account: Account::Reserve, currency: Currency::CNY };
    rows.balances.insert(reserve, Balance { posted_minor: 5, held_minor: 6 });
    let _outcome = apply(&rows, &[command], second(0));
}
