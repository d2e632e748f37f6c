//! The books, read beside the server: what the test compares answers with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgserver::{Binaries, PgServer};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use crate::process::workspace;

/// Where the books are.
pub(crate) enum Books {
    Sqlite(PathBuf),
    Postgres(&'static PgServer, String),
    /// On a server that is killed.
    Mortal(Arc<Mutex<PgServer>>, String),
}

/// The server that all tests of this process share, but for those that kill theirs.
pub(crate) fn postgres() -> &'static PgServer {
    PgServer::shared(&binaries()).unwrap_or_else(|error| panic!("{error:#}"))
}

pub(crate) fn binaries() -> Binaries {
    Binaries::find(&workspace()).unwrap_or_else(|error| panic!("{error:#}"))
}

impl Books {
    /// The rows of a query as text; nothing for NULL. No text of the tests holds a `|`.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(path) => sqlite_rows(path, sql),
            Self::Postgres(server, name) => psql_rows(server, name, sql),
            Self::Mortal(server, name) => psql_rows(&server.lock().unwrap(), name, sql),
        }
    }

    /// Changes what no request can change, such as a date.
    pub(crate) fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(path) => {
                let database = Connection::open(path).unwrap();
                database.busy_timeout(Duration::from_secs(10)).unwrap();
                database.execute_batch(sql).unwrap();
            }
            Self::Postgres(server, name) => drop(psql_rows(server, name, sql)),
            Self::Mortal(server, name) => drop(psql_rows(&server.lock().unwrap(), name, sql)),
        }
    }
}

fn psql_rows(server: &PgServer, name: &str, sql: &str) -> Vec<Vec<String>> {
    let text = server.psql(name, sql).unwrap_or_else(|error| panic!("{error:#}"));
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

fn sqlite_rows(path: &Path, sql: &str) -> Vec<Vec<String>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let columns = statement.column_count();
    let text = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at).map(as_text)).collect();
    statement.query_map([], text).unwrap().map(Result::unwrap).collect()
}

fn as_text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(_) => panic!("no query of the tests reads bytes"),
    }
}
