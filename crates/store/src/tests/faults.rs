//! What the database cannot do now is told apart from what is somebody's mistake, and leaves nothing.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use pgserver::PgServer;

use super::fixture::*;
use super::{Database, binaries, read, write};
use crate::{EventRow, Objects, Store, is_unavailable};

fn numbered(n: u128) -> EventRow {
    EventRow { subject: "fault".to_owned(), ..event(n) }
}

fn kept(store: &Store) -> Vec<u128> {
    read(store, |tx| tx.events("fault")).iter().map(|event| event.id.to_bits()).collect()
}

#[test]
fn a_server_that_was_killed_is_used_again_after_its_restart() {
    let server = RefCell::new(PgServer::start(&binaries()).unwrap());
    let store = Store::connect(&server.borrow().url()).unwrap();
    // Several idle connections, all of which the server will have forgotten.
    let together = Barrier::new(6);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                read(&store, |tx| {
                    tx.payer_count()?;
                    together.wait();
                    Ok(())
                });
            });
        }
    });
    write(&store, |tx| tx.insert_event(&numbered(1))).unwrap();

    server.borrow_mut().kill().unwrap();
    let asked = store.read(|tx| tx.payer_count()).unwrap_err();
    assert!(is_unavailable(&asked), "{asked:#}");
    let written = write(&store, |tx| tx.insert_event(&numbered(2))).unwrap_err();
    assert!(is_unavailable(&written), "{written:#}");
    server.borrow_mut().restart().unwrap();
    write(&store, |tx| tx.insert_event(&numbered(3))).expect("no idle connection is taken for a live one");

    for n in 4..7 {
        let mut runs = 0;
        let died: Result<()> = store.write(|tx| {
            runs += 1;
            tx.insert_event(&numbered(n))?;
            assert_eq!(tx.events("fault")?.len(), usize::try_from(n)? - 1);
            tx.insert_event(&numbered(100 + n))?;
            server.borrow_mut().kill()?;
            match n {
                // Noticed by a read, by a write, by the commit.
                4 => tx.events("fault").map(drop),
                5 => tx.reverse_number(merchant_id(1), WORDS, at(0)).map(drop),
                _ => Ok(()),
            }
        });
        assert!(is_unavailable(&died.unwrap_err()));
        assert_eq!(runs, 1, "what may have been committed is not run again");
        server.borrow_mut().restart().unwrap();
        assert_eq!(kept(&store).len(), usize::try_from(n).unwrap() - 2, "nothing half written");
        write(&store, |tx| tx.insert_event(&numbered(n))).unwrap();
    }
    assert_eq!(kept(&store), [1, 3, 4, 5, 6]);
}

/// PostgreSQL ends one of two that wait for each other; the store runs it again.
#[test]
fn a_deadlock_is_run_again() {
    let database = Database::postgres();
    let stores = [database.open(), database.open()];
    write(&stores[0], |tx| {
        people(tx)?;
        for n in [1, 2] {
            assert!(tx.insert_order(&order(n))?);
        }
        Ok(())
    })
    .unwrap();
    let (runs, both) = (AtomicUsize::new(0), Barrier::new(2));
    thread::scope(|scope| {
        for (store, rows) in stores.iter().zip([[1, 2], [2, 1]]) {
            let (runs, both) = (&runs, &both);
            scope.spawn(move || {
                write(store, |tx| {
                    let run = runs.fetch_add(1, Ordering::SeqCst);
                    let first = tx.order(order_id(rows[0]))?.unwrap();
                    if run < 2 {
                        both.wait();
                    }
                    let second = tx.order(order_id(rows[1]))?.unwrap();
                    // Each adds to what it reads, so that a lost run shows.
                    for row in [first, second] {
                        let text = format!("{}{}", row.description, rows[0]);
                        let values = [crate::value::text(row.id), text.as_str().into()];
                        tx.execute("UPDATE orders SET description = ?2 WHERE id = ?1", &values)?;
                    }
                    tx.insert_event(&numbered(rows[0]))
                })
                .unwrap();
            });
        }
    });
    // Rarely more than one: who is run again may be there before the other one is woken.
    assert!(runs.into_inner() >= 3);
    let mut ends: Vec<String> = [1, 2]
        .map(|n| read(&stores[0], |tx| tx.order(order_id(n))).unwrap().description.replace(WORDS, ""))
        .to_vec();
    ends.dedup();
    assert!(ends == ["12"] || ends == ["21"], "{ends:?}");
    assert_eq!(kept(&stores[0]).len(), 2);
}

#[test]
fn what_takes_too_long_is_ended() {
    let database = Database::postgres();
    let store = database.open();
    let slow = |setting: &str, sql: &str| {
        write(&store, |tx| {
            tx.insert_event(&numbered(1))?;
            tx.execute(setting, &[])?;
            tx.execute(sql, &[])
        })
        .unwrap_err()
    };
    let error = slow("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(20)");
    assert!(is_unavailable(&error), "{error:#}");

    write(&store, |tx| {
        people(tx)?;
        assert!(tx.insert_order(&order(1))?);
        Ok(())
    })
    .unwrap();
    write(&store, |tx| {
        tx.order(order_id(1))?;
        let change = "UPDATE orders SET description = ''";
        let error = slow("SET LOCAL lock_timeout = 20", change);
        assert!(is_unavailable(&error), "{error:#}");
        Ok(())
    })
    .unwrap();
    assert_eq!(kept(&store), []);
    let asleep: Result<()> = store.write(|tx| {
        tx.execute("SET LOCAL idle_in_transaction_session_timeout = 20", &[])?;
        thread::sleep(Duration::from_millis(200));
        tx.insert_event(&numbered(1))
    });
    assert!(is_unavailable(&asleep.unwrap_err()));
    let fine = write(&store, |tx| {
        let now = tx.first("SELECT current_setting('statement_timeout') AS s", &[], |row| row.string("s"))?;
        assert_eq!(now.as_deref(), Some("30s"), "also after the migrations");
        tx.insert_event(&numbered(2))
    });
    fine.unwrap();
}

#[test]
fn a_mistake_is_not_called_unavailable() {
    let database = Database::postgres();
    let store = database.open();
    write(&store, people).unwrap();
    for sql in
        ["SELECT nothing FROM nowhere", "UPDATE payers SET face = 'blue'", "UPDATE payers SET face = NULL"]
    {
        let error = write(&store, |tx| tx.execute(sql, &[])).unwrap_err();
        assert!(!is_unavailable(&error), "{error:#}");
    }
    let wrong = |value: crate::value::Value| {
        write(&store, |tx| tx.execute("UPDATE payers SET created_at = ?1", std::slice::from_ref(&value)))
            .unwrap_err()
    };
    for value in [crate::value::text("soon"), 0.5.into()] {
        let error = wrong(value);
        assert!(!is_unavailable(&error), "{error:#}");
    }
    // Text with a zero is text to SQLite and none to PostgreSQL.
    let error = write(&store, |tx| tx.order_by_number(merchant_id(1), "a\0b")).unwrap_err();
    assert!(!is_unavailable(&error), "{error:#}");
    assert_eq!(read(&store, |tx| tx.payer_count()), 3);
}

/// Nobody waits for ever for a server that neither answers nor goes away.
#[test]
fn a_server_that_is_frozen_is_left() {
    let store = Database::postgres().open();
    let signal = |name: &str, process: i64| {
        let sent = std::process::Command::new("kill").args([name, &process.to_string()]).status().unwrap();
        assert!(sent.success(), "kill {name} {process}");
    };
    write(&store, |tx| tx.insert_event(&numbered(1))).unwrap();
    let mut frozen = 0;
    let asked: Result<()> = store.write(|tx| {
        frozen = tx.number("SELECT CAST(pg_backend_pid() AS BIGINT) AS n", &[])?;
        signal("-STOP", frozen);
        tx.insert_event(&numbered(2))?;
        tx.events("fault").map(drop)
    });
    signal("-CONT", frozen);
    let asked = asked.unwrap_err();
    assert!(is_unavailable(&asked), "{asked:#}");
    write(&store, |tx| tx.insert_event(&numbered(3))).unwrap();
    assert_eq!(kept(&store), [1, 3]);
}

#[test]
fn one_who_waits_for_all_connections_is_told_in_time() {
    let database = Database::postgres();
    let store = database.open();
    let (all, answered) = (Barrier::new(17), Barrier::new(17));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                read(&store, |tx| {
                    tx.payer_count()?;
                    all.wait();
                    answered.wait();
                    Ok(())
                });
            });
        }
        all.wait();
        let error = store.read(|tx| tx.payer_count()).unwrap_err();
        answered.wait();
        assert!(is_unavailable(&error), "{error:#}");
    });
    assert_eq!(read(&store, |tx| tx.payer_count()), 0);
}

#[test]
fn a_file_that_another_process_keeps_is_unavailable_to_all_in_one_wait() {
    let database = Database::sqlite();
    let (store, other) = (database.open(), database.open());
    let (locked, release) = (mpsc::channel(), mpsc::channel::<()>());
    thread::scope(|scope| {
        scope.spawn(move || {
            write(&other, |tx| {
                tx.insert_event(&numbered(1))?;
                locked.0.send(())?;
                release.1.recv()?;
                Ok(())
            })
            .unwrap();
        });
        locked.1.recv().unwrap();
        let begun = Instant::now();
        let waiting: Vec<_> = (2..6)
            .map(|n| {
                scope.spawn({
                    let store = &store;
                    move || write(store, |tx| tx.insert_event(&numbered(n)))
                })
            })
            .collect();
        assert_eq!(kept(&store), [], "a reader waits for nobody");
        let told: Vec<Result<()>> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
        let waited = begun.elapsed();
        release.0.send(()).unwrap();
        for answer in told {
            let error = answer.unwrap_err();
            assert!(is_unavailable(&error), "{error:#}");
        }
        assert!(waited < Duration::from_secs(9), "they waited one after the other");
    });
    write(&store, |tx| tx.insert_event(&numbered(7))).unwrap();
    assert_eq!(kept(&store), [1, 7]);
}

#[test]
fn a_full_disk_is_unavailable_until_there_is_room() {
    let database = Database::sqlite();
    let store = database.open();
    store.limit_pages(Some(200));
    for _ in 0..2 {
        let full = write(&store, |tx| {
            tx.insert_event(&numbered(1))?;
            tx.keep_installation("much", &[7; 2_000_000])
        });
        let error = full.unwrap_err();
        assert!(is_unavailable(&error), "{error:#}");
        assert_eq!((kept(&store), read(&store, |tx| tx.installation("much"))), (vec![], None));
    }
    write(&store, |tx| tx.insert_event(&numbered(2))).expect("a little still fits");
    store.limit_pages(None);
    write(&store, |tx| tx.keep_installation("much", &[7; 2_000_000])).unwrap();
    assert_eq!(kept(&store), [2]);
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let said = |result: Result<Store>| format!("{:#}", result.err().unwrap());
    // Nobody listens on port 1.
    let error = Store::connect("postgres://surety:secret@127.0.0.1:1/surety").err().unwrap();
    assert!(is_unavailable(&error));
    let told = format!("{error:#}");
    assert!(told.contains("127.0.0.1:1") && told.contains("correct the address"), "{told}");
    assert!(told.contains("refused") && !told.contains("secret"), "{told}");
    let told = said(Store::connect("mysql://somewhere"));
    assert!(told.contains("postgres://user:password@host:5432/database"), "{told}");
    let Database::Postgres(url) = Database::postgres() else { panic!("a server") };
    let told = said(Store::connect(&url.replace("/test_", "/no_test_")));
    assert!(told.contains("does not exist") && told.contains("correct the address"), "{told}");

    let folder = tempfile::tempdir().unwrap();
    let told = said(Store::open(&folder.path().join("missing").join("surety.db")));
    assert!(told.contains("missing/surety.db"), "{told}");
    std::fs::write(folder.path().join("text.db"), "this is no database, however long it is".repeat(100))
        .unwrap();
    let told = said(Store::open(&folder.path().join("text.db")));
    assert!(told.contains("not a database"), "{told}");
}

#[test]
fn objects_are_whole_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("captures");
    let objects = Objects::open(&path).unwrap();
    let capture = types::CaptureId::from_bits(5);
    let files = || std::fs::read_dir(&path).unwrap().count();
    assert_eq!(objects.frame(capture, 0).unwrap(), None);
    objects.put_frame(capture, 0, b"sealed").unwrap();
    assert_eq!(objects.frame(capture, 0).unwrap().as_deref(), Some(&b"sealed"[..]));
    assert_eq!(files(), 1);
    // Its name is taken by a folder, so that it cannot be renamed into place.
    let taken = path.join(format!("{capture}-1.sealed"));
    std::fs::create_dir(&taken).unwrap();
    assert!(objects.put_frame(capture, 1, b"sealed").is_err());
    std::fs::remove_dir(&taken).unwrap();
    assert_eq!(files(), 1, "nothing is left half written");
    // A process that died in the middle leaves a part.
    std::fs::write(path.join(format!("{capture}-2.part")), b"sea").unwrap();
    objects.discard(capture, 3).unwrap();
    assert_eq!(files(), 0);
}

#[test]
fn objects_are_found_by_the_time_in_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path()).unwrap();
    let at = |second: i64| types::Timestamp::from_second(second).unwrap();
    let capture = |second: i64| types::CaptureId::from_bits(u128::try_from(second * 1_000).unwrap() << 80);
    for second in [10, 20, 30] {
        objects.put_frame(capture(second), 0, b"sealed").unwrap();
        objects.put_frame(capture(second), 1, b"sealed").unwrap();
    }
    std::fs::write(folder.path().join(format!("{}-0.part", capture(25))), b"sea").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"not ours").unwrap();
    let found = objects.captures(at(20), at(30)).unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [capture(20), capture(25)]);
}
