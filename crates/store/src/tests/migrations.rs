//! A database of the first version becomes one of today, and both databases are the same.

use std::thread;

use ledger::Account;
use payments::{Captured, Payment, State};
use types::{Currency, Digest, DisputeId, EnrolmentId, EventId, PayerId, StaffRoles, Timestamp};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::database::FIRST;
use crate::{
    BillLineKind, BillLineRow, CredentialKind, MerchantRow, OrderState, PaymentRow, Post, Scope,
    SettlementState, TerminalState,
};

on_both!(
    a_filled_database_of_version_1_goes_on,
    a_newer_database_is_refused,
    many_open_a_new_database_at_once,
    the_tables_refuse_what_is_wrong,
);

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

/// One of everything, as version 1 wrote it. `#name` stands for the id `name_00..01`, `#name2` for `name_00..02`.
const FILLED: &str = include_str!("version_1.sql");

/// A database of version 1 with one of everything.
fn version_1(database: &Database) {
    let quoted = |json: serde_json::Result<String>| json.unwrap().replace('\'', "''");
    let found = evidence(1, 0);
    let mut sql = FIRST[usize::from(matches!(database, Database::Postgres(_)))].to_owned();
    sql.push_str(FILLED);
    sql = sql.replace("#dispute", &quoted(serde_json::to_string(&dispute(1, 1).dispute)));
    sql = sql.replace("#facts", &quoted(serde_json::to_string(&found.facts)));
    sql = sql.replace("#assessment", &quoted(serde_json::to_string(&found.assessment)));
    for prefix in [
        "mer", "term", "key", "payer", "con", "enr", "msg", "ord", "ses", "cap", "cnf", "pay", "tr", "dis",
        "evt",
    ] {
        for n in [2, 1] {
            let short = if n == 1 { format!("#{prefix}'") } else { format!("#{prefix}2'") };
            sql = sql.replace(&short, &format!("{prefix}_{n:032}'"));
        }
    }
    sql = sql.replace("#digest", &"07".repeat(32));
    let bytes = |pattern: &str, n: usize| match database {
        Database::Sqlite(_) => format!("x'{}'", pattern.repeat(n)),
        Database::Postgres(_) => format!("'\\x{}'::bytea", pattern.repeat(n)),
    };
    sql = sql.replace("#bytes32", &bytes("09", 32)).replace("#phone2", &bytes("02", 32));
    sql = sql.replace("#phone", &bytes("01", 32)).replace("#bytes", &bytes("00ff", 4));
    sql.push_str(match database {
        Database::Sqlite(_) => "PRAGMA user_version = 1;",
        Database::Postgres(_) => {
            "CREATE TABLE schema_version (version BIGINT PRIMARY KEY); INSERT INTO schema_version VALUES (1);"
        }
    });
    database.batch(&sql);
}

/// Those that every later step leaves as they are.
const TABLES_1: [&str; 19] = [
    "merchants",
    "terminals",
    "payers",
    "consents",
    "enrolments",
    "templates",
    "look_alikes",
    "messages",
    "traces",
    "orders",
    "sessions",
    "captures",
    "decisions",
    "policies",
    "confirmations",
    "balances",
    "entries",
    "disputes",
    "dispute_evidence",
];

#[expect(clippy::too_many_lines, reason = "one database, table after table")]
fn a_filled_database_of_version_1_goes_on(database: &Database) {
    version_1(database);
    let rows = |table: &str| {
        // Columns of version 1 only, in one order.
        let columns = match table {
            "merchants" => "id, name, city, created_at",
            "captures" => "id, session_id, at, frames, probe_sealed, model",
            "payers" => {
                "id, contact_sealed, phone_index, pin_hash, pin_failures, pin_locked_until, language, home_city, \
                 home_latitude, home_longitude, face, created_at"
            }
            "terminals" => "id, merchant_id, label, city, address, latitude, longitude, created_at",
            "look_alikes" => "payer_id, other_id, score, found_at",
            "confirmations" => "id, payer_id, session_id, answer, asked_at",
            "sessions" => {
                "id, order_id, terminal_id, nonce_hash, stage, state, digits_attempts, opened_at, expires_at"
            }
            _ => "*",
        };
        database.lines(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2"))
    };
    let tables: Vec<&str> =
        TABLES_1.into_iter().filter(|table| *table != "orders").chain(["events", "access_log"]).collect();
    let before: Vec<Vec<String>> = tables.iter().map(|table| rows(table)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()), "one of everything");

    let store = database.open();
    let after: Vec<Vec<String>> = tables.iter().map(|table| rows(table)).collect();
    assert_eq!(after, before, "every row is kept");
    if let Database::Sqlite(_) = database {
        assert_eq!(database.lines("PRAGMA foreign_key_check"), Vec::<String>::new());
        assert_eq!(database.lines("PRAGMA integrity_check"), ["ok"]);
    }
    let captured = Captured {
        amount: yuan(10_000),
        transfer: transfer_id(1),
        at: moment(2_000),
        refunded: yuan(0),
        recovered: yuan(0),
    };
    let reversed = State::Reversed { at: moment(3_000), captured: Some(yuan(10_000)) };
    let expected = [(1, 2_000, State::Captured { captured }, true, false), (2, 3_000, reversed, false, true)]
        .map(|(n, micros, state, held, strong)| {
            let mut row = payment(n, 1);
            row.payment.terms.at = moment(micros);
            row.payment.terms.fee_bps = 0;
            row.payment.terms.hold = transfer_id(n);
            PaymentRow {
                payment: Payment { state, ..row.payment },
                held,
                strong,
                recognised: "face".into(),
                ..row
            }
        });
    read(&store, |tx| {
        assert_eq!(tx.payments()?, expected);
        let line = |kind, second, payment| BillLineRow {
            at: moment(second),
            amount: yuan(10_000),
            fee_minor: 0,
            ..bill_line(kind, 0, payment)
        };
        let lines = [
            line(BillLineKind::Payment, 2_000, 1),
            line(BillLineKind::Payment, 3_000, 2),
            line(BillLineKind::Reversal, 3_000, 2),
        ];
        assert_eq!(tx.all_bill_lines()?, lines);
        let merchant = tx.merchant(merchant_id(1))?.unwrap();
        assert_eq!((merchant.settle_after_days, merchant.fee_bps, merchant.webhook), (1, 0, None));
        let order = tx.order(order_id(1))?.unwrap();
        assert_eq!((order.state, order.capture_later), (OrderState::Paid, false));
        assert_eq!(tx.order(order_id(2))?.unwrap().state, OrderState::Reversed);
        assert_eq!(tx.overdue_payments(moment(i64::from(u32::MAX)), 9)?, []);
        Ok(())
    });
    the_rest_is_readable(&store);
    it_goes_on(&store, &expected[0]);
    drop(store);
    assert_eq!(read(&database.open(), |tx| tx.payments()).len(), 3, "opening it again changes nothing");
}

fn the_rest_is_readable(store: &crate::Store) {
    read(store, |tx| {
        let key = tx.credential_of_secret(&[9; 32])?.unwrap();
        assert_eq!(
            (key.scope, key.kind, key.is_live(moment(i64::from(u32::MAX)))),
            (Scope::Payer, CredentialKind::Bearer, true)
        );
        let staff = tx.credential_of_secret(&[2; 32])?.unwrap();
        let user = tx.user(staff.subject.parse()?)?.unwrap();
        assert_eq!((user.login.as_str(), user.post), ("operator", Post::Staff(StaffRoles::all())));
        let payer = tx.payer(payer_id(1))?.unwrap();
        assert_eq!(
            (payer.phone_index, payer.contact_sealed),
            ([1; 32], vec![0, 255, 0, 255, 0, 255, 0, 255])
        );
        assert!(tx.consent(payer_id(1))?.is_some());
        assert_eq!(tx.enrolment(EnrolmentId::from_bits(1))?.unwrap().pictures, 3);
        assert_eq!(tx.templates_sealed(payer_id(1))?.len(), 1);
        assert!(tx.has_look_alike(payer_id(1))?);
        assert_eq!(tx.messages(payer_id(1), 9)?.len(), 1);
        assert_eq!(tx.nearest_trace(payer_id(1), moment(0))?.unwrap().at, moment(7));
        assert!(tx.capture(session_id(1))?.is_some());
        assert_eq!(tx.all_decisions()?.len(), 1);
        assert!(tx.policy(Digest([7; 32]))?.is_some());
        assert_eq!(tx.confirmation_of(session_id(1))?.unwrap().answer, Some(true));
        assert_eq!(tx.entries()?.len(), 3);
        assert_eq!(tx.dispute_of_payment(payment_id(1))?.unwrap().version, 3);
        assert_eq!(tx.evidence(DisputeId::from_bits(1))?.len(), 1);
        assert_eq!(tx.events("pay_1")?.len(), 1);
        assert_eq!(tx.accesses(PayerId::from_bits(1))?.len(), 1);
        let terminal = tx.terminal(terminal_id(1))?.unwrap();
        assert_eq!((terminal.state, terminal.serial), (TerminalState::Suspended, None));
        assert_eq!(tx.terminal_place(terminal_id(1), moment(2_000))?, Some(terminal.place));
        Ok(())
    });
}

/// What was begun under version 1 is settled under today's, and new things are written behind the old ones.
fn it_goes_on(store: &crate::Store, first: &PaymentRow) {
    write(store, |tx| {
        let opened = tx.open_settlement(&settlement(1, "2026-11-23"))?;
        assert_eq!(opened.state, SettlementState::Running);
        let due = tx.due_payments(merchant_id(1), at(0), None, 9)?;
        assert_eq!(
            due.iter().map(|due| (due.id, due.held, due.disputed)).collect::<Vec<_>>(),
            [(payment_id(1), true, true)]
        );
        let State::Captured { captured } = first.payment.state.clone() else { panic!("it is captured") };
        let state = State::Settled { captured, settlement: opened.id, settled_at: at(1) };
        let payment = Payment { state, ..first.payment.clone() };
        tx.update_payment(&PaymentRow { payment, ..first.clone() })?;
        tx.insert_refund(&refund(1, 1))?;
        let line = BillLineRow { refund: Some(refund(1, 1).id), ..bill_line(BillLineKind::Refund, 21, 1) };
        tx.insert_bill_line(&line)?;
        assert!(tx.insert_order(&order(3))?);
        tx.insert_session(&session(3))?;
        tx.insert_payment(&payment_of_today())?;
        tx.insert_event(&crate::EventRow {
            id: EventId::from_bits(9),
            subject: "pay_1".to_owned(),
            ..event(9)
        })?;
        let top_up = transfer(99, Account::External, Account::Payer(payer_id(1)), 5);
        assert!(tx.post(&top_up, at(0))?);
        tx.update_merchant(&MerchantRow { fee_bps: 38, ..tx.merchant(merchant_id(1))?.unwrap() })
    })
    .unwrap();
    read(store, |tx| {
        assert_eq!(tx.all_bill_lines()?.last().unwrap().kind, BillLineKind::Refund);
        assert_eq!(tx.events("pay_1")?.last().unwrap().id, EventId::from_bits(9));
        assert_eq!(
            tx.entries()?.last().unwrap().0,
            ledger::Entry::Moved(transfer(99, Account::External, Account::Payer(payer_id(1)), 5))
        );
        assert_eq!(tx.available(Account::Payer(payer_id(1)), Currency::CNY)?, yuan(505));
        assert_eq!(tx.payment(payment_id(3))?, Some(payment_of_today()));
        assert_eq!(tx.payment(payment_id(1))?.unwrap().payment.state.name(), "settled");
        Ok(())
    });
}

fn payment_of_today() -> PaymentRow {
    payment(3, 1)
}

fn a_newer_database_is_refused(database: &Database) {
    drop(database.open());
    database.batch(match database {
        Database::Sqlite(_) => "PRAGMA user_version = 99",
        Database::Postgres(_) => "INSERT INTO schema_version VALUES (99)",
    });
    let told = format!("{:#}", database.try_open().err().unwrap());
    assert!(told.contains("version 99") && told.contains("run a newer"), "{told}");
}

fn many_open_a_new_database_at_once(database: &Database) {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| database.try_open())).collect();
        for thread in threads {
            let store = thread.join().unwrap().unwrap();
            assert_eq!(read(&store, |tx| tx.payer_count()), 0);
        }
    });
}

/// Each statement is wrong in one thing; without it, it is taken.
fn the_tables_refuse_what_is_wrong(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        paid(tx, 1, 1)?;
        paid(tx, 2, 1)?;
        tx.open_settlement(&settlement(1, "2026-11-23"))?;
        tx.insert_refund(&refund(1, 1))?;
        tx.insert_bill_line(&BillLineRow {
            refund: Some(refund(1, 1).id),
            ..bill_line(BillLineKind::Refund, 1, 1)
        })?;
        tx.insert_bill_line(&bill_line(BillLineKind::Payment, 1, 2))?;
        tx.insert_dispute(&dispute(1, 1))?;
        tx.insert_delivery(&delivery(1, "a"))?;
        assert!(tx.insert_user(&user(1))?);
        tx.insert_credential(&key(1, Scope::User), Some(&[1; 32]))
    })
    .unwrap();
    let one = "WHERE id = 'pay_00000000000000000000000000000001'";
    let two = "WHERE id = 'pay_00000000000000000000000000000002'";
    let settled = "settlement_id = 'stl_00000000000000000000000000000001'";
    let sql = include_str!("refused.sql").replace("#1", one).replace("#2", two).replace("#settled", settled);
    let statements: Vec<&str> = sql.lines().skip(1).collect();
    for pair in statements.chunks(2) {
        let [right, wrong] = pair else { panic!("they come in pairs") };
        write(&store, |tx| tx.execute(right, &[])).unwrap_or_else(|error| panic!("{right}: {error:#}"));
        let error = write(&store, |tx| tx.execute(wrong, &[])).expect_err(wrong);
        assert!(format!("{error:#}").contains("constraint"), "{wrong}: {error:#}");
    }
}

/// What a column is, in the words of PostgreSQL.
fn columns(database: &Database) -> Vec<String> {
    let sql = match database {
        Database::Sqlite(_) => {
            "SELECT m.name, p.name,
                CASE p.type WHEN 'INTEGER' THEN 'bigint' WHEN 'TEXT' THEN 'text' WHEN 'BLOB' THEN 'bytea'
                    WHEN 'REAL' THEN 'double precision' ELSE p.type END,
                CASE WHEN p.\"notnull\" OR p.pk THEN 'NO' ELSE 'YES' END, coalesce(p.dflt_value, '')
             FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' ORDER BY 1, 2"
        }
        Database::Postgres(_) => {
            "SELECT table_name, column_name, data_type, is_nullable,
                replace(coalesce(column_default, ''), '::text', '')
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name <> 'schema_version'
             ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\""
        }
    };
    database.lines(sql)
}

/// Foreign keys, unique keys and named indices.
fn keys(database: &Database) -> [Vec<String>; 3] {
    let sql = match database {
        Database::Sqlite(_) => [
            "SELECT m.name, f.\"from\", f.\"table\", f.\"to\"
             FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY 1, 2",
            "SELECT m.name, (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))
             FROM sqlite_schema m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND i.\"unique\"
             UNION ALL SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p
             WHERE m.type = 'table' AND p.pk = 1 AND p.type = 'INTEGER' ORDER BY 1, 2",
            "SELECT name, lower(sql) LIKE '% where %' FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
                AND lower(sql) NOT LIKE 'create unique%' ORDER BY 1",
        ],
        Database::Postgres(_) => [
            "SELECT c.conrelid::regclass::text COLLATE \"C\", a.attname, c.confrelid::regclass, b.attname
             FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
             WHERE c.contype = 'f' ORDER BY 1, 2",
            "SELECT i.indrelid::regclass::text COLLATE \"C\",
                (SELECT string_agg(a.attname, ',' ORDER BY k.at) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(n, at)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n) COLLATE \"C\"
             FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
             WHERE i.indisunique AND c.relname <> 'schema_version' ORDER BY 1, 2",
            "SELECT c.relname::text COLLATE \"C\", CASE WHEN i.indpred IS NULL THEN 0 ELSE 1 END FROM pg_index i
             JOIN pg_class c ON c.oid = i.indexrelid
             AND c.relnamespace = 'public'::regnamespace WHERE NOT i.indisunique ORDER BY 1",
        ],
    };
    sql.map(|sql| database.lines(sql))
}

#[test]
fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (Database::sqlite(), Database::postgres());
    for database in [&sqlite, &postgres] {
        database.open();
    }
    assert_eq!(columns(&sqlite), columns(&postgres));
    assert!(
        columns(&sqlite).len() > 200 && columns(&sqlite).contains(&"payments|fee_bps|bigint|NO|".to_owned())
    );
    let (ours, theirs) = (keys(&sqlite), keys(&postgres));
    assert!(ours.iter().all(|lines| lines.len() > 15));
    assert_eq!(ours, theirs);
    assert_eq!(
        ours,
        keys(&{
            let old = Database::postgres();
            version_1(&old);
            old.open();
            old
        })
    );
}
