//! Together or not at all, whoever else works at the same time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ledger::Account;
use payments::{Payment, State};
use types::{Currency, DisputeId};

use super::books::Numbers;
use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{DisputeRow, OrderState, PaymentRow, Store, is_unavailable};

on_both!(
    a_failed_use_case_leaves_nothing,
    a_panic_leaves_nothing_and_hangs_nobody,
    a_wrong_number_of_rows_is_our_mistake_and_leaves_nothing,
    an_error_that_was_swallowed_does_not_pass_for_success,
    damaged_columns_are_errors_that_name_themselves,
    a_second_row_of_one_key_is_refused_and_says_so,
    of_many_that_fail_and_panic_only_the_good_stay,
    readers_see_one_state,
    of_many_who_decide_about_a_payment_one_wins,
    of_many_who_decide_about_an_order_one_wins,
    of_many_who_refund_under_one_number_one_does,
    of_many_who_change_a_dispute_nobody_is_overwritten,
);

fn a_failed_use_case_leaves_nothing(database: &Database) {
    let store = database.open();
    let failed: Result<()> = store.write(|tx| {
        people(tx)?;
        assert!(tx.apply(&[top_up(1, 1, 500)], at(0))?);
        assert_eq!(tx.entries()?.len(), 1, "it sees its own work");
        bail!("the rest of the use case failed")
    });
    assert_eq!(failed.unwrap_err().to_string(), "the rest of the use case failed");
    read(&store, |tx| {
        assert_eq!((tx.entries()?.len(), tx.balances()?.len(), tx.payer_count()?), (0, 0, 0));
        assert_eq!(tx.merchants()?, []);
        Ok(())
    });
}

fn a_panic_leaves_nothing_and_hangs_nobody(database: &Database) {
    let store = database.open();
    for _ in 0..20 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            write(&store, |tx| -> Result<()> {
                tx.insert_event(&event(1))?;
                panic!("in the middle")
            })
        }));
        assert!(panicked.is_err());
        let panicked =
            catch_unwind(AssertUnwindSafe(|| read(&store, |_| -> Result<()> { panic!("while reading") })));
        assert!(panicked.is_err());
    }
    assert_eq!(read(&store, |tx| tx.events(WORDS)), []);
    write(&store, |tx| tx.insert_event(&event(1))).unwrap();
    assert_eq!(read(&store, |tx| tx.events(WORDS)), [event(1)]);
}

fn a_wrong_number_of_rows_is_our_mistake_and_leaves_nothing(database: &Database) {
    let store = database.open();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        write(&store, |tx| {
            tx.insert_event(&event(1))?;
            tx.set_order_state(order_id(1), OrderState::Paid)?;
            tx.insert_event(&event(2))
        })
    }));
    let said = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(said.starts_with("expected to change one row, changed 0: UPDATE orders"), "{said}");
    assert_eq!(read(&store, |tx| tx.events(WORDS)), []);
}

/// On PostgreSQL nothing of a transaction stays once a statement of it failed; on SQLite the others stay.
fn an_error_that_was_swallowed_does_not_pass_for_success(database: &Database) {
    let store = database.open();
    let written = write(&store, |tx| {
        tx.insert_event(&event(1))?;
        let second = tx.execute("INSERT INTO templates (payer_id) VALUES ('nobody')", &[]);
        assert!(second.is_err());
        Ok(())
    });
    let stays = read(&store, |tx| tx.events(WORDS)).len();
    assert_eq!(stays, usize::from(written.is_ok()), "{written:?}");
    assert!(!written.is_err_and(|error| is_unavailable(&error)));
}

fn damaged_columns_are_errors_that_name_themselves(database: &Database) {
    let store = database.open();
    let order = write(&store, |tx| {
        people(tx)?;
        paid(tx, 1, 1)?;
        tx.execute("UPDATE orders SET currency = 'pebbles'", &[])?;
        tx.order(order_id(1))
    });
    let error = order.unwrap_err();
    assert!(format!("{error:#}").contains("currency"), "{error:#}");
    assert!(!is_unavailable(&error));
}

/// Trying again does not help, so it is not called unavailable.
fn a_second_row_of_one_key_is_refused_and_says_so(database: &Database) {
    let store = database.open();
    write(&store, |tx| tx.insert_event(&event(1))).unwrap();
    let error = write(&store, |tx| tx.insert_event(&event(1))).unwrap_err();
    assert!(!is_unavailable(&error), "{error:#}");
    let said = format!("{error:#}").to_lowercase();
    assert!(said.contains("unique") && said.contains("events"), "{said}");
    // Also when the failure is seen only behind a statement that is new to the connection.
    let error = write(&store, |tx| {
        tx.insert_event(&event(1))?;
        tx.execute("DELETE FROM events WHERE seq = 99", &[])
    });
    assert!(format!("{:#}", error.unwrap_err()).to_lowercase().contains("unique"));
    assert_eq!(read(&store, |tx| tx.events(WORDS)), [event(1)]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Works,
    Fails,
    Panics,
}

/// One write of one yuan, with an end that was chosen before.
fn one_yuan(store: &Store, id: u128, fate: Fate) -> Option<Result<()>> {
    catch_unwind(AssertUnwindSafe(|| {
        write(store, |tx| {
            assert!(tx.apply(&[top_up(id, 1, 1)], at(0))?);
            match fate {
                Fate::Works => Ok(()),
                Fate::Fails => bail!("fails"),
                Fate::Panics => panic!("panics"),
            }
        })
    }))
    .ok()
}

fn of_many_that_fail_and_panic_only_the_good_stay(database: &Database) {
    let store = database.open();
    let good: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u64)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let mut numbers = Numbers(thread);
                    let mut good = 0;
                    for n in 0..40 {
                        let fate = match numbers.below(4) {
                            0 => Fate::Fails,
                            1 => Fate::Panics,
                            _ => Fate::Works,
                        };
                        match (fate, one_yuan(store, u128::from(thread * 100 + n), fate)) {
                            (Fate::Works, Some(Ok(()))) => good += 1,
                            (Fate::Fails, Some(Err(error))) => assert_eq!(error.to_string(), "fails"),
                            (Fate::Panics, None) => {}
                            (fate, answer) => panic!("{fate:?}: {answer:?}"),
                        }
                    }
                    good
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let balance = read(&store, |tx| tx.available(Account::Payer(payer_id(1)), Currency::CNY)).minor;
    assert_eq!(usize::try_from(balance).unwrap(), good);
    assert_eq!(read(&store, |tx| tx.entries()).len(), good);
    assert!(good > 100);
}

/// Everything a read sees is of one moment, also what it reads later.
fn readers_see_one_state(database: &Database) {
    let store = database.open();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..3_u128 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                for n in 0..2_000 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    write(store, |tx| Ok(tx.apply(&[top_up(writer * 10_000 + n, writer, 1)], at(0))?))
                        .unwrap();
                }
            });
        }
        let (mut seen, deadline) = (Vec::new(), Instant::now() + Duration::from_secs(20));
        // Until somebody wrote meanwhile.
        while seen.len() < 40 || (seen.first() == seen.last() && Instant::now() < deadline) {
            seen.push(read(&store, |tx| {
                let entries = tx.entries()?.len();
                let balances = tx.balances()?;
                let outside =
                    balances.values().map(|b| b.posted_minor).filter(|minor| *minor < 0).sum::<i64>();
                assert_eq!(outside, -i64::try_from(entries)?);
                assert_eq!(balances.values().map(|balance| balance.posted_minor).sum::<i64>(), 0);
                assert_eq!(tx.entries()?.len(), entries);
                Ok(entries)
            }));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(seen.first() < seen.last());
    });
}

/// How many of eight threads of two processes win, when each reads a row, decides by it and changes it.
fn winners(database: &Database, decide: impl Fn(&crate::Tx<'_>) -> Result<bool> + Sync) -> usize {
    let stores = [database.open(), database.open()];
    let (won, together) = (AtomicUsize::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for n in 0..8 {
            let (store, won, together, decide) = (&stores[n % 2], &won, &together, &decide);
            scope.spawn(move || {
                read(store, |tx| tx.payer_count());
                together.wait();
                if write(store, |tx| decide(tx)).unwrap() {
                    won.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    won.into_inner()
}

fn of_many_who_decide_about_a_payment_one_wins(database: &Database) {
    write(&database.open(), people).unwrap();
    for n in 1..=4 {
        write(&database.open(), |tx| paid(tx, n, 1)).unwrap();
        let won = winners(database, |tx| {
            let row = tx.payment_of_order(order_id(n))?.unwrap();
            let State::Authorised { expires_at: _ } = row.payment.state else { return Ok(false) };
            let payment = Payment { state: State::Voided { at: at(40) }, ..row.payment };
            tx.update_payment(&PaymentRow { payment, ..row })?;
            Ok(true)
        });
        assert_eq!(won, 1);
    }
}

fn of_many_who_decide_about_an_order_one_wins(database: &Database) {
    write(&database.open(), people).unwrap();
    for n in 1..=4 {
        write(&database.open(), |tx| tx.insert_order(&order(n))).unwrap();
        let won = winners(database, |tx| {
            let row = tx.order_by_number(merchant_id(1), &order(n).out_trade_no)?.unwrap();
            if row.state != OrderState::Open {
                return Ok(false);
            }
            tx.set_order_state(row.id, OrderState::Paid)?;
            Ok(true)
        });
        assert_eq!(won, 1);
    }
}

/// There is no row to be locked yet: the losers meet the unique key, are run again and find the winner's row.
fn of_many_who_refund_under_one_number_one_does(database: &Database) {
    write(&database.open(), |tx| {
        people(tx)?;
        paid(tx, 1, 1)
    })
    .unwrap();
    for n in 1..=4 {
        let won = winners(database, |tx| {
            let row = refund(n, 1);
            if tx.refund_by_number(merchant_id(1), &row.out_refund_no)?.is_some() {
                return Ok(false);
            }
            tx.insert_refund(&row)?;
            Ok(true)
        });
        assert_eq!(won, 1);
    }
    assert_eq!(read(&database.open(), |tx| tx.refunds()).len(), 4);
}

fn of_many_who_change_a_dispute_nobody_is_overwritten(database: &Database) {
    write(&database.open(), |tx| {
        people(tx)?;
        paid(tx, 1, 1)?;
        tx.insert_dispute(&dispute(1, 1))
    })
    .unwrap();
    let id = DisputeId::from_bits(1);
    let won = winners(database, |tx| {
        let row = tx.dispute(id)?.unwrap();
        let mut dispute = row.dispute;
        dispute.gathered += 1;
        tx.update_dispute(&DisputeRow { dispute, version: row.version + 1, ..row })?;
        Ok(true)
    });
    let row = read(&database.open(), |tx| tx.dispute(id)).unwrap();
    assert_eq!((won, row.dispute.gathered, row.version), (8, 8, 9));
}
