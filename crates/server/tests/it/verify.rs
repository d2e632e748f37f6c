//! `surety verify` finds whatever was changed behind its back, and says where.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use crate::database::on_postgres;
use crate::money::bills::recover;
use crate::money::{Shop, put};
use crate::order_codes::Place;

/// What somebody with the database file might do, and the check that notices.
const TAMPERINGS: [(&str, &str); 54] = [
    ("UPDATE balances SET posted = posted + 1 WHERE account = 'reserve'", BALANCES),
    ("UPDATE balances SET posted = posted + 1 WHERE account = 'reserve'", "debits equal credits"),
    ("UPDATE balances SET held = 1 WHERE account = 'reserve'", BALANCES),
    ("DELETE FROM balances WHERE account = 'external'", BALANCES),
    ("UPDATE balances SET posted = -1 WHERE account = 'reserve'", "nobody is below the floor"),
    ("UPDATE balances SET held = 0 WHERE held > 0", BALANCES),
    // Debits, and what is set aside.
    ("UPDATE entries SET minor = minor - 1 WHERE kind = 'posted'", TRANSFER),
    ("UPDATE entries SET minor = minor - 1 WHERE kind = 'held'", TRANSFER),
    (
        "UPDATE entries SET from_account = 'payer:payer_00000000000000000000000000000001' WHERE kind = 'posted'",
        TRANSFER,
    ),
    ("DELETE FROM entries WHERE kind = 'voided'", TRANSFER),
    ("DELETE FROM entries WHERE kind = 'voided'", BALANCES),
    (
        "UPDATE payments SET captured_minor = minor - 1 WHERE state = 'captured' AND refunded_minor = 0 AND recovered_minor = 0",
        TRANSFER,
    ),
    (
        "UPDATE payments SET state = 'reversed', ended_at = at WHERE state = 'captured' AND refunded_minor = 0 AND recovered_minor = 0",
        TRANSFER,
    ),
    ("UPDATE payments SET state = 'voided', ended_at = at WHERE state = 'authorised'", TRANSFER),
    (
        "UPDATE payments SET state = 'authorised', captured_minor = NULL, capture_id = NULL, captured_at = NULL, expires_at = at + 1 WHERE state = 'voided'",
        TRANSFER,
    ),
    (
        "UPDATE payments SET state = 'captured', captured_minor = minor, capture_id = hold_id, captured_at = at WHERE state = 'authorised'",
        TRANSFER,
    ),
    // Orders.
    ("UPDATE orders SET state = 'open' WHERE state = 'paid'", ORDERS),
    ("UPDATE orders SET state = 'paid' WHERE state = 'reversed'", ORDERS),
    ("UPDATE orders SET minor = minor + 1 WHERE state = 'paid'", ORDERS),
    // What went back.
    ("UPDATE refunds SET minor = minor - 1", WENT_BACK),
    ("UPDATE payments SET refunded_minor = refunded_minor - 1 WHERE refunded_minor > 0", WENT_BACK),
    ("UPDATE payments SET refunded_minor = 0 WHERE refunded_minor > 0", WENT_BACK),
    ("UPDATE payments SET recovered_minor = recovered_minor - 1 WHERE recovered_minor > 0", WENT_BACK),
    ("UPDATE entries SET minor = minor - 1 WHERE purpose LIKE '%refund%'", WENT_BACK),
    ("UPDATE entries SET minor = minor - 1 WHERE purpose LIKE '%recovery%'", WENT_BACK),
    ("DELETE FROM entries WHERE purpose LIKE '%\"refund\"%'", WENT_BACK),
    ("UPDATE refunds SET payment_id = (SELECT id FROM payments WHERE refunded_minor = 0 LIMIT 1)", WENT_BACK),
    // Pending money.
    ("UPDATE balances SET posted = posted - 1 WHERE account LIKE 'merchant-pending%'", PENDING),
    ("DELETE FROM balances WHERE account LIKE 'merchant-pending%'", PENDING),
    ("UPDATE payments SET state = 'captured', settlement_id = NULL WHERE state = 'settled'", PENDING),
    // Settlements.
    ("UPDATE settlements SET payments = payments + 1", SETTLEMENTS),
    ("UPDATE settlements SET fee_minor = fee_minor + 1", SETTLEMENTS),
    ("UPDATE settlements SET settled_minor = settled_minor - 1, net_minor = net_minor - 1", SETTLEMENTS),
    ("UPDATE settlements SET state = 'complete', payout_id = NULL WHERE state = 'paid_out'", SETTLEMENTS),
    ("DELETE FROM entries WHERE purpose LIKE '%payout%'", SETTLEMENTS),
    ("UPDATE entries SET minor = minor + 1 WHERE purpose LIKE '%fee%'", SETTLEMENTS),
    // Bills.
    ("UPDATE bill_lines SET minor = minor - 1 WHERE kind = 'payment'", BILLS),
    ("UPDATE bill_lines SET kind = 'reversal' WHERE kind = 'refund'", BILLS),
    ("UPDATE bill_lines SET fee_minor = fee_minor + 1 WHERE seq = 1", BILLS),
    ("DELETE FROM bill_lines WHERE kind = 'recovery'", BILLS),
    // Who was told.
    ("DELETE FROM messages WHERE kind = 'payment_debited'", TOLD),
    ("DELETE FROM outbox WHERE kind = 'refund.succeeded'", TOLD),
    // Why.
    ("UPDATE decisions SET verdict = replace(verdict, 'approve', 'step_up')", APPROVED),
    (
        "UPDATE decisions SET recognition = replace(recognition, '\"prior_not_enrolled\":0.05', '\"prior_not_enrolled\":0.06')",
        REPLAY,
    ),
    // Without a face.
    ("DELETE FROM messages WHERE kind = 'code_payment_debited'", TOLD),
    (
        "UPDATE decisions SET recognition = json_set(recognition, '$.device', (SELECT id FROM credentials WHERE scope = 'terminal'))
         WHERE kase LIKE '%not_used%'",
        APPROVED,
    ),
    (
        "UPDATE decisions SET recognition = json_set(recognition, '$.payer',
           (SELECT payer_id FROM payments WHERE recognised NOT LIKE '%order_code%'))
         WHERE kase LIKE '%not_used%'",
        APPROVED,
    ),
    ("UPDATE decisions SET kase = replace(kase, 'not_used', 'nobody') WHERE kase LIKE '%not_used%'", REPLAY),
    ("UPDATE decisions SET kase = replace(kase, '\"own_device\"', '\"pin\"') WHERE kase LIKE '%not_used%'", REPLAY),
    ("UPDATE decisions SET kase = json_set(kase, '$.repeated', json('true')) WHERE kase LIKE '%not_used%'", REPLAY),
    ("UPDATE payments SET strong = 0 WHERE recognised LIKE '%order_code%'", APPROVED),
    (
        "UPDATE payments SET recognised = replace(recognised, 'order_code', 'posterior')
         WHERE recognised LIKE '%order_code%'",
        APPROVED,
    ),
    (
        "UPDATE captures SET session_id = (SELECT session_id FROM payments WHERE recognised LIKE '%order_code%')
         WHERE id = (SELECT min(id) FROM captures)",
        APPROVED,
    ),
    (
        "UPDATE sessions SET order_id = (SELECT max(id) FROM orders)
         WHERE id IN (SELECT session_id FROM payments WHERE recognised LIKE '%order_code%')",
        APPROVED,
    ),
];

const BALANCES: &str = "balances follow from entries";
const TRANSFER: &str = "every debit has its transfer";
const ORDERS: &str = "one order is paid at most once";
const WENT_BACK: &str = "what went back agrees";
const PENDING: &str = "pending money is unsettled payments";
const SETTLEMENTS: &str = "settlements agree with the books";
const BILLS: &str = "bills agree with payments";
const TOLD: &str = "everybody is told";
const APPROVED: &str = "every debit was approved";
const REPLAY: &str = "decisions replay";

/// The compensation of a case goes elsewhere.
const COMPENSATION: (&str, &str) = (
    "UPDATE entries SET to_account = 'merchant-pending:mer_00000000000000000000000000000001'
     WHERE purpose LIKE '%compensation%'",
    "each loss is compensated at most once",
);

fn verify(data: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_surety"))
        .env_remove("SURETY_DATABASE")
        .arg("verify")
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

/// A shop in whose books there is one of everything.
fn lived_in() -> Shop {
    let place = Place::new();
    place.shop.terms(1, 60);
    place.pay("without a face", 800);
    let shop = place.shop;
    let webhook = api::Webhook { url: "http://127.0.0.1:9/nobody".to_owned() };
    let _: api::WebhookReply =
        put(&shop.staff, &format!("/v1/merchants/{}/webhook", shop.merchant_id), &webhook);
    let settled = shop.pay("settled", 10_000);
    shop.days_pass(1);
    let done = shop.settle();
    shop.pay_out(done[0].settlement_id, 900).unwrap();
    shop.refund(settled, "late", 1_000).unwrap();
    shop.pay("plain", 2_000);
    let meal = shop.pay("meal", 3_000);
    shop.refund(meal, "cold", 500).unwrap();
    shop.pay("wrong", 4_000);
    shop.reverse_number("wrong").unwrap();
    let disputed = shop.pay("disputed", 5_000);
    recover(&shop, disputed);
    let gone = shop.authorise("gone", 600);
    shop.void(gone).unwrap();
    shop.authorise("aside", 700);
    shop.verify();
    shop
}

/// Only where the books are a file that can be copied.
#[test]
fn tampering_with_the_sqlite_file_is_found() {
    if on_postgres() {
        return;
    }
    let shop = lived_in();
    let (right, told) = verify(shop.server().data());
    assert!(right && !told.contains("WRONG"), "{told}");
    let original = Connection::open(shop.server().data().join("surety.db")).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("surety.db");
    for (sql, check) in TAMPERINGS.into_iter().chain([COMPENSATION]) {
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        original.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
        let copied = Connection::open(&path).unwrap();
        copied.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let changed = copied.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
        drop(copied);
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
