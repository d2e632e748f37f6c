//! The SQLite file: one writer, several readers, write-ahead log, full durability.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::value::{Row, Value};

/// Forward only; a released step is never edited.
const MIGRATIONS: &[M<'_>] = &[M::up(include_str!("../migrations/0001_first.sql"))];
/// How long a connection waits for another process's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_MAX: usize = 8;

/// The database of one installation.
pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// A transaction. Everything a use case reads and writes goes through one of these.
pub struct Tx<'a>(rusqlite::Transaction<'a>);

impl Store {
    /// Opens the file, creates it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened or written, is no database, or comes from a newer version of Surety.
    pub fn open(path: &Path) -> Result<Self> {
        let mut writer =
            Connection::open(path).with_context(|| format!("opening the database {}", path.display()))?;
        configure(&writer)?;
        Migrations::from_slice(MIGRATIONS)
            .to_latest(&mut writer)
            .with_context(|| format!("bringing the tables of {} up to date", path.display()))?;
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::new(Vec::new()) })
    }

    /// Runs `work` in a write transaction: commits when it returns `Ok`, leaves nothing when it returns `Err`.
    ///
    /// # Errors
    /// What `work` returns, or a database that cannot begin or commit.
    pub fn write<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = lock(&self.writer);
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let tx = Tx(begun.context("beginning a write transaction")?);
        let value = work(&tx)?;
        tx.0.commit().context("committing a write transaction")?;
        Ok(value)
    }

    /// Runs `work` on one consistent state of the database, without waiting for writers.
    ///
    /// # Errors
    /// What `work` returns, or a database that cannot be read.
    pub fn read<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = lock(&self.readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let result = {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
            work(&Tx(begun.context("beginning a read transaction")?))
        };
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_MAX {
            readers.push(connection);
        }
        result
    }

    fn open_reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).context("opening a reading connection")?;
        connection.busy_timeout(BUSY_TIMEOUT).context("setting the busy timeout")?;
        Ok(connection)
    }
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT).context("setting the busy timeout")?;
    for (pragma, value) in
        [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON"), ("secure_delete", "ON")]
    {
        connection.pragma_update(None, pragma, value).with_context(|| format!("setting {pragma}"))?;
    }
    Ok(())
}

/// A panic in another use case rolled its transaction back; the connection itself is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tx<'_> {
    /// Runs one statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<usize> {
        let mut statement = self.0.prepare_cached(sql).with_context(|| format!("preparing: {sql}"))?;
        statement.execute(rusqlite::params_from_iter(values)).with_context(|| format!("running: {sql}"))
    }

    /// Runs one statement that must change exactly one row. Anything else is our own mistake.
    pub(crate) fn execute_one(&self, sql: &str, values: &[Value]) -> Result<()> {
        let changed = self.execute(sql, values)?;
        assert!(changed == 1, "expected to change one row, changed {changed}: {sql}");
        Ok(())
    }

    /// All rows of a query.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.0.prepare_cached(sql).with_context(|| format!("preparing: {sql}"))?;
        let mut rows =
            statement.query(rusqlite::params_from_iter(values)).with_context(|| format!("running: {sql}"))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().with_context(|| format!("reading: {sql}"))? {
            found.push(read(&Row(row))?);
        }
        Ok(found)
    }

    /// The first row of a query.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, values, read)?.into_iter().next())
    }

    /// The single number a query returns.
    pub(crate) fn number(&self, sql: &str, values: &[Value]) -> Result<i64> {
        let found = self.first(sql, values, |row| row.0.get(0).context("reading a number"))?;
        found.with_context(|| format!("no row for: {sql}"))
    }
}
