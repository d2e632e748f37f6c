//! Every test runs on a SQLite file and on a PostgreSQL server; see [`on_both`].

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use pgserver::{Binaries, PgServer};
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use super::{Store, Tx};

mod books;
mod credentials;
mod drift;
mod faults;
mod fixture;
mod groups;
mod holders;
mod keys;
mod logins;
mod migrations;
mod money;
mod passkeys;
mod rows;
mod terminals;
mod transactions;

/// Makes `sqlite::name` and `postgres::name` of each function `name(&Database)`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&crate::tests::Database::sqlite()); })+
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(&crate::tests::Database::postgres()); })+
        }
    };
}
pub(crate) use on_both;

/// A database of its own for one test.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = PgServer::shared(&binaries()).unwrap();
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::Postgres(server.create_database(&name).unwrap())
    }

    /// Opens it, any number of times: each store stands for a process.
    pub(crate) fn try_open(&self) -> Result<Store> {
        match self {
            Self::Sqlite(folder) => Store::open(&folder.path().join("surety.db")),
            Self::Postgres(url) => Store::connect(url),
        }
    }

    /// Runs SQL behind the store's back.
    pub(crate) fn batch(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => self.file().execute_batch(sql).unwrap(),
            Self::Postgres(_) => drop(self.lines(sql)),
        }
    }

    /// What a query finds: a row a line, its values divided by `|`.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(_) => {
                let file = self.file();
                let mut statement = file.prepare(sql).unwrap();
                let columns = statement.column_count();
                let line = |row: &rusqlite::Row<'_>| {
                    let values: rusqlite::Result<Vec<String>> =
                        (0..columns).map(|at| row.get_ref(at).map(shown)).collect();
                    Ok(values?.join("|"))
                };
                statement.query_map([], line).unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres(url) => {
                let (_, name) = url.rsplit_once('/').unwrap();
                let found = PgServer::shared(&binaries()).unwrap().psql(name, sql).unwrap();
                found.lines().map(str::to_owned).collect()
            }
        }
    }

    fn file(&self) -> rusqlite::Connection {
        match self {
            Self::Sqlite(folder) => rusqlite::Connection::open(folder.path().join("surety.db")).unwrap(),
            Self::Postgres(_) => panic!("there is no file"),
        }
    }

    pub(crate) fn open(&self) -> Store {
        self.try_open().unwrap()
    }
}

/// A value of SQLite, as `psql` shows one.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        ValueRef::Blob(bytes) => format!("{bytes:?}"),
    }
}

pub(crate) fn binaries() -> Binaries {
    Binaries::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// A write or a read with the errors of the crate itself.
pub(crate) fn write<T>(store: &Store, work: impl FnMut(&Tx<'_>) -> Result<T>) -> Result<T> {
    store.write(work)
}

pub(crate) fn read<T>(store: &Store, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
    store.read(work).unwrap()
}
