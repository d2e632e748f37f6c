//! What the machine, a plain insert and pgbench reach: the limits that the rest is held against.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use pgserver::PgServer;
use rusqlite::Connection;

use super::load::rate;

const BLOCK: [u8; 4096] = [0x5a; 4096];

/// How often a second one thread overwrites 4 KiB and waits until they are on the disk.
pub(super) fn fdatasyncs(folder: &Path, time: Duration) -> Result<f64> {
    let path = folder.join("block");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let write = || -> std::io::Result<usize> {
        file.write_all_at(&BLOCK, 0)?;
        file.sync_all()?;
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < time {
            file.write_all_at(&BLOCK, 0)?;
            file.sync_data()?;
            count += 1;
        }
        Ok(count)
    };
    Ok(rate(write().context("writing to the disk")?, time))
}

/// A SQLite file as plain as can be, as durable as ours.
pub(super) struct RawSqlite(Connection);

impl RawSqlite {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path).context("opening a plain database")?;
        let settings = [("journal_mode", "WAL"), ("synchronous", "FULL")];
        for (name, value) in settings {
            connection.pragma_update(None, name, value).with_context(|| format!("setting {name}"))?;
        }
        connection
            .execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", [])
            .context("creating a plain table")?;
        Ok(Self(connection))
    }

    /// How often a second one thread inserts a row and commits it.
    pub(super) fn inserts(&self, time: Duration) -> Result<f64> {
        let insert = || -> rusqlite::Result<usize> {
            let mut statement = self.0.prepare_cached("INSERT INTO plain (text) VALUES (?1)")?;
            let (start, mut count) = (Instant::now(), 0);
            while start.elapsed() < time {
                statement.execute(["a row of its own commit"])?;
                count += 1;
            }
            Ok(count)
        };
        Ok(rate(insert().context("inserting plain rows")?, time))
    }
}

/// How pgbench talks to the server.
#[derive(Clone, Copy)]
pub(super) enum Protocol {
    /// Its default: each statement is parsed and planned each time.
    Simple,
    /// As we do it.
    Prepared,
}

/// Makes pgbench's tables.
pub(super) const INITIALISE: [&str; 2] = ["-i", "-q"];
/// pgbench's own threads; it needs far fewer than clients.
const THREADS: usize = 2;

/// Transactions a second of pgbench's TPC-B-like script.
pub(super) fn pgbench(server: &PgServer, protocol: Protocol, clients: usize, seconds: u32) -> Result<f64> {
    let protocol = match protocol {
        Protocol::Simple => "simple",
        Protocol::Prepared => "prepared",
    };
    let (clients, threads) = (clients.to_string(), THREADS.min(clients).to_string());
    let seconds = seconds.to_string();
    let said = server.pgbench(&["-n", "-M", protocol, "-c", &clients, "-j", &threads, "-T", &seconds])?;
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.with_context(|| format!("pgbench named no rate:\n{said}"))
}
