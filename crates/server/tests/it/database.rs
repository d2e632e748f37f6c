//! The database behind the server: SQLite in the data folder, or, when `SURETY_TEST_DATABASE=postgres`, one of its
//! own on a private PostgreSQL. Everything it holds, to see whether a refused request changed anything.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgserver::{Binaries, PgServer};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use scenario::Server;
use serde_json::json;

use crate::fixture::workspace;

const VARIABLE: &str = "SURETY_TEST_DATABASE";
/// The server may be writing.
const BUSY: Duration = Duration::from_secs(20);

/// Which of the two the tests run on.
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
pub(crate) fn on_postgres() -> bool {
    match env::var(VARIABLE).as_deref() {
        Ok("postgres") => true,
        Err(_) | Ok("" | "sqlite") => false,
        Ok(other) => panic!("{VARIABLE} is sqlite or postgres, not {other}"),
    }
}

/// An empty PostgreSQL database.
pub(crate) fn new_database() -> anyhow::Result<String> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    PgServer::shared(&Binaries::find(&workspace())?)?
        .create_database(&format!("it_{}_{number}", process::id()))
}

/// Does to the database what nobody may do; returns how many rows were changed.
pub(crate) fn tamper(server: &Server, sql: &str) -> usize {
    match server.database() {
        Some(url) => {
            let answer =
                psql(url, &format!("WITH changed AS ({sql} RETURNING 1) SELECT count(*) FROM changed"));
            answer.trim().parse().unwrap_or_else(|_| panic!("{sql}: {answer}"))
        }
        None => {
            let database = Connection::open(server.data().join("surety.db")).unwrap();
            database.busy_timeout(BUSY).unwrap();
            database.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"))
        }
    }
}

pub(crate) fn psql(url: &str, sql: &str) -> String {
    let name = url.rsplit('/').next().unwrap();
    PgServer::shared(&Binaries::find(&workspace()).unwrap()).unwrap().psql(name, sql).unwrap()
}

/// Every row of every table, as JSON, by table.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Dump(BTreeMap<String, Vec<String>>);

impl Dump {
    /// But for what was signed with: every signed request that changes something, or tries to, leaves that.
    pub(crate) fn of(server: &Server) -> Self {
        let mut tables = server.database().map_or_else(|| sqlite(server), postgres);
        // What the background writes of itself, whenever it comes to it.
        for table in ["signature_nonces", "gallery_jobs"] {
            tables.remove(table).unwrap();
        }
        assert!(tables.len() > 10, "the schema is there: {:?}", tables.keys());
        Self(tables)
    }

    /// The rows of one table.
    pub(crate) fn table(&self, name: &str) -> &[String] {
        &self.0[name]
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.0.values().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// All but one table.
    pub(crate) fn but(mut self, table: &str) -> Self {
        assert!(self.0.remove(table).is_some(), "there is no table {table}");
        self
    }

    /// All but what is noted of refused captures that look like an attack: a trace, and no effect.
    pub(crate) fn but_notes(mut self) -> Self {
        self.0.get_mut("events").unwrap().retain(|event| !event.contains("capture_refused"));
        self
    }

    /// Fails, naming the tables and rows that differ.
    pub(crate) fn assert_same(&self, after: &Self, what: &str) {
        let mut changes = String::new();
        for (table, rows) in &self.0 {
            let now = &after.0[table];
            for row in now.iter().filter(|row| !rows.contains(row)) {
                changes.push_str(&format!("+ {table}: {row}\n"));
            }
            for row in rows.iter().filter(|row| !now.contains(row)) {
                changes.push_str(&format!("- {table}: {row}\n"));
            }
        }
        assert!(changes.is_empty() && self == after, "{what} changed the database:\n{changes}");
    }
}

/// Every column of every table of ours.
pub(crate) fn columns(server: &Server) -> BTreeSet<(String, String)> {
    let Some(url) = server.database() else {
        let database = Connection::open(server.data().join("surety.db")).unwrap();
        let sql = "SELECT m.name, p.name FROM sqlite_schema m JOIN pragma_table_info(m.name) p
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'";
        let mut statement = database.prepare(sql).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        return found.map(Result::unwrap).collect();
    };
    // What the migrations note of themselves is not in SQLite's tables.
    let sql = "SELECT table_name, column_name FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> 'schema_version'";
    let found = psql(url, sql);
    found.lines().filter_map(|line| line.split_once('|')).map(|(t, c)| (t.to_owned(), c.to_owned())).collect()
}

fn postgres(url: &str) -> BTreeMap<String, Vec<String>> {
    let names = psql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    let rows = |name: &str| format!("SELECT '{name}', row_to_json(t)::text FROM \"{name}\" t");
    let all: Vec<String> = names.lines().map(rows).collect();
    let mut tables: BTreeMap<String, Vec<String>> =
        names.lines().map(|name| (name.to_owned(), Vec::new())).collect();
    for line in psql(url, &format!("{} ORDER BY 1, 2", all.join(" UNION ALL "))).lines() {
        let (table, row) = line.split_once('|').unwrap();
        tables.get_mut(table).unwrap().push(row.to_owned());
    }
    tables
}

fn sqlite(server: &Server) -> BTreeMap<String, Vec<String>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(server.data().join("surety.db"), flags).unwrap();
    let mut names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.into_iter().map(|name| (name.clone(), rows(&database, &name))).collect()
}

fn rows(database: &Connection, table: &str) -> Vec<String> {
    let mut all = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
    let columns: Vec<String> = all.column_names().into_iter().map(str::to_owned).collect();
    let text = |row: &rusqlite::Row<'_>| {
        let values = columns.iter().map(|column| {
            let value = match row.get(column.as_str())? {
                Value::Null => json!(null),
                Value::Integer(integer) => json!(integer),
                Value::Real(real) => json!(real),
                Value::Text(text) => json!(text),
                Value::Blob(bytes) => json!(hex(&bytes)),
            };
            Ok((column.clone(), value))
        });
        let values: Result<serde_json::Map<String, serde_json::Value>, rusqlite::Error> = values.collect();
        values.map(|values| serde_json::Value::Object(values).to_string())
    };
    all.query_map([], text).unwrap().map(Result::unwrap).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
