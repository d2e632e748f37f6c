//! Group commit on SQLite, member by member.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use types::EventId;

use super::fixture::*;
use super::{Database, read, write};
use crate::{EventRow, Store, Tx, is_unavailable};

/// Waits inside the first member's work until `others` stand behind it, so that they become one group.
fn wait_for(store: &Store, others: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.coming() < others {
        assert!(Instant::now() < deadline, "the others do not come");
        thread::yield_now();
    }
}

fn numbered(n: u128) -> EventRow {
    EventRow { subject: "group".to_owned(), id: EventId::from_bits(n), ..event(n) }
}

fn kept(store: &Store) -> Vec<u128> {
    let mut kept: Vec<u128> =
        read(store, |tx| tx.events("group")).iter().map(|event| event.id.to_bits()).collect();
    kept.sort_unstable();
    kept
}

/// Runs member 0, which lets the others (1, 2, ...) come while it works; `None` of a member that panicked.
fn group(
    store: &Store,
    others: usize,
    work: impl Fn(&Tx<'_>, u128) -> Result<()> + Sync,
) -> Vec<Option<Result<()>>> {
    let begun = AtomicBool::new(false);
    let run = |n: u128| {
        catch_unwind(AssertUnwindSafe(|| {
            write(store, |tx| {
                if n == 0 {
                    begun.store(true, Ordering::SeqCst);
                    wait_for(store, others);
                }
                tx.insert_event(&numbered(n))?;
                work(tx, n)
            })
        }))
        .ok()
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| run(0));
        while !begun.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let threads: Vec<_> = (1..=others as u128).map(|n| scope.spawn(move || run(n))).collect();
        [first].into_iter().chain(threads).map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_member_that_fails_or_panics_takes_only_its_own_work_back() {
    let database = Database::sqlite();
    let store = database.open();
    let answers = group(&store, 6, |_, n| match n {
        1 | 4 => bail!("fails"),
        2 | 5 => panic!("panics"),
        _ => Ok(()),
    });
    for (n, answer) in answers.iter().enumerate() {
        match n {
            1 | 4 => assert_eq!(answer.as_ref().unwrap().as_ref().unwrap_err().to_string(), "fails"),
            2 | 5 => assert!(answer.is_none()),
            _ => assert!(matches!(answer, Some(Ok(())))),
        }
    }
    assert_eq!(kept(&store), [0, 3, 6]);
    assert_eq!(store.commits(), 1, "they share one commit");
}

#[test]
fn the_first_member_may_panic() {
    let database = Database::sqlite();
    let store = database.open();
    let answers = group(&store, 3, |_, n| if n == 0 { panic!("panics") } else { Ok(()) });
    assert!(answers[0].is_none());
    assert!(answers[1..].iter().all(|answer| matches!(answer, Some(Ok(())))));
    assert_eq!(kept(&store), [1, 2, 3]);
}

/// The other one waits for the commit of a group whose last member is gone.
#[test]
fn the_last_member_may_panic() {
    let database = Database::sqlite();
    let store = database.open();
    let answers = group(&store, 1, |_, n| if n == 1 { panic!("panics") } else { Ok(()) });
    assert!(matches!(answers[..], [Some(Ok(())), None]));
    assert_eq!(kept(&store), [0]);
}

#[test]
fn nobody_is_answered_before_the_commit() {
    let database = Database::sqlite();
    let store = database.open();
    let other = database.open();
    // Seen by another connection as soon as its writer knows of it.
    thread::scope(|scope| {
        for thread in 0..8_u128 {
            let (store, other) = (&store, &other);
            scope.spawn(move || {
                for n in 0..20 {
                    let id = thread * 100 + n;
                    write(store, |tx| tx.insert_event(&numbered(id))).unwrap();
                    assert!(kept(other).contains(&id));
                }
            });
        }
    });
    assert!(store.commits() < 160, "some share a commit: {}", store.commits());
}

/// A member whose work fills the disk takes the whole group with it: SQLite rolls all of it back.
#[test]
fn a_full_disk_in_a_group_is_told_to_everybody_it_concerns() {
    let filled = |tx: &Tx<'_>| -> Result<()> {
        (0..1_000).try_for_each(|n| tx.keep_installation(&format!("filler {n}"), &[7; 40_000]))
    };
    for filler in 1..=4 {
        let database = Database::sqlite();
        let store = database.open();
        store.limit_pages(Some(200));
        let answers = group(&store, 4, |tx, n| if n == filler { filled(tx) } else { Ok(()) });
        let answers: Vec<Result<()>> = answers.into_iter().map(Option::unwrap).collect();
        assert!(answers[0].is_err(), "it was in the group that was rolled back");
        assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(is_unavailable));
        let told: Vec<u128> =
            (0..).zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(n, _)| n).collect();
        assert_eq!(kept(&store), told, "what was promised is there, and nothing else");
        assert_eq!(read(&store, |tx| tx.installation("filler 0")), None);
        store.limit_pages(None);
        write(&store, |tx| filled(tx)).unwrap();
    }
}

/// After SQLite rolled a transaction back by itself, what follows in the same use case must not be written alone.
#[test]
fn a_full_disk_that_is_overlooked_leaves_nothing() {
    let database = Database::sqlite();
    let store = database.open();
    store.limit_pages(Some(200));
    let answer = write(&store, |tx| {
        tx.insert_event(&numbered(1))?;
        while tx
            .execute(
                "INSERT INTO installation (name, value) VALUES (hex(randomblob(9)), zeroblob(40000))",
                &[],
            )
            .is_ok()
        {}
        tx.insert_event(&numbered(2)).ok();
        Ok(())
    });
    assert!(is_unavailable(&answer.unwrap_err()));
    assert_eq!(kept(&store), []);
    store.limit_pages(None);
    write(&store, |tx| tx.insert_event(&numbered(3))).unwrap();
    assert_eq!(kept(&store), [3]);
}
