//! One connection to PostgreSQL, and a transaction on it.
//!
//! Writes whose result nobody needs at once are sent without waiting for their answer and looked at before the
//! next read or the commit: a use case then costs about as many round trips as it has reads.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::fault::{Remedy, Unavailable, of_postgres, remedy};
use crate::value::Value;

/// Waiting is bounded, and a commit is on disk before it is answered, whatever the
/// server's own settings say.
const SESSION: &str = "SET synchronous_commit = on; SET lock_timeout = '5s'; SET statement_timeout = '30s';
     SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning";

/// One to see that something came, one to read it, one to spare.
const LISTEN_ROUNDS: usize = 3;

/// A connection with the runtime that drives it. One thread uses it at a time.
pub(super) struct PgConnection {
    runtime: Runtime,
    client: Arc<Client>,
    statements: RefCell<HashMap<String, Statement>>,
}

impl PgConnection {
    pub(super) fn open(config: &Config) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a connection's runtime")?;
        let (client, connection) = runtime
            .block_on(config.connect(NoTls))
            .map_err(of_postgres)
            .context("connecting to PostgreSQL")?;
        // Its end shows as an error of every later statement.
        runtime.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        let connection = Self { runtime, client: Arc::new(client), statements: RefCell::default() };
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

    /// Runs statements without values, for migrations.
    pub(super) fn run(&self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(of_postgres)
    }

    /// The single number a query without values returns, in a column called `n`.
    pub(super) fn number(&self, sql: &str) -> Result<i64> {
        let row = self.runtime.block_on(self.client.query_one(sql, &[])).map_err(of_postgres)?;
        row.try_get("n").context("reading a number")
    }

    fn prepared(&self, sql: &str) -> Option<Statement> {
        self.statements.borrow().get(sql).cloned()
    }

    fn prepare(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let statement = self.runtime.block_on(self.client.prepare(&numbered(sql)))?;
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

/// A transaction on a connection.
pub(super) struct PgTx<'a> {
    connection: &'a PgConnection,
    writes: bool,
    later: RefCell<Vec<Later>>,
    /// What could help after the first statement that failed.
    failure: Cell<Option<Remedy>>,
}

impl<'a> PgTx<'a> {
    /// Begins; the server hears of it with the first statement.
    pub(super) fn begin(connection: &'a PgConnection, writes: bool) -> Self {
        let transaction = Self { connection, writes, later: RefCell::default(), failure: Cell::new(None) };
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
        self.settle()?;
        // The server would take the COMMIT for a ROLLBACK and call that a success.
        let swallowed = "an error was passed over, and with it the transaction ended";
        match self.failure.get() {
            Some(Remedy::Later) => return Err(Unavailable(swallowed.to_owned()).into()),
            Some(Remedy::Again | Remedy::Twin | Remedy::None) => bail!(swallowed),
            None => {}
        }
        self.send_batch("COMMIT");
        self.settle().context("committing")
    }

    pub(super) fn roll_back(&self) -> Result<()> {
        self.later.borrow_mut().clear();
        self.connection.run("ROLLBACK")
    }

    pub(super) fn execute(&self, sql: &str, values: &[Value]) -> Result<usize> {
        let statement = self.prepare(sql)?;
        self.settle()?;
        let answer = self.connection.client.execute_raw(&statement, values);
        let changed = self.connection.runtime.block_on(answer).map_err(|error| self.failed(error, sql))?;
        Ok(usize::try_from(changed)?)
    }

    pub(super) fn execute_one_later(&self, sql: &str, values: &[Value]) -> Result<()> {
        let statement = self.prepare(sql)?;
        let client = Arc::clone(&self.connection.client);
        let values = values.to_vec();
        let answer = Box::pin(async move { client.execute_raw(&statement, values).await });
        self.send(sql, answer, true);
        Ok(())
    }

    pub(super) fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql)?;
        let client = Arc::clone(&self.connection.client);
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let mut rows = Box::pin(client.query(&statement, &values));
        // Sent behind the writes before it, so that they travel together.
        let early = rows.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
        self.settle()?;
        let rows = match early {
            Poll::Ready(rows) => rows,
            Poll::Pending => self.connection.runtime.block_on(rows),
        };
        rows.map_err(|error| self.failed(error, sql))
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
        let answers = self.connection.runtime.block_on(all(sent));
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
