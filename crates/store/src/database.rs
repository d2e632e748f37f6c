//! The database behind the store: a SQLite file or a PostgreSQL server, with the same promises.
//!
//! Every use case is one transaction over [`Tx`]. On SQLite there is one writer at a time. On PostgreSQL there
//! are many, at read committed: what a decision depends on is read with [`Tx::first_locked`], so that it is still
//! true when the decision is written. Decision page 3 lists which row guards what.

use std::path::Path;

use anyhow::Result;

mod fault;
mod group;
mod migrations;
mod pool;
mod postgres;
mod sqlite;
mod tally;
mod tx;

pub use fault::{Unavailable, is_unavailable};
pub use tally::{Tally, Use};
pub use tx::Tx;

use self::pool::Pool;
use self::sqlite::File;

/// The database of one installation.
pub struct Store {
    backend: Backend,
    pushes: bool,
}

enum Backend {
    Sqlite(File),
    Postgres(Pool),
}

impl Store {
    /// Opens a SQLite file, creates it if there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// The file cannot be opened or written, is no database, or comes from a newer version of Surety.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { backend: Backend::Sqlite(File::open(path)?), pushes: false })
    }

    /// Opens a PostgreSQL database and brings its tables up to date. Several processes may share it.
    ///
    /// # Errors
    /// The address is none, the server cannot be reached, or the tables come from a newer version of Surety.
    pub fn connect(url: &str) -> Result<Self> {
        Ok(Self { backend: Backend::Postgres(Pool::open(url)?), pushes: false })
    }

    /// From now on messages to payers leave through the outbox as well, for a push gateway.
    #[must_use]
    pub fn pushing(self) -> Self {
        Self { pushes: true, ..self }
    }

    /// Runs `work` in a write transaction: commits when it returns `Ok`, leaves nothing when it returns `Err`.
    ///
    /// On PostgreSQL `work` may be run again from the start, when two transactions waited for each other: it must
    /// have no effect but on the transaction and on what it returns.
    ///
    /// # Errors
    /// What `work` returns, or a database that cannot begin or commit; see [`is_unavailable`].
    pub fn write<T, E: From<anyhow::Error>>(
        &self,
        mut work: impl FnMut(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let work = |tx: Tx<'_>| work(&tx.pushing(self.pushes));
        match &self.backend {
            Backend::Sqlite(file) => file.write(work),
            Backend::Postgres(pool) => pool.write(work),
        }
    }

    /// What was deleted is gone from the files as well, as far as this process can see to it: on SQLite the
    /// write-ahead log, which holds copies of pages as they were, is written back and cut to nothing. `false` when a
    /// reader is in the way: try again. On PostgreSQL that is the server's affair (`VACUUM`).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget_deleted(&self) -> Result<bool> {
        match &self.backend {
            Backend::Sqlite(file) => file.truncate_log(),
            Backend::Postgres(_) => Ok(true),
        }
    }

    /// How many commits this store made on SQLite, where several transactions share one; none on PostgreSQL.
    #[must_use]
    pub fn commits(&self) -> usize {
        match &self.backend {
            Backend::Sqlite(file) => file.commits(),
            Backend::Postgres(_) => 0,
        }
    }

    /// Runs `work` on one consistent state of the database, without waiting for writers.
    ///
    /// # Errors
    /// What `work` returns, or a database that cannot be read; see [`is_unavailable`].
    pub fn read<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.backend {
            Backend::Sqlite(file) => file.read(work),
            Backend::Postgres(pool) => pool.read(work),
        }
    }
}

/// The tables as they were first released.
#[cfg(test)]
pub(crate) const FIRST: [&str; 2] = [migrations::SQLITE[0], migrations::POSTGRES[0]];

/// What tests of group commit see and change.
#[cfg(test)]
impl Store {
    fn file(&self) -> &File {
        match &self.backend {
            Backend::Sqlite(file) => file,
            Backend::Postgres(_) => panic!("this test is about SQLite"),
        }
    }

    pub(crate) fn coming(&self) -> usize {
        self.file().coming()
    }

    pub(crate) fn limit_pages(&self, pages: Option<u32>) {
        self.file().limit_pages(pages.unwrap_or(u32::MAX - 1));
    }
}
