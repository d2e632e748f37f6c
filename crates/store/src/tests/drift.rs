//! The watch over the calibration: each payment is looked at once, by one process.

use std::thread;

use serde_json::json;

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{DriftLook, DriftWatchRow, Store};

on_both!(each_payment_is_looked_at_once, what_counted_is_found);

const PAYMENTS: u128 = 60;

fn look(n: u128) -> DriftLook {
    DriftLook { payment: payment_id(n), calibration: "own-1".to_owned(), at: at(i64::try_from(n).unwrap()) }
}

fn paid(store: &Store, payments: u128) {
    write(store, |tx| {
        people(tx)?;
        for n in 1..=payments {
            assert!(tx.insert_order(&order(n))?);
            tx.insert_session(&session(n))?;
            tx.insert_payment(&payment(n, 1 + n % 2))?;
            tx.insert_drift_look(&look(n))?;
        }
        Ok(())
    })
    .unwrap();
}

fn watch(count: u64) -> DriftWatchRow {
    DriftWatchRow {
        calibration: "own-1".to_owned(),
        cohort: "default".to_owned(),
        state: json!({ "count": count }),
        begun_at: at(1),
        alarmed_at: None,
    }
}

/// One transaction of the watch: some payments, each added to the watch's count.
fn round(store: &Store, dies: bool) -> anyhow::Result<usize> {
    write(store, |tx| {
        let looks = tx.drift_looks(at(1_000), 7)?;
        for look in &looks {
            tx.set_drift_counted(look.payment, true)?;
            let row = match tx.drift_watch("own-1", "default")? {
                Some(row) => row,
                None => {
                    tx.insert_drift_watch(&watch(0))?;
                    tx.drift_watch("own-1", "default")?.unwrap()
                }
            };
            tx.update_drift_watch(&watch(row.state["count"].as_u64().unwrap() + 1))?;
        }
        anyhow::ensure!(!dies, "the process dies before it commits");
        Ok(looks.len())
    })
}

/// Several processes look at the same time, and one of them dies again and again.
fn each_payment_is_looked_at_once(database: &Database) {
    paid(&database.open(), PAYMENTS);
    let looked: usize = thread::scope(|scope| {
        let processes = (0..4).map(|process| {
            scope.spawn(move || {
                let (store, mut looked) = (database.open(), 0);
                // A round of which another process took everything meanwhile is empty, and says nothing.
                while !read_waiting(&store) {
                    if process == 0 {
                        assert!(round(&store, true).is_err());
                    }
                    looked += round(&store, false).unwrap();
                }
                looked
            })
        });
        let processes: Vec<_> = processes.collect();
        processes.into_iter().map(|process| process.join().unwrap()).sum()
    });
    assert_eq!(looked as u128, PAYMENTS);
    read(&database.open(), |tx| {
        let rows = tx.drift_watches("own-1")?;
        assert_eq!(rows, [watch(60)]);
        assert_eq!(tx.number("SELECT count(*) AS n FROM drift_looks WHERE counted = 1", &[])?, 60);
        Ok(())
    });
}

fn read_waiting(store: &Store) -> bool {
    let mut done = false;
    read(store, |tx| {
        done = tx.drift_looks(at(1_000), 1)?.is_empty();
        Ok(())
    });
    done
}

fn what_counted_is_found(database: &Database) {
    let store = database.open();
    paid(&store, 4);
    write(&store, |tx| {
        assert_eq!(tx.drift_looks(at(3), 9)?, [look(1), look(2), look(3)], "the fourth is too young");
        tx.set_drift_counted(payment_id(1), true)?;
        tx.set_drift_counted(payment_id(2), false)
    })
    .unwrap();
    // Payments 1 and 3 are of payer 2, payments 2 and 4 of payer 1.
    read(&store, |tx| {
        assert_eq!(tx.drift_looks(at(9), 9)?, [look(3), look(4)]);
        let counted = |payer, calibration, from, to| {
            tx.drift_counted((payer_id(payer), calibration), (at(from), at(to))).unwrap()
        };
        assert!(counted(2, "own-1", 1, 2));
        assert!(!counted(2, "own-1", 2, 9) && !counted(2, "own-1", 0, 1), "not in that time");
        assert!(!counted(1, "own-1", 0, 9), "left out");
        assert!(!counted(2, "own-2", 0, 9), "another calibration");
        Ok(())
    });
    write(&store, |tx| {
        assert!(tx.insert_drift_watch(&watch(1))?);
        assert!(!tx.insert_drift_watch(&watch(2))?, "there is one");
        tx.update_drift_watch(&DriftWatchRow { alarmed_at: Some(at(7)), ..watch(3) })
    })
    .unwrap();
    read(&store, |tx| {
        let alarmed = DriftWatchRow { alarmed_at: Some(at(7)), ..watch(3) };
        assert_eq!(tx.drift_watch("own-1", "default")?, Some(alarmed));
        assert_eq!(tx.drift_watch("own-1", "north")?, None);
        Ok(())
    });
}
