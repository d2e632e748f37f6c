//! Connections to one PostgreSQL database, and transactions that are run again when they were in each other's way.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::fault::{Remedy, Unavailable};
use super::migrations;
use super::postgres::{PgConnection, PgTx};
use super::tx::Tx;

/// More connections than this only wait for each other.
const CONNECTIONS_MAX: usize = 16;
/// How long a use case waits for a connection before it gives up.
const WAIT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a transaction is run again that was in another one's way.
const RETRIES: usize = 8;
/// How often one is run again that met a unique key that was there already.
const TWINS_MAX: usize = 3;

pub(super) struct Pool {
    config: Config,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<PgConnection>,
    /// Idle or lent.
    open: usize,
}

/// A lent connection; goes back when it is dropped, unless it broke.
struct Lent<'a> {
    pool: &'a Pool,
    connection: Option<PgConnection>,
}

impl Pool {
    pub(super) fn open(url: &str) -> Result<Self> {
        let mut config: Config = url
            .parse()
            .context("write the address of the database as postgres://user:password@host:5432/database")?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.application_name("surety");
        let connection = PgConnection::open(&config).with_context(|| {
            let place = place(&config);
            format!(
                "see that PostgreSQL runs at {place} and takes connections from here, or correct the address"
            )
        })?;
        migrations::bring_postgres_up_to_date(&connection).context("bringing the tables up to date")?;
        let state = State { idle: vec![connection], open: 1 };
        Ok(Self { config, state: Mutex::new(state), returned: Condvar::new() })
    }

    pub(super) fn write<T, E: From<anyhow::Error>>(
        &self,
        mut work: impl FnMut(Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (mut delays, mut twins) = (backoff(), 0);
        loop {
            let mut lent = self.lend()?;
            let (result, remedy) = lent.run(true, &mut work);
            drop(lent);
            match remedy {
                Remedy::Twin if result.is_err() && twins < TWINS_MAX => twins += 1,
                Remedy::Again if result.is_err() => {}
                Remedy::Again | Remedy::Twin | Remedy::Later | Remedy::None => return result,
            }
            let Some(delay) = delays.next() else { return Err(exhausted().into()) };
            std::thread::sleep(delay);
        }
    }

    pub(super) fn read<T, E: From<anyhow::Error>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut work = Some(work);
        let mut once = |tx: Tx<'_>| (work.take().expect("a read is run once"))(&tx);
        self.lend()?.run(false, &mut once).0
    }

    fn lend(&self) -> Result<Lent<'_>> {
        let deadline = Instant::now() + WAIT;
        let mut state = self.state();
        loop {
            while let Some(connection) = state.idle.pop() {
                if !connection.is_closed() {
                    return Ok(Lent { pool: self, connection: Some(connection) });
                }
                state.open -= 1;
            }
            if state.open < CONNECTIONS_MAX {
                state.open += 1;
                drop(state);
                // Dropped without a connection, it gives the place back.
                let mut lent = Lent { pool: self, connection: None };
                lent.connection = Some(PgConnection::open(&self.config)?);
                return Ok(lent);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Unavailable("all connections are in use".to_owned()).into());
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Runs work in a transaction, and tells what could help if it failed.
    fn run<T, E: From<anyhow::Error>>(
        &mut self,
        writes: bool,
        work: &mut impl FnMut(Tx<'_>) -> Result<T, E>,
    ) -> (Result<T, E>, Remedy) {
        // Away from the pool until the transaction is over: a panic in the work then drops the connection, which
        // rolls back.
        let connection = self.connection.take().expect("a connection was lent");
        let transaction = PgTx::begin(&connection, writes);
        let result = work(Tx::postgres(&transaction));
        let result = match result {
            Ok(value) => transaction.commit().map(|()| value).map_err(E::from),
            Err(error) => Err(error),
        };
        let remedy = transaction.remedy();
        let clean = result.is_ok() || transaction.roll_back().is_ok();
        drop(transaction);
        if clean {
            self.connection = Some(connection);
        }
        (result, remedy)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

/// Where a database is, without the password.
fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    let ports: Vec<String> = config.get_ports().iter().map(ToString::to_string).collect();
    let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
    format!("{}:{port}", hosts.join(","))
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(200))
        .with_max_times(RETRIES)
        .with_jitter()
        .build()
}

fn exhausted() -> anyhow::Error {
    Unavailable(format!("other transactions were in the way {RETRIES} times")).into()
}
