use ledger::{Account, Purpose, Transfer};
use tempfile::TempDir;
use types::{Amount, Currency, MerchantId, PayerId, Timestamp, TransferId};

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
    let left: anyhow::Result<_> = store.read(|tx| Ok((tx.transfers()?.len(), tx.balances()?.len())));
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
    let found: anyhow::Result<_> = store.read(|tx| Ok((tx.transfers()?, tx.balances()?)));
    let (transfers, balances) = found.unwrap();
    assert_eq!(transfers.len(), 1);
    assert_eq!((transfers[0].transfer, transfers[0].at), (transfer(1, 500), now));
    assert_eq!(balances.iter().map(|(_, amount)| amount.minor).collect::<Vec<_>>(), [-500, 500]);
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
                    let sum: anyhow::Result<i64> =
                        store.read(|tx| Ok(tx.balances()?.iter().map(|(_, amount)| amount.minor).sum()));
                    assert_eq!(sum.unwrap(), 0);
                }
            });
        }
    });
    let balance: anyhow::Result<_> =
        store.read(|tx| tx.balance(Account::Payer(PayerId::from_bits(1)), Currency::CNY));
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
}
