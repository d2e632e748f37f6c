//! `surety bench ledger`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use face::FaceModels;
use pgserver::{Binaries, PgServer};

mod load;
mod raw;
mod report;
mod world;

use self::load::{Load, closed_loop, median};
use self::raw::{INITIALISE, Protocol, RawSqlite, fdatasyncs, pgbench};
use self::report::{Figures, Measured, Postgres, Sqlite};
use self::world::{Books, World};
use super::super::say;

/// Clients at once, in one process, each asking again as soon as it was answered.
const CLIENTS: [usize; 3] = [1, 8, 32];
/// Shops, and pgbench's scale: what all clients write to.
const SHOPS: u32 = 10;
/// Enough that nobody reaches a day's limit.
const PAYERS: u32 = 2_000;
/// Everything is asked for a moment before it counts: connections, prepared statements, pages in memory.
const WARM_UP: Duration = Duration::from_millis(500);

/// Payments and transfers a second on SQLite and on PostgreSQL, beside what the disk, a plain insert and pgbench
/// reach in the same run on the same machine.
#[derive(Args)]
pub(crate) struct Ledger {
    /// The folder with the model files. No picture is analysed: faces are synthetic evidence.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder of this repository, where `cargo xtask postgres` put PostgreSQL.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each measurement is taken, in turns with what it is compared with; the median counts.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// One database alone.
    #[arg(long, value_enum, value_name = "DATABASE")]
    only: Option<Only>,
    /// Also write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Sqlite,
    Postgres,
}

impl Ledger {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = std::env::temp_dir().join(format!("surety-bench-ledger-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let figures = self.measure(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        let figures = figures?;
        figures.print()?;
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(&figures).context("writing the figures")?;
            fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, folder: &Path) -> Result<Figures> {
        let faces = FaceModels::load(&self.models);
        let faces = Arc::new(faces.context("loading the models; `cargo xtask models` fetches them")?);
        let takes = |database| self.only.is_none_or(|only| only == database);
        Ok(Figures {
            machine: super::figures::machine()?,
            seconds: self.seconds,
            rounds: self.rounds,
            fdatasyncs_per_second: fdatasyncs(folder, self.time())?,
            sqlite: takes(Only::Sqlite).then(|| self.sqlite(folder, &faces)).transpose()?,
            postgres: takes(Only::Postgres).then(|| self.postgres(folder, &faces)).transpose()?,
        })
    }

    fn time(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    fn sqlite(&self, folder: &Path, faces: &Arc<FaceModels>) -> Result<Sqlite> {
        say("SQLite: filling")?;
        let raw = RawSqlite::open(&folder.join("raw.db"))?;
        let books = Books::fill(store::Store::open(&folder.join("transfers.db"))?)?;
        let world = World::build(&folder.join("sqlite"), faces, None)?;
        warm_up(&books, &world)?;
        let effort = world.effort()?;
        let (mut inserts, mut measured, mut group) = (Vec::new(), Vec::new(), Vec::new());
        for clients in CLIENTS {
            say(&format!("SQLite: {clients} clients"))?;
            let (mut transfers, mut payments): (Vec<Load>, _) = (Vec::new(), Vec::new());
            let mut plain = Vec::new();
            let before = books.commits();
            for _ in 0..self.rounds {
                plain.push(raw.inserts(self.time())?);
                transfers.push(closed_loop(clients, self.time(), || books.transfer())?);
                payments.push(world.payments(clients, self.time())?);
            }
            inserts.push(median(plain));
            let done: usize = transfers.iter().map(|load| load.done).sum();
            group.push(load::per(done, books.commits() - before));
            measured.push(Measured::new(clients, &transfers, payments));
        }
        Ok(Sqlite { inserts_per_second: inserts, transfers_per_commit: group, measured, effort })
    }

    fn postgres(&self, folder: &Path, faces: &Arc<FaceModels>) -> Result<Postgres> {
        say("PostgreSQL: starting and filling")?;
        let server = PgServer::start(&Binaries::find(&self.root)?)?;
        let scale = SHOPS.to_string();
        server.pgbench(&[&INITIALISE[..], &["-s", &scale]].concat()).context("filling pgbench's tables")?;
        let books = Books::fill(store::Store::connect(&server.create_database("transfers")?)?)?;
        let world =
            World::build(&folder.join("postgres"), faces, Some(&server.create_database("payments")?))?;
        warm_up(&books, &world)?;
        let effort = world.effort()?;
        let (mut simple, mut prepared, mut measured) = (Vec::new(), Vec::new(), Vec::new());
        for clients in CLIENTS {
            say(&format!("PostgreSQL: {clients} clients"))?;
            let (mut transfers, mut payments): (Vec<Load>, _) = (Vec::new(), Vec::new());
            let (mut by_simple, mut by_prepared) = (Vec::new(), Vec::new());
            for _ in 0..self.rounds {
                by_simple.push(pgbench(&server, Protocol::Simple, clients, self.seconds)?);
                payments.push(world.payments(clients, self.time())?);
                by_prepared.push(pgbench(&server, Protocol::Prepared, clients, self.seconds)?);
                transfers.push(closed_loop(clients, self.time(), || books.transfer())?);
            }
            simple.push(median(by_simple));
            prepared.push(median(by_prepared));
            measured.push(Measured::new(clients, &transfers, payments));
        }
        Ok(Postgres { pgbench_simple: simple, pgbench_prepared: prepared, measured, effort })
    }
}

fn warm_up(books: &Books, world: &World) -> Result<()> {
    let most = CLIENTS[CLIENTS.len() - 1];
    closed_loop(most, WARM_UP, || books.transfer())?;
    world.payments(most, WARM_UP)?;
    Ok(())
}
