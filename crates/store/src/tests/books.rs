//! The ledger's rows, and money that many move at once.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use ledger::{Account, Balance, BalanceKey, Command, Entry, Rejected, Transfer};
use types::{Amount, Currency, MerchantId, Timestamp, TransferId};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{PostError, Store};

on_both!(
    the_books_survive_reopening,
    holds_are_kept_closed_once_and_found_when_overdue,
    the_tables_are_a_second_line,
    money_moved_by_many_is_neither_lost_nor_made,
    a_transfer_posted_by_many_is_applied_once,
    a_hold_closed_by_many_is_closed_once,
    the_first_use_of_an_account_by_many_loses_nothing,
);

fn account(n: u128) -> Account {
    Account::Payer(payer_id(n))
}

fn apply(store: &Store, commands: &[Command], now: Timestamp) -> Result<bool, PostError> {
    store.write(|tx| tx.apply(commands, now))
}

fn the_books_survive_reopening(database: &Database) {
    let store = database.open();
    let hold = transfer(2, account(1), Account::MerchantPending(merchant_id(1)), 300);
    let commands = [top_up(1, 1, 500), Command::Hold { transfer: hold, expires_at: at(60) }];
    let posted = [Command::PostHold { id: transfer_id(3), hold: transfer_id(2), amount: yuan(100) }];
    let closed = [
        Command::Hold { transfer: Transfer { id: transfer_id(4), ..hold }, expires_at: at(60) },
        Command::VoidHold { id: transfer_id(5), hold: transfer_id(4) },
    ];
    for (applied, second) in [(true, 1), (false, 2)] {
        for commands in [&commands[..], &posted, &closed] {
            assert_eq!(apply(&store, commands, at(second)).unwrap(), applied);
        }
        write(&store, |tx| {
            let top_up = transfer(6, Account::External, account(2), 7);
            assert_eq!(tx.post(&top_up, at(second))?, applied);
            Ok(())
        })
        .unwrap();
    }
    let again = Command::Move(transfer(1, Account::External, account(1), 501));
    assert!(matches!(apply(&store, &[again], at(3)), Err(PostError::Rejected(Rejected::IdReused))));
    drop(store);
    let store = database.open();
    let held = |n| Entry::Held { transfer: Transfer { id: transfer_id(n), ..hold }, expires_at: at(60) };
    let expected = [
        Entry::Moved(transfer(1, Account::External, account(1), 500)),
        held(2),
        Entry::Posted {
            transfer: Transfer { amount: yuan(100), id: transfer_id(3), ..hold },
            hold: transfer_id(2),
        },
        held(4),
        Entry::Voided { id: transfer_id(5), hold: transfer_id(4) },
        Entry::Moved(transfer(6, Account::External, account(2), 7)),
    ];
    read(&store, |tx| {
        assert_eq!(tx.entries()?, expected.map(|entry| (entry, at(1))));
        assert_eq!(tx.entry(transfer_id(2))?, Some(held(2)));
        assert_eq!(tx.entry(transfer_id(9))?, None);
        let posted: Vec<i64> = tx.balances()?.values().map(|balance| balance.posted_minor).collect();
        assert_eq!(posted, [400, 7, 100, -507]);
        assert_eq!(tx.available(account(1), Currency::CNY)?, yuan(400));
        assert_eq!(tx.available(account(1), Currency::EUR)?, Amount::zero(Currency::EUR));
        Ok(())
    });
}

/// A hold from the payer to the reserve, its parts and ends, through the database and back.
fn holds_are_kept_closed_once_and_found_when_overdue(database: &Database) {
    let store = database.open();
    let (now, later) = (at(0), at(60));
    let id = transfer_id;
    let hold = |n: u128, minor| {
        let transfer = transfer(n, account(1), Account::Reserve, minor);
        Command::Hold { transfer, expires_at: later }
    };
    let available = || read(&store, |tx| tx.available(account(1), Currency::CNY)).minor;
    let overdue = |at| -> Vec<TransferId> { read(&store, |tx| tx.overdue_holds(at, 10)) };
    let first = [top_up(1, 1, 500), hold(2, 300), hold(3, 150)];
    assert!(apply(&store, &first, now).unwrap());
    assert!(!apply(&store, &first, now).unwrap(), "applied already");
    assert_eq!(available(), 50);
    let too_much = apply(&store, &[hold(4, 51)], now);
    assert!(
        matches!(too_much, Err(PostError::Rejected(Rejected::InsufficientFunds { account: short })) if short == account(1))
    );
    let post = Command::PostHold { id: id(5), hold: id(2), amount: yuan(100) };
    assert!(apply(&store, &[post], now).unwrap());
    assert_eq!(available(), 250);
    let again = apply(&store, &[Command::VoidHold { id: id(6), hold: id(2) }], now);
    assert!(matches!(again, Err(PostError::Rejected(Rejected::HoldClosed))));
    assert_eq!(overdue(now), []);
    assert_eq!(overdue(later), [id(3)]);
    assert_eq!(read(&store, |tx| tx.overdue_holds(later, 0)), []);
    assert!(apply(&store, &[Command::ExpireHold { id: id(7), hold: id(3) }], later).unwrap());
    assert_eq!((overdue(later), available()), (vec![], 400));
}

/// What the ledger forbids, the tables forbid as well.
fn the_tables_are_a_second_line(database: &Database) {
    let store = database.open();
    let insert = |sql: &str| write(&store, |tx| tx.execute(sql, &[]));
    let columns = "INSERT INTO entries (id, kind, hold_id, from_account, to_account, minor, currency, purpose, expires_at, at)";
    for right in [
        "('h', 'held', NULL, 'a', 'b', 5, 'CNY', '{}', 9, 1)",
        "('v', 'voided', 'h', NULL, NULL, NULL, NULL, NULL, NULL, 1)",
    ] {
        assert_eq!(insert(&format!("{columns} VALUES {right}")).unwrap(), 1);
    }
    for wrong in [
        "('w', 'voided', 'h', NULL, NULL, NULL, NULL, NULL, NULL, 1)",
        "('x', 'voided', 'nothing', NULL, NULL, NULL, NULL, NULL, NULL, 1)",
        "('y', 'moved', NULL, 'a', 'a', 5, 'CNY', '{}', NULL, 1)",
        "('z', 'moved', NULL, 'a', 'b', 0, 'CNY', '{}', NULL, 1)",
        "('h', 'moved', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
        "('i', 'held', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
        "('j', 'stolen', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
    ] {
        let error = insert(&format!("{columns} VALUES {wrong}")).unwrap_err();
        assert!(!crate::is_unavailable(&error), "{wrong}: trying again is no help: {error:#}");
    }
    assert!(
        insert("INSERT INTO balances (account, currency, posted, held) VALUES ('a', 'CNY', 0, -1)").is_err()
    );
}

/// A sequence of numbers that only looks random, the same in every run.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The balances that follow from the entries.
fn replay(entries: &[(Entry, Timestamp)]) -> BTreeMap<BalanceKey, Balance> {
    let mut balances: BTreeMap<BalanceKey, Balance> = BTreeMap::new();
    let mut holds: BTreeMap<TransferId, Transfer> = BTreeMap::new();
    let key = |account| BalanceKey { account, currency: Currency::CNY };
    for (entry, _) in entries {
        let (moved, closed) = match entry {
            Entry::Moved(transfer) => (Some(*transfer), None),
            Entry::Held { transfer, expires_at: _ } => {
                holds.insert(transfer.id, *transfer);
                balances.entry(key(transfer.to)).or_default();
                balances.entry(key(transfer.from)).or_default().held_minor += transfer.amount.minor;
                (None, None)
            }
            Entry::Posted { transfer, hold } => (Some(*transfer), Some(*hold)),
            Entry::Voided { id: _, hold } | Entry::Expired { id: _, hold } => (None, Some(*hold)),
        };
        if let Some(transfer) = moved {
            balances.entry(key(transfer.from)).or_default().posted_minor -= transfer.amount.minor;
            balances.entry(key(transfer.to)).or_default().posted_minor += transfer.amount.minor;
        }
        if let Some(hold) = closed.and_then(|hold| holds.remove(&hold)) {
            balances.entry(key(hold.from)).or_default().held_minor -= hold.amount.minor;
        }
    }
    balances
}

/// One thread's commands: moves both ways between ten accounts, singly and linked, and holds begun and ended.
fn move_at_random(store: &Store, thread: u64) -> usize {
    let (mut numbers, mut open, mut applied) = (Numbers(thread), Vec::new(), 0);
    for n in 0..30 {
        let id = transfer_id(1_000_000 + u128::from(thread) * 1_000 + n * 3);
        let second = transfer_id(id.to_bits() + 1);
        let from = numbers.below(10);
        let to = (from + 1 + numbers.below(9)) % 10;
        let minor = i64::try_from(1 + numbers.below(60)).unwrap();
        let (from, to) = (account(from.into()), account(to.into()));
        let there = Transfer { id, from, to, ..transfer(0, from, to, minor) };
        let back = Transfer { id: second, from: to, to: from, ..there };
        let commands = match (numbers.below(4), open.pop()) {
            (0, None | Some(_)) => vec![Command::Move(there), Command::Move(back)],
            (1, Some(hold)) => vec![Command::PostHold { id, hold, amount: yuan(1) }],
            (2, Some(hold)) => vec![Command::VoidHold { id, hold }, Command::Move(back)],
            (1 | 2, None) => vec![Command::Hold { transfer: there, expires_at: at(60) }],
            (_, None | Some(_)) => vec![Command::Move(there)],
        };
        match apply(store, &commands, at(0)) {
            Ok(now) => {
                assert!(now, "no id is used twice");
                applied += commands.len();
                open.extend(
                    commands
                        .iter()
                        .filter(|c| matches!(c, Command::Hold { transfer: _, expires_at: _ }))
                        .map(Command::id),
                );
            }
            Err(PostError::Rejected(Rejected::InsufficientFunds { account: _ })) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    applied
}

fn money_moved_by_many_is_neither_lost_nor_made(database: &Database) {
    // On PostgreSQL two of them, as two processes.
    let first = database.open();
    let second = matches!(database, Database::Postgres(_)).then(|| database.open());
    let stores = [&first, second.as_ref().unwrap_or(&first)];
    let funds: Vec<Command> = (0..10).map(|n| top_up(n, n, 200)).collect();
    assert!(apply(&first, &funds, at(0)).unwrap());
    let applied: usize = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..16_usize).map(|n| scope.spawn(move || move_at_random(stores[n % 2], n as u64))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    read(&first, |tx| {
        let (entries, balances) = (tx.entries()?, tx.balances()?);
        assert_eq!(entries.len(), applied + 10);
        assert!(entries.len() > 300, "most are applied: {}", entries.len());
        assert!(entries.iter().any(|(entry, _)| matches!(entry, Entry::Posted { transfer: _, hold: _ })));
        assert_eq!(replay(&entries), balances);
        assert_eq!(balances.values().map(|balance| balance.posted_minor).sum::<i64>(), 0);
        assert!(balances.iter().all(
            |(key, balance)| key.account == Account::External || balance.available_minor().unwrap() >= 0
        ));
        Ok(())
    });
}

/// What 16 threads of two processes are told when they do the same at once.
fn told_to_16<T: Send>(database: &Database, work: impl Fn(&Store, u128) -> T + Sync) -> Vec<T> {
    let first = database.open();
    let second = matches!(database, Database::Postgres(_)).then(|| database.open());
    let stores = [&first, second.as_ref().unwrap_or(&first)];
    let together = Barrier::new(16);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..16_usize)
            .map(|n| {
                let (together, work) = (&together, &work);
                scope.spawn(move || {
                    // So that each has its connection before it counts.
                    read(stores[n % 2], |tx| tx.payer_count());
                    together.wait();
                    work(stores[n % 2], n as u128)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn a_transfer_posted_by_many_is_applied_once(database: &Database) {
    for n in 1..=5 {
        let told = told_to_16(database, |store, _| apply(store, &[top_up(n, 1, 5)], at(0)).unwrap());
        assert_eq!(told.iter().filter(|applied| **applied).count(), 1);
    }
    let store = database.open();
    assert_eq!(read(&store, |tx| tx.available(account(1), Currency::CNY)), yuan(25));
    assert_eq!(read(&store, |tx| tx.entries()).len(), 5);
}

fn a_hold_closed_by_many_is_closed_once(database: &Database) {
    let pending = Account::MerchantPending(MerchantId::from_bits(1));
    let hold = Command::Hold { transfer: transfer(2, account(1), pending, 100), expires_at: at(60) };
    assert!(apply(&database.open(), &[top_up(1, 1, 100), hold], at(0)).unwrap());
    let told = told_to_16(database, |store, n| {
        let (id, hold) = (transfer_id(10 + n), transfer_id(2));
        let close = match n % 2 {
            0 => Command::PostHold { id, hold, amount: yuan(100) },
            _ => Command::VoidHold { id, hold },
        };
        match apply(store, &[close], at(0)) {
            Ok(applied) => applied,
            Err(PostError::Rejected(Rejected::HoldClosed)) => false,
            Err(error) => panic!("{error:?}"),
        }
    });
    assert_eq!(told.iter().filter(|closed| **closed).count(), 1);
    let store = database.open();
    read(&store, |tx| {
        assert_eq!(replay(&tx.entries()?), tx.balances()?);
        Ok(())
    });
}

fn the_first_use_of_an_account_by_many_loses_nothing(database: &Database) {
    for payer in 1..=5 {
        told_to_16(database, |store, n| {
            assert!(apply(store, &[top_up(payer * 100 + n, payer, 1)], at(0)).unwrap());
        });
        assert_eq!(read(&database.open(), |tx| tx.available(account(payer), Currency::CNY)), yuan(16));
    }
}
