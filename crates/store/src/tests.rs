use ledger::{Account, Command, Entry, Purpose, Rejected, Transfer};
use tempfile::TempDir;
use types::{Amount, Currency, MerchantId, PayerId, SignedDuration, Timestamp, TransferId};

use super::*;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("surety.db")).unwrap();
    (folder, store)
}

fn transfer(id: u128, minor: i64) -> Transfer {
    Transfer {
        id: TransferId::from_bits(id),
        from: Account::External,
        to: Account::Payer(PayerId::from_bits(1)),
        amount: Amount::new(minor, Currency::CNY),
        purpose: Purpose::TopUp,
    }
}

#[test]
fn a_failed_use_case_leaves_nothing() {
    let (_folder, store) = store();
    let now = Timestamp::UNIX_EPOCH;
    let failed: anyhow::Result<()> = store.write(|tx| {
        assert!(tx.post(&transfer(1, 500), now).unwrap());
        anyhow::bail!("the rest of the use case failed")
    });
    assert!(failed.is_err());
    let left: anyhow::Result<_> = store.read(|tx| Ok((tx.entries()?.len(), tx.balances()?.len())));
    assert_eq!(left.unwrap(), (0, 0));
}

#[test]
fn the_books_survive_reopening() {
    let (folder, store) = store();
    let now = Timestamp::from_microsecond(1_736_679_000_123_456).unwrap();
    let applied: anyhow::Result<_> =
        store.write(|tx| Ok((tx.post(&transfer(1, 500), now)?, tx.post(&transfer(1, 500), now)?)));
    assert_eq!(applied.unwrap(), (true, false));
    drop(store);
    let store = Store::open(&folder.path().join("surety.db")).unwrap();
    let found: anyhow::Result<_> = store.read(|tx| Ok((tx.entries()?, tx.balances()?)));
    let (entries, balances) = found.unwrap();
    assert_eq!(entries, [(Entry::Moved(transfer(1, 500)), now)]);
    let mut posted: Vec<i64> = balances.values().map(|balance| balance.posted_minor).collect();
    posted.sort_unstable();
    assert_eq!(posted, [-500, 500]);
}

#[test]
fn writers_wait_for_each_other_and_readers_for_nobody() {
    let (_folder, store) = store();
    std::thread::scope(|scope| {
        for thread in 0..4_u128 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..25 {
                    let id = thread * 100 + n;
                    let posted: anyhow::Result<bool> =
                        store.write(|tx| Ok(tx.post(&transfer(id, 1), Timestamp::UNIX_EPOCH)?));
                    assert!(posted.unwrap());
                    let sum: anyhow::Result<i64> = store
                        .read(|tx| Ok(tx.balances()?.values().map(|balance| balance.posted_minor).sum()));
                    assert_eq!(sum.unwrap(), 0);
                }
            });
        }
    });
    let balance: anyhow::Result<_> =
        store.read(|tx| tx.available(Account::Payer(PayerId::from_bits(1)), Currency::CNY));
    assert_eq!(balance.unwrap().minor, 100);
}

#[test]
fn damaged_columns_are_errors_that_name_themselves() {
    let (_folder, store) = store();
    let id = MerchantId::from_bits(1);
    let read: anyhow::Result<_> = store.write(|tx| {
        tx.execute(
            "INSERT INTO merchants (id, name, city, created_at) VALUES (?1, 'x', 'y', 'soon')",
            &[crate::value::text(id)],
        )?;
        tx.merchant(id)
    });
    assert!(format!("{:#}", read.unwrap_err()).contains("created_at"));
}

#[test]
fn objects_are_whole_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(&folder.path().join("captures")).unwrap();
    let capture = types::CaptureId::from_bits(5);
    assert_eq!(objects.frame(capture, 0).unwrap(), None);
    objects.put_frame(capture, 0, b"sealed").unwrap();
    assert_eq!(objects.frame(capture, 0).unwrap().as_deref(), Some(&b"sealed"[..]));
    assert_eq!(std::fs::read_dir(folder.path().join("captures")).unwrap().count(), 1);
    // Its name is taken by a folder, so that it cannot be renamed into place.
    std::fs::create_dir(folder.path().join("captures").join(format!("{capture}-1.sealed"))).unwrap();
    assert!(objects.put_frame(capture, 1, b"sealed").is_err());
    std::fs::remove_dir(folder.path().join("captures").join(format!("{capture}-1.sealed"))).unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("captures")).unwrap().count(),
        1,
        "nothing is left half written"
    );
    objects.discard(capture, 3).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("captures")).unwrap().count(), 0);
}

/// A hold from the payer to the reserve, its parts and ends, through the database and back.
#[test]
fn holds_are_kept_closed_once_and_found_when_overdue() {
    let (_folder, store) = store();
    let now = Timestamp::UNIX_EPOCH;
    let later = now + SignedDuration::from_secs(60);
    let payer = Account::Payer(PayerId::from_bits(1));
    let id = TransferId::from_bits;
    let yuan = |minor| Amount::new(minor, Currency::CNY);
    let hold = |n: u128, minor| {
        let transfer = Transfer { from: payer, to: Account::Reserve, ..transfer(n, minor) };
        Command::Hold { transfer, expires_at: later }
    };
    let apply =
        |commands: &[Command], at| -> Result<bool, PostError> { store.write(|tx| tx.apply(commands, at)) };
    let available = || -> i64 {
        let found: anyhow::Result<Amount> = store.read(|tx| tx.available(payer, Currency::CNY));
        found.unwrap().minor
    };
    let overdue = |at| -> Vec<TransferId> {
        let found: anyhow::Result<_> = store.read(|tx| tx.overdue_holds(at, 10));
        found.unwrap()
    };

    assert!(apply(&[Command::Move(transfer(1, 500)), hold(2, 300), hold(3, 150)], now).unwrap());
    assert!(
        !apply(&[Command::Move(transfer(1, 500)), hold(2, 300), hold(3, 150)], now).unwrap(),
        "applied already"
    );
    assert_eq!(available(), 50);
    let too_much = apply(&[hold(4, 51)], now);
    assert!(
        matches!(too_much, Err(PostError::Rejected(Rejected::InsufficientFunds { account })) if account == payer)
    );

    assert!(apply(&[Command::PostHold { id: id(5), hold: id(2), amount: yuan(100) }], now).unwrap());
    assert_eq!(available(), 250);
    let again = apply(&[Command::VoidHold { id: id(6), hold: id(2) }], now);
    assert!(matches!(again, Err(PostError::Rejected(Rejected::HoldClosed))));

    assert_eq!(overdue(now), []);
    assert_eq!(overdue(later), [id(3)]);
    assert!(apply(&[Command::ExpireHold { id: id(7), hold: id(3) }], later).unwrap());
    assert_eq!((overdue(later), available()), (vec![], 400));
}

/// What the ledger forbids, the tables forbid as well.
#[test]
fn the_tables_are_a_second_line() {
    let (_folder, store) = store();
    let insert = |sql: &str| -> anyhow::Result<usize> { store.write(|tx| tx.execute(sql, &[])) };
    let columns = "INSERT INTO entries (id, kind, hold_id, from_account, to_account, minor, currency, purpose, expires_at, at)";
    assert!(
        insert(&format!("{columns} VALUES ('h', 'held', NULL, 'a', 'b', 5, 'CNY', '{{}}', 9, 1)")).is_ok()
    );
    assert!(
        insert(&format!("{columns} VALUES ('v', 'voided', 'h', NULL, NULL, NULL, NULL, NULL, NULL, 1)"))
            .is_ok()
    );
    for wrong in [
        "('w', 'voided', 'h', NULL, NULL, NULL, NULL, NULL, NULL, 1)",
        "('x', 'voided', 'nothing', NULL, NULL, NULL, NULL, NULL, NULL, 1)",
        "('y', 'moved', NULL, 'a', 'a', 5, 'CNY', '{}', NULL, 1)",
        "('z', 'moved', NULL, 'a', 'b', 0, 'CNY', '{}', NULL, 1)",
        "('h', 'moved', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
        "('i', 'held', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
        "('j', 'stolen', NULL, 'a', 'b', 5, 'CNY', '{}', NULL, 1)",
    ] {
        assert!(insert(&format!("{columns} VALUES {wrong}")).is_err(), "{wrong}");
    }
    assert!(insert("INSERT INTO balances VALUES ('a', 'CNY', 0, -1)").is_err());
}
