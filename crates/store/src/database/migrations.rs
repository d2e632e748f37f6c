//! The tables, brought up to date step by step. Forward only; a released step is never edited.

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use rusqlite_migration::{Error as Fault, M, Migrations};

use super::fault::of_sqlite;
use super::postgres::PgConnection;

pub(super) const SQLITE: [&str; 12] = [
    include_str!("../../migrations/sqlite/0001_first.sql"),
    include_str!("../../migrations/sqlite/0002_life_of_a_payment.sql"),
    include_str!("../../migrations/sqlite/0003_people.sql"),
    include_str!("../../migrations/sqlite/0004_keys.sql"),
    include_str!("../../migrations/sqlite/0005_logins.sql"),
    include_str!("../../migrations/sqlite/0006_terminals.sql"),
    include_str!("../../migrations/sqlite/0007_payers.sql"),
    include_str!("../../migrations/sqlite/0008_passkeys.sql"),
    include_str!("../../migrations/sqlite/0009_templates.sql"),
    include_str!("../../migrations/sqlite/0010_watch.sql"),
    include_str!("../../migrations/sqlite/0011_terminal_trust.sql"),
    include_str!("../../migrations/sqlite/0012_challenge.sql"),
];
pub(super) const POSTGRES: [&str; 12] = [
    include_str!("../../migrations/postgres/0001_first.sql"),
    include_str!("../../migrations/postgres/0002_life_of_a_payment.sql"),
    include_str!("../../migrations/postgres/0003_people.sql"),
    include_str!("../../migrations/postgres/0004_keys.sql"),
    include_str!("../../migrations/postgres/0005_logins.sql"),
    include_str!("../../migrations/postgres/0006_terminals.sql"),
    include_str!("../../migrations/postgres/0007_payers.sql"),
    include_str!("../../migrations/postgres/0008_passkeys.sql"),
    include_str!("../../migrations/postgres/0009_templates.sql"),
    include_str!("../../migrations/postgres/0010_watch.sql"),
    include_str!("../../migrations/postgres/0011_terminal_trust.sql"),
    include_str!("../../migrations/postgres/0012_challenge.sql"),
];
/// Names the lock under which one process at a time changes the tables; any number will do.
const LOCK: i64 = 8_470_001;

/// A step may take long, and so may another process's step; what a step itself waits for stays bounded.
const PATIENT: &str = "SET statement_timeout = 0; SET lock_timeout = '10min'";
const STEP: &str = "SET LOCAL lock_timeout = '10s'";

/// Brings a SQLite file up to date. A table that is made again is dropped meanwhile, so foreign keys are off, and
/// checked before the step commits.
pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<()> {
    connection.pragma_update(None, "foreign_keys", "OFF").context("setting foreign_keys")?;
    let steps: Vec<M<'_>> = SQLITE.iter().map(|sql| M::up(sql).foreign_key_check()).collect();
    let steps = Migrations::new(steps);
    loop {
        let before = version(connection)?;
        ensure_known(before, SQLITE.len())?;
        let Err(error) = steps.to_latest(connection) else { break };
        // Somebody else who opened the file at the same time may have taken the step.
        if version(connection)? <= before {
            return Err(if let Fault::RusqliteError { query: _, err } = error {
                of_sqlite(err)
            } else {
                error.into()
            });
        }
    }
    connection.pragma_update(None, "foreign_keys", "ON").context("setting foreign_keys")
}

fn version(connection: &Connection) -> Result<usize> {
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(of_sqlite)?;
    usize::try_from(version).context("the version of the tables is damaged")
}

fn ensure_known(applied: usize, known: usize) -> Result<()> {
    ensure!(
        applied <= known,
        "the tables are of version {applied}, and this Surety knows {known}: run a newer one"
    );
    Ok(())
}

/// Brings a PostgreSQL database up to date.
pub(super) fn bring_postgres_up_to_date(connection: &PgConnection) -> Result<()> {
    connection.run_patiently(PATIENT).context("setting a session up")?;
    connection
        .run_patiently(&format!("SELECT pg_advisory_lock({LOCK})"))
        .context("waiting for the tables")?;
    let result = apply_missing(connection, &POSTGRES);
    connection
        .run_patiently(&format!("SELECT pg_advisory_unlock({LOCK})"))
        .context("giving the tables free")?;
    result?;
    connection.set_up()
}

fn apply_missing(connection: &PgConnection, steps: &[&str]) -> Result<()> {
    connection.run_patiently("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")?;
    let version = connection.number("SELECT coalesce(max(version), 0) AS n FROM schema_version")?;
    let applied = usize::try_from(version).context("the version of the tables is damaged")?;
    ensure_known(applied, steps.len())?;
    for (at, sql) in steps.iter().enumerate().skip(applied) {
        let version = at + 1;
        // One batch is one transaction: a step is taken whole or not at all.
        connection
            .run_patiently(&format!(
                "BEGIN; {STEP};\n{sql}\n;INSERT INTO schema_version VALUES ({version}); COMMIT"
            ))
            .or_else(|error| {
                connection.run_patiently("ROLLBACK")?;
                Err(error)
            })
            .with_context(|| format!("changing the tables to version {version}"))?;
    }
    Ok(())
}
