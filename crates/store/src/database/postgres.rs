//! One connection to PostgreSQL, and a transaction on it.
//!
//! Writes whose result nobody needs at once are sent without waiting for their answer and looked at before the
//! next read or the commit. Reads that are known to come are asked for ahead, several at once. A use case then
//! costs about as many round trips as it has questions that depend on earlier answers.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::fault::{Remedy, Unavailable, of_postgres, remedy};
use super::tally;
use crate::value::Value;

/// Waiting is bounded, and a commit is on disk before it is answered, whatever the
/// server's own settings say.
const SESSION: &str = "SET synchronous_commit = on; SET lock_timeout = '5s'; SET statement_timeout = '30s';
     SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

/// No answer comes later than this, since the server bounds every statement itself: then it is frozen, or gone without
/// a word.
#[cfg(not(test))]
const PATIENCE: Duration = Duration::from_secs(40);
#[cfg(test)]
const PATIENCE: Duration = Duration::from_secs(8);
/// One to see that something came, one to read it, one to spare.
const LISTEN_ROUNDS: usize = 3;

/// A connection with the runtime that drives it. One thread uses it at a time.
pub(super) struct PgConnection {
    runtime: Runtime,
    client: Arc<Client>,
    driver: AbortHandle,
    statements: RefCell<HashMap<String, Statement>>,
}

impl PgConnection {
    pub(super) fn open(config: &Config) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a connection's runtime")?;
        let connected = runtime.block_on(async { timeout(PATIENCE, config.connect(NoTls)).await });
        let Ok(connected) = connected else {
            return Err(Unavailable("no answer to a connection".to_owned()).into());
        };
        let (client, connection) = connected.map_err(of_postgres).context("connecting to PostgreSQL")?;
        // Its end shows as an error of every later statement.
        let driver = runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        let driver = driver.abort_handle();
        let connection = Self { runtime, client: Arc::new(client), driver, statements: RefCell::default() };
        connection.set_up()?;
        Ok(connection)
    }

    /// Gives the session the settings it works with.
    pub(super) fn set_up(&self) -> Result<()> {
        self.run(SESSION).context("setting a session up")
    }

    /// Has the server ended it? While nobody waits for an answer, nobody hears what the server says, so this
    /// listens for a moment.
    pub(super) fn is_closed(&self) -> bool {
        self.runtime.block_on(async {
            for _ in 0..LISTEN_ROUNDS {
                tokio::task::yield_now().await;
            }
        });
        self.client.is_closed()
    }

    /// Waits for an answer. When none comes the connection is cut, and the answer is that it is closed.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            let mut answer = pin!(answer);
            if let Ok(answer) = timeout(PATIENCE, &mut answer).await {
                return answer;
            }
            tracing::error!("PostgreSQL does not answer: its connection is cut");
            self.driver.abort();
            answer.await
        })
    }

    /// Runs statements without values.
    pub(super) fn run(&self, sql: &str) -> Result<()> {
        self.wait(self.client.batch_execute(sql)).map_err(of_postgres)
    }

    /// Runs statements without values however long they take, for migrations.
    pub(super) fn run_patiently(&self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(of_postgres)
    }

    /// The single number a query without values returns, in a column called `n`.
    pub(super) fn number(&self, sql: &str) -> Result<i64> {
        let row = self.wait(self.client.query_one(sql, &[])).map_err(of_postgres)?;
        row.try_get("n").context("reading a number")
    }

    fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.borrow().get(sql).cloned()
    }

    fn prepare(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let statement = self.wait(self.client.prepare(&numbered(sql)))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// `?1` is how SQLite numbers values and how we write them; PostgreSQL says `$1`. No statement of ours has a
/// question mark elsewhere.
fn numbered(sql: &str) -> Cow<'_, str> {
    if sql.contains('?') { Cow::Owned(sql.replace('?', "$")) } else { Cow::Borrowed(sql) }
}

type Sent = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>>>>;

/// A statement that was sent and not looked at.
struct Later {
    sql: String,
    answer: Sent,
    /// What it already answered, when that was seen while sending.
    early: Option<Result<u64, tokio_postgres::Error>>,
    one_row: bool,
}

type Rows = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>>>>;

/// A query that was sent before it was asked.
struct Ahead {
    sql: String,
    values: Vec<Value>,
    rows: Rows,
}

/// A transaction on a connection.
pub(super) struct PgTx<'a> {
    connection: &'a PgConnection,
    writes: bool,
    later: RefCell<Vec<Later>>,
    ahead: RefCell<VecDeque<Ahead>>,
    /// Are queries only sent, to be asked again when their answers are needed?
    only_sending: Cell<bool>,
    /// What could help after the first statement that failed.
    failure: Cell<Option<Remedy>>,
}

impl<'a> PgTx<'a> {
    /// Begins; the server hears of it with the first statement.
    pub(super) fn begin(connection: &'a PgConnection, writes: bool) -> Self {
        tally::transaction(writes);
        let transaction = Self {
            connection,
            writes,
            later: RefCell::default(),
            ahead: RefCell::default(),
            only_sending: Cell::new(false),
            failure: Cell::new(None),
        };
        let sql = if writes {
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        transaction.send_batch(sql);
        transaction
    }

    pub(super) const fn writes(&self) -> bool {
        self.writes
    }

    /// What could help after this transaction failed.
    pub(super) fn remedy(&self) -> Remedy {
        self.failure.get().unwrap_or(Remedy::None)
    }

    /// # Panics
    /// When a statement that must change one row changed another number: nothing is committed then.
    pub(super) fn commit(&self) -> Result<()> {
        self.forget_ahead()?;
        // An insert that does not insert fails, and the server then takes COMMIT for ROLLBACK; what else must change
        // one row is looked at before.
        let inserts =
            |sql: &str| sql.starts_with("INSERT") && sql.contains("VALUES") && !sql.contains("ON CONFLICT");
        let certain = |later: &Later| !later.one_row || inserts(&later.sql);
        if self.failure.get().is_some() || !self.later.borrow().iter().all(certain) {
            tally::wait();
            self.settle()?;
        }
        // The server would take the COMMIT for a ROLLBACK and call that a success.
        let swallowed = "an error was passed over, and with it the transaction ended";
        match self.failure.get() {
            Some(Remedy::Later) => return Err(Unavailable(swallowed.to_owned()).into()),
            Some(Remedy::Again | Remedy::Twin | Remedy::None) => bail!(swallowed),
            None => {}
        }
        self.send_batch("COMMIT");
        if !self.writes {
            // Nothing hangs on how reading ends; the connection sends this before it goes back.
            self.later.borrow_mut().clear();
            return Ok(());
        }
        tally::wait();
        self.settle().context("committing")
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.later.borrow_mut().clear();
        self.ahead.borrow_mut().clear();
        self.connection.run("ROLLBACK")
    }

    pub(super) fn execute(&self, sql: &str, values: &[Value]) -> Result<usize> {
        assert!(!self.only_sending.get(), "only reads are asked for ahead: {sql}");
        let statement = self.prepare(sql)?;
        self.settle()?;
        tally::statement();
        tally::wait();
        let answer = self.connection.client.execute_raw(&statement, values);
        let changed = self.connection.wait(answer).map_err(|error| self.failed(error, sql))?;
        Ok(usize::try_from(changed)?)
    }

    pub(super) fn execute_one_later(&self, sql: &str, values: &[Value]) -> Result<()> {
        assert!(!self.only_sending.get(), "only reads are asked for ahead: {sql}");
        let statement = self.prepare(sql)?;
        tally::statement();
        let client = Arc::clone(&self.connection.client);
        let values = values.to_vec();
        let answer = Box::pin(async move { client.execute_raw(&statement, values).await });
        self.send(sql, answer, true);
        Ok(())
    }

    /// Sends what `read` asks, without waiting: asked again later, in the same order, it is answered from this.
    pub(super) fn ahead<T>(&self, read: impl FnOnce() -> Result<T>) {
        self.only_sending.set(true);
        // It read nothing, so what it makes of that says nothing; a server that fails, says so again.
        drop(read());
        self.only_sending.set(false);
    }

    /// Waits for what was asked ahead and not read: a failure in there must not go unheard.
    pub(super) fn forget_ahead(&self) -> Result<()> {
        let Some(last) = self.ahead.take().pop_back() else { return Ok(()) };
        self.answered(&last.sql, last.rows).map(drop)
    }

    pub(super) fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        if self.only_sending.get() {
            self.send_ahead(sql, values)?;
            return Ok(Vec::new());
        }
        if let Some(known) = self.asked_ahead(sql, values) {
            return self.answered(sql, known.rows);
        }
        let statement = self.prepare(sql)?;
        tally::statement();
        let client = Arc::clone(&self.connection.client);
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let mut rows = Box::pin(client.query(&statement, &values));
        // Sent behind the writes before it, so that they travel together.
        let early = rows.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
        tally::wait();
        self.settle()?;
        let rows = match early {
            Poll::Ready(rows) => rows,
            Poll::Pending => self.connection.wait(rows),
        };
        rows.map_err(|error| self.failed(error, sql))
    }

    /// Runs a query that only locks: later, as a write, or ahead, as a read.
    pub(super) fn lock(&self, sql: &str, values: &[Value]) -> Result<()> {
        if self.only_sending.get() {
            return self.send_ahead(sql, values);
        }
        match self.asked_ahead(sql, values) {
            Some(known) => self.answered(sql, known.rows).map(drop),
            None => self.execute_one_later(sql, values),
        }
    }

    fn asked_ahead(&self, sql: &str, values: &[Value]) -> Option<Ahead> {
        self.ahead.borrow_mut().pop_front_if(|next| next.sql == sql && next.values == values)
    }

    fn send_ahead(&self, sql: &str, values: &[Value]) -> Result<()> {
        let statement = self.prepare(sql)?;
        tally::statement();
        let (client, own) = (Arc::clone(&self.connection.client), values.to_vec());
        let mut rows: Rows = Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = own.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &values).await
        });
        // The first poll sends it. It cannot be answered yet, as nobody listens meanwhile.
        let early = rows.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
        if let Poll::Ready(rows) = early {
            rows.map_err(|error| self.failed(error, sql))?;
            bail!("an answer came before it was waited for: {sql}");
        }
        self.ahead.borrow_mut().push_back(Ahead { sql: sql.to_owned(), values: values.to_vec(), rows });
        Ok(())
    }

    /// The answer to what was asked ahead; most often it is here already.
    fn answered(&self, sql: &str, mut rows: Rows) -> Result<Vec<Row>> {
        let rows = match rows.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(rows) => rows,
            Poll::Pending => {
                tally::wait();
                self.connection.wait(rows)
            }
        };
        rows.map_err(|error| {
            // A write before it may have failed first, and then that is what must be told.
            self.settle().err().unwrap_or_else(|| self.failed(error, sql))
        })
    }

    fn prepare(&self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.connection.prepared(sql) {
            return Ok(statement);
        }
        // After a failure nothing can be prepared any more, and it is the failure that must be told.
        self.settle()?;
        self.connection.prepare(sql).map_err(|error| self.failed(error, sql))
    }

    fn send_batch(&self, sql: &'static str) {
        let client = Arc::clone(&self.connection.client);
        let answer = Box::pin(async move { client.batch_execute(sql).await.map(|()| 0) });
        self.send(sql, answer, false);
    }

    /// A future of this driver hands its request over when it is first polled.
    fn send(&self, sql: &str, mut answer: Sent, one_row: bool) {
        let early = match answer.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(early) => Some(early),
            Poll::Pending => None,
        };
        self.later.borrow_mut().push(Later { sql: sql.to_owned(), answer, early, one_row });
    }

    /// Waits for everything that was sent. The first failure counts: what follows it fails because of it.
    fn settle(&self) -> Result<()> {
        let sent = self.later.take();
        if sent.is_empty() {
            return Ok(());
        }
        let answers = self.connection.wait(all(sent));
        for (sql, answer, one_row) in answers {
            let changed = answer.map_err(|error| self.failed(error, &sql))?;
            assert!(!one_row || changed == 1, "expected to change one row, changed {changed}: {sql}");
        }
        Ok(())
    }

    fn failed(&self, error: tokio_postgres::Error, sql: &str) -> anyhow::Error {
        if self.failure.get().is_none() {
            self.failure.set(Some(remedy(&error)));
        }
        of_postgres(error).context(format!("running: {sql}"))
    }
}

type Answer = (String, Result<u64, tokio_postgres::Error>, bool);

/// Waits for all of them, in the order they were sent.
async fn all(sent: Vec<Later>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(sent.len());
    for mut later in sent {
        let answer = match later.early.take() {
            Some(answer) => answer,
            None => poll_fn(|context| later.answer.as_mut().poll(context)).await,
        };
        answers.push((later.sql, answer, later.one_row));
    }
    answers
}
