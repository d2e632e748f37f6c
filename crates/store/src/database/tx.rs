//! The seam to the drivers: statements with positional values, rows by column name.

use anyhow::{Context, Result};
use rusqlite::Connection;

use super::fault::of_sqlite;
use super::postgres::PgTx;
use super::sqlite::ensure_open;
use super::tally;
use crate::value::{Row, Value};

/// A transaction. Everything a use case reads and writes goes through one of these.
pub struct Tx<'a> {
    driver: Driver<'a>,
    pushes: bool,
}

enum Driver<'a> {
    Sqlite(&'a Connection),
    Postgres(&'a PgTx<'a>),
}

impl<'a> Tx<'a> {
    pub(super) fn sqlite(connection: &'a Connection) -> Self {
        Self { driver: Driver::Sqlite(connection), pushes: false }
    }

    pub(super) fn postgres(transaction: &'a PgTx<'a>) -> Self {
        Self { driver: Driver::Postgres(transaction), pushes: false }
    }

    pub(super) const fn pushing(self, pushes: bool) -> Self {
        Self { pushes, ..self }
    }

    /// Do messages to payers leave for a push gateway as well?
    pub(crate) const fn pushes(&self) -> bool {
        self.pushes
    }

    /// Is this PostgreSQL?
    pub(crate) const fn is_postgres(&self) -> bool {
        match self.driver {
            Driver::Postgres(_) => true,
            Driver::Sqlite(_) => false,
        }
    }

    /// Runs one statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<usize> {
        match self.driver {
            Driver::Sqlite(connection) => {
                ensure_open(connection)?;
                tally::statement();
                let mut statement = connection
                    .prepare_cached(sql)
                    .map_err(of_sqlite)
                    .with_context(|| format!("preparing: {sql}"))?;
                statement
                    .execute(rusqlite::params_from_iter(values))
                    .map_err(of_sqlite)
                    .with_context(|| format!("running: {sql}"))
            }
            Driver::Postgres(transaction) => transaction.execute(sql, values),
        }
    }

    /// Runs one statement that must change exactly one row. Anything else is our own mistake, and stops the
    /// transaction: at once, or at the latest before it commits.
    pub(crate) fn execute_one(&self, sql: &str, values: &[Value]) -> Result<()> {
        match self.driver {
            Driver::Sqlite(_) => {
                let changed = self.execute(sql, values)?;
                assert!(changed == 1, "expected to change one row, changed {changed}: {sql}");
                Ok(())
            }
            Driver::Postgres(transaction) => transaction.execute_one_later(sql, values),
        }
    }

    /// All rows of a query.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let connection = match self.driver {
            Driver::Sqlite(connection) => connection,
            Driver::Postgres(transaction) => {
                let rows = transaction.query(sql, values)?;
                return rows.iter().map(|row| read(&Row::Postgres(row))).collect();
            }
        };
        ensure_open(connection)?;
        tally::statement();
        let mut statement =
            connection.prepare_cached(sql).map_err(of_sqlite).with_context(|| format!("preparing: {sql}"))?;
        let mut rows = statement
            .query(rusqlite::params_from_iter(values))
            .map_err(of_sqlite)
            .with_context(|| format!("running: {sql}"))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(of_sqlite).with_context(|| format!("reading: {sql}"))? {
            found.push(read(&Row::Sqlite(row))?);
        }
        Ok(found)
    }

    /// All rows of a query, which nobody else changes before this transaction ends.
    pub(crate) fn all_locked<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.driver {
            // There is one writer at a time: everything it reads is locked.
            Driver::Sqlite(_) => self.all(sql, values, read),
            Driver::Postgres(transaction) if transaction.writes() => {
                self.all(&format!("{sql} FOR NO KEY UPDATE"), values, read)
            }
            Driver::Postgres(_) => self.all(sql, values, read),
        }
    }

    /// Sends the queries of `read` to the server without waiting for their answers: read again soon, in the same
    /// order, they are answered at once. What is written in between they do not see. On SQLite it does nothing.
    pub fn ahead<T>(&self, read: impl FnOnce(&Self) -> Result<T>) {
        match self.driver {
            Driver::Postgres(transaction) => transaction.ahead(|| read(self)),
            Driver::Sqlite(_) => {}
        }
    }

    /// What was asked ahead and not read is out of date.
    pub(crate) fn forget_ahead(&self) -> Result<()> {
        match self.driver {
            Driver::Postgres(transaction) => transaction.forget_ahead(),
            Driver::Sqlite(_) => Ok(()),
        }
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

    /// The first row of a query, which nobody else changes before this transaction ends.
    pub(crate) fn first_locked<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all_locked(sql, values, read)?.into_iter().next())
    }

    /// Waits until no other transaction holds this name, and holds it until this one ends: for what no row stands for
    /// yet. On SQLite there is one writer anyway.
    pub(crate) fn lock_name(&self, name: &str) -> Result<()> {
        match self.driver {
            Driver::Postgres(transaction) if transaction.writes() => {
                transaction.lock("SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))", &[name.into()])
            }
            Driver::Postgres(_) | Driver::Sqlite(_) => Ok(()),
        }
    }

    /// All rows of a query, none of which goes before this transaction ends; others may read them the same way.
    pub(crate) fn all_pinned<T>(
        &self,
        sql: &str,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self.driver {
            Driver::Postgres(transaction) if transaction.writes() => {
                self.all(&format!("{sql} FOR KEY SHARE"), values, read)
            }
            Driver::Postgres(_) | Driver::Sqlite(_) => self.all(sql, values, read),
        }
    }

    /// Waits until nobody who pinned or wrote rows of this table is still at it, and keeps others from beginning
    /// before this transaction ends. On SQLite there is one writer anyway.
    pub(crate) fn lock_table(&self, table: &'static str) -> Result<()> {
        match self.driver {
            Driver::Postgres(transaction) => {
                transaction.execute(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE"), &[]).map(drop)
            }
            Driver::Sqlite(_) => Ok(()),
        }
    }

    /// The single number a query returns, in a column called `n`.
    pub(crate) fn number(&self, sql: &str, values: &[Value]) -> Result<i64> {
        let found = self.first(sql, values, |row| row.integer("n"))?;
        found.with_context(|| format!("no row for: {sql}"))
    }
}
