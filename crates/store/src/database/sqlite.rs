//! The SQLite file: one writer at a time, several readers, write-ahead log, full durability.
//!
//! Writers that come while another one works join its transaction, each in a savepoint of its own, and the last
//! one commits for all: one wait for the disk instead of many. Nobody is answered before the commit is on disk.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::{Unavailable, of_sqlite};
use super::group::Ending;
use super::migrations;
use super::tally;
use super::tx::Tx;

/// How long a connection waits for another process's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// The writer's pages stay in memory: it is the only one who changes them.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// How much the log grows before it is written back, in pages of 4 KiB: a payment writes some forty.
const CHECKPOINT_PAGES: i64 = 8_000;
/// How long readers may keep the log from being cut: nobody writes meanwhile.
const LOG_PATIENCE: Duration = Duration::from_millis(200);
/// Kept open; whoever comes beyond opens one for himself, which costs more than reading.
const READERS_MAX: usize = 64;
/// How many use cases share one commit at most: the first of them waits for the last.
const GROUP_MAX: usize = 128;
/// Room for every statement there is, so that none is prepared twice.
const STATEMENTS: usize = 256;

const ROLLED_BACK: &str = "the transaction was rolled back by the database";

pub(super) struct File {
    path: PathBuf,
    writer: Mutex<Writer>,
    /// How many threads are about to take the writer: whoever finishes while this is above zero leaves the commit
    /// to one of them.
    coming: AtomicUsize,
    readers: Mutex<Vec<Connection>>,
}

struct Writer {
    connection: Connection,
    group: Option<Group>,
    commits: usize,
}

struct Group {
    ending: Arc<Ending>,
    members: usize,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path)
            .map_err(of_sqlite)
            .with_context(|| format!("opening the database {}", path.display()))?;
        configure(&connection)?;
        migrations::bring_up_to_date(&mut connection)
            .with_context(|| format!("bringing the tables of {} up to date", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(Writer { connection, group: None, commits: 0 }),
            coming: AtomicUsize::new(0),
            readers: Mutex::new(Vec::new()),
        })
    }

    pub(super) fn write<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        tally::transaction(true);
        let asked = Instant::now();
        self.coming.fetch_add(1, Ordering::SeqCst);
        let mut writer = lock(&self.writer);
        self.coming.fetch_sub(1, Ordering::SeqCst);
        let ending = writer.join(asked.elapsed())?;
        // A panic must not keep the others of the group waiting.
        let done = catch_unwind(AssertUnwindSafe(|| writer.in_savepoint(work)));
        if writer.is_full() || self.coming.load(Ordering::SeqCst) == 0 {
            writer.commit();
        }
        drop(writer);
        let value = done.unwrap_or_else(|panic| resume_unwind(panic))?;
        ending.wait().map_err(|fault| E::from(anyhow::Error::new(fault).context("committing")))?;
        Ok(value)
    }

    pub(super) fn read<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        tally::transaction(false);
        let idle = lock(&self.readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let result = {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
            let transaction = begun.map_err(of_sqlite).context("beginning a read transaction")?;
            work(&Tx::sqlite(&transaction))
        };
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_MAX {
            readers.push(connection);
        }
        result
    }

    /// How many commits there were, of groups of any size.
    pub(super) fn commits(&self) -> usize {
        lock(&self.writer).commits
    }

    /// Writes the log back into the file and cuts it; `false` when a reader still needs it.
    pub(super) fn truncate_log(&self) -> Result<bool> {
        let mut writer = lock(&self.writer);
        writer.commit();
        writer.connection.busy_timeout(LOG_PATIENCE).context("setting the busy timeout")?;
        let busy: i64 = writer
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(of_sqlite)
            .context("cutting the write-ahead log")?;
        Ok(busy == 0)
    }

    fn open_reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)
            .map_err(of_sqlite)
            .context("opening a reading connection")?;
        connection.busy_timeout(BUSY_TIMEOUT).context("setting the busy timeout")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }
}

impl Writer {
    /// Begins a transaction, or joins the one that is open.
    fn join(&mut self, waited: Duration) -> Result<Arc<Ending>> {
        // SQLite rolls back by itself when the disk is full or fails: that group is over.
        if self.connection.is_autocommit() {
            self.commit();
        }
        if self.group.is_none() {
            // Those who stood in line while another process held the lock do not wait for it one after the other.
            let patience = BUSY_TIMEOUT.saturating_sub(waited);
            self.connection.busy_timeout(patience).context("setting the busy timeout")?;
            self.run("BEGIN IMMEDIATE").context("beginning a write transaction")?;
            self.group = Some(Group { ending: Arc::default(), members: 0 });
        }
        let group = self.group.as_mut().expect("a group was just made sure of");
        group.members += 1;
        Ok(Arc::clone(&group.ending))
    }

    fn is_full(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.members >= GROUP_MAX)
    }

    /// Runs one member's work so that, if it fails, nothing of it stays and the others' work does.
    fn in_savepoint<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run("SAVEPOINT member").context("beginning a savepoint")?;
        let undo = Undo { writer: self, armed: true };
        let value = work(Tx::sqlite(&self.connection))?;
        ensure_open(&self.connection).map_err(anyhow::Error::new)?;
        self.run("RELEASE member").context("ending a savepoint")?;
        undo.disarm();
        Ok(value)
    }

    /// Ends the open transaction, if there is one, and tells its members.
    fn commit(&mut self) {
        let Some(group) = self.group.take() else { return };
        self.commits += 1;
        // SQLite rolls back by itself when the disk is full or fails.
        let ended = if self.connection.is_autocommit() {
            Err(ROLLED_BACK.to_owned())
        } else {
            self.run("COMMIT").map_err(|error| format!("{error:#}"))
        };
        if ended.is_err() && !self.connection.is_autocommit() {
            self.roll_back("ROLLBACK");
        }
        group.ending.tell(ended);
    }

    fn run(&self, sql: &str) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(of_sqlite)?;
        statement.execute([]).map_err(of_sqlite)?;
        Ok(())
    }

    /// A rollback that fails leaves the transaction open; the commit then fails as well, and everybody is told.
    fn roll_back(&self, sql: &str) {
        if let Err(error) = self.run(sql) {
            tracing::error!(error = format!("{error:#}"), sql, "a rollback failed");
        }
    }
}

/// Takes one member's work back when it is dropped armed, which is on an error and on a panic.
struct Undo<'a> {
    writer: &'a Writer,
    armed: bool,
}

impl Undo<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed && !self.writer.connection.is_autocommit() {
            self.writer.roll_back("ROLLBACK TO member");
            self.writer.roll_back("RELEASE member");
        }
    }
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT).context("setting the busy timeout")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    write_ahead(connection)?;
    for (pragma, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("secure_delete", "ON")] {
        set(connection, pragma, value)?;
    }
    set(connection, "cache_size", -WRITER_CACHE_KIB)?;
    set(connection, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

fn set(connection: &Connection, pragma: &str, value: impl rusqlite::ToSql) -> Result<()> {
    let set = connection.pragma_update(None, pragma, value).map_err(of_sqlite);
    set.with_context(|| format!("setting {pragma}"))
}

/// Of several processes that open a new file at once, one turns the write-ahead log on. SQLite does not wait for
/// that by itself as it does for other locks.
fn write_ahead(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let turned = connection.pragma_update(None, "journal_mode", "WAL");
        let busy =
            turned.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if !busy || Instant::now() >= deadline {
            return turned.map_err(of_sqlite).context("setting journal_mode");
        }
        std::thread::sleep(BUSY_PAUSE);
    }
}

/// After a full or failing disk SQLite is no longer in a transaction: a statement would be on its own.
pub(super) fn ensure_open(connection: &Connection) -> Result<(), Unavailable> {
    if connection.is_autocommit() { Err(Unavailable(ROLLED_BACK.to_owned())) } else { Ok(()) }
}

/// A panic in another use case rolled its work back; the connection itself is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tests see and change.
#[cfg(test)]
impl File {
    pub(super) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// A file that may not grow stands for a full disk.
    pub(super) fn limit_pages(&self, pages: u32) {
        lock(&self.writer).connection.pragma_update(None, "max_page_count", pages).unwrap();
    }
}
