//! `surety verify` finds whatever was changed behind its back, and says where.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use crate::fixture::Fixture;

/// What somebody with the database file might do, and the check that notices.
const TAMPERINGS: [(&str, &str); 12] = [
    ("UPDATE balances SET posted = posted + 1 WHERE account = 'reserve'", "balances follow from entries"),
    ("UPDATE balances SET posted = posted + 1 WHERE account = 'reserve'", "debits equal credits"),
    ("UPDATE balances SET held = 1 WHERE account = 'reserve'", "balances follow from entries"),
    ("DELETE FROM balances WHERE account = 'external'", "balances follow from entries"),
    ("UPDATE balances SET posted = -1 WHERE account = 'reserve'", "nobody is below the floor"),
    ("UPDATE entries SET minor = minor - 1 WHERE purpose LIKE '%payment%'", "every debit has its transfer"),
    ("UPDATE payments SET minor = minor - 1", "one order is paid at most once"),
    ("UPDATE payments SET state = 'reversed'", "every debit has its transfer"),
    ("UPDATE orders SET state = 'open' WHERE state = 'paid'", "one order is paid at most once"),
    (
        "UPDATE entries SET to_account = 'merchant-pending:mer_00000000000000000000000000000001'
         WHERE purpose LIKE '%compensation%'",
        "each loss is compensated at most once",
    ),
    ("UPDATE decisions SET verdict = replace(verdict, 'approve', 'step_up')", "every debit was approved"),
    (
        "UPDATE decisions SET recognition = replace(recognition, '\"prior_not_enrolled\":0.05', '\"prior_not_enrolled\":0.06')",
        "decisions replay",
    ),
];

fn verify(data: &Path) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_surety")).arg("verify").arg("--data").arg(data).output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn tampering_is_found() {
    let fixture = Fixture::new();
    let (right, told) = verify(fixture.server.data());
    assert!(right && !told.contains("WRONG"), "{told}");
    let original = Connection::open(fixture.server.data().join("surety.db")).unwrap();
    for (sql, check) in TAMPERINGS {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("surety.db");
        original.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
        let changed = Connection::open(&path).unwrap().execute(sql, []).unwrap();
        assert!(changed > 0, "nothing was changed by {sql}");
        let (right, told) = verify(copy.path());
        let noticed = told.lines().any(|line| line.starts_with("WRONG") && line.contains(check));
        // A record that cannot be read any more is as good a notice.
        assert!(!right && (noticed || told.contains("reading")), "{check} missed {sql}:\n{told}");
    }
}

#[test]
fn a_folder_without_a_database_is_refused_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (right, told) = verify(folder.path());
    assert!(!right && told.contains("there is no database"), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
