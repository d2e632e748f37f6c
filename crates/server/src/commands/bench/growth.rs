//! `surety bench growth`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use engine::{Engine, GalleryPlace, Installation, Options, SyntheticFace};
use face::FaceModels;
use gallery::Search;
use pgserver::{Binaries, PgServer};
use types::{GeoPoint, LastFour, Template};

use super::super::say;
use super::figures::{machine, quantile};
use crate::clock;

/// Accounts whose bucket is asked for, spread over all.
const QUERIES: u32 = 64;
/// Scans of everybody: few, since each reads every row.
const SCANS: usize = 5;

/// Searches in a bucket of last four digits through PostgreSQL with pgvector, beside the same in memory, on the same
/// accounts. Each answer is held against the other: hits, order, scores and counts have to be the same.
#[derive(Args)]
pub(crate) struct Growth {
    /// How many accounts there are.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    accounts: u32,
    /// How large the buckets are; several are measured one after the other.
    #[arg(long, value_name = "N", num_args = 1.., default_values_t = [100, 1_000])]
    buckets: Vec<u32>,
    /// How often each bucket is asked for, in turns.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// The folder with the model files. No picture is analysed: faces are synthetic.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder of this repository, where `cargo xtask postgres` put PostgreSQL.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
}

/// The same accounts, searched in both places.
struct Stand {
    memory: Engine,
    postgresql: Engine,
    endings: u32,
}

impl Growth {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = std::env::temp_dir().join(format!("surety-bench-growth-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let done = self.measure(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        done.map(|()| ExitCode::SUCCESS)
    }

    fn measure(&self, folder: &Path) -> Result<()> {
        say(&format!("PostgreSQL with pgvector on this machine, {}", machine()?))?;
        let faces = FaceModels::load(&self.models);
        let faces = Arc::new(faces.context("loading the models; `cargo xtask models` fetches them")?);
        let server = PgServer::start(&Binaries::find(&self.root)?)?;
        for size in &self.buckets {
            let endings = (self.accounts / (*size).max(1)).clamp(1, 10_000);
            let url = server.create_database(&format!("growth_{endings}"))?;
            let stand = self.stand(&folder.join(endings.to_string()), &faces, (&url, endings))?;
            // As an hour after the enrolments, when autovacuum has been there.
            server.psql(&format!("growth_{endings}"), "VACUUM ANALYZE")?;
            self.report(&stand)?;
        }
        Ok(())
    }

    fn stand(&self, folder: &Path, faces: &Arc<FaceModels>, (url, endings): (&str, u32)) -> Result<Stand> {
        let policy =
            Installation::policy_text(None)?.replace("search = \"everybody\"", "search = \"last_four\"");
        let installation = Installation::open(folder)?;
        let open = |gallery| {
            let options = Options {
                policy: &policy,
                database: Some(url),
                captures: None,
                push_gateway: None,
                master_keys: None,
                texts: None,
                gallery,
                calibration: None,
                successor: None,
            };
            clock::with_context(|ctx| installation.engine(Arc::clone(faces), &options, ctx))
        };
        let memory = open(GalleryPlace::Memory)?;
        let started = Instant::now();
        clock::with_context(|ctx| memory.seed(ctx, (self.accounts, endings), |_| ()))?;
        let seeded = started.elapsed();
        drop(memory);
        let started = Instant::now();
        let memory = open(GalleryPlace::Memory)?;
        let loaded = started.elapsed();
        let started = Instant::now();
        let postgresql = open(GalleryPlace::Postgresql)?;
        say(&format!(
            "\n{} accounts, {endings} endings: enrolled in {:.0} s; read into memory in {:.1} s; rows written for the \
             first time in {:.0} s",
            self.accounts,
            seeded.as_secs_f64(),
            loaded.as_secs_f64(),
            started.elapsed().as_secs_f64(),
        ))?;
        Ok(Stand { memory, postgresql, endings })
    }

    fn report(&self, stand: &Stand) -> Result<()> {
        let (mut memory, mut database) = (Vec::new(), Vec::new());
        let mut searched = 0;
        for round in 0..=self.rounds {
            for number in (0..self.accounts).step_by((self.accounts / QUERIES).max(1) as usize) {
                let (probe, digits, here) = stand.person(number)?;
                let (one, first) = timed(|| Ok(stand.memory.search_bucket(&probe, digits, here)?))?;
                let (other, second) = timed(|| Ok(stand.postgresql.search_bucket(&probe, digits, here)?))?;
                ensure!(one == other, "the database answers otherwise than memory, of account {number}");
                searched = one.searched.max(searched);
                // The first time round, connections and tables are met for the first time.
                if round > 0 {
                    memory.push(first);
                    database.push(second);
                }
            }
        }
        for (place, times) in [("memory", &mut memory), ("pgvector", &mut database)] {
            say(&format!(
                "bucket of {searched}, {place}: p50 {:.3} ms, p99 {:.3} ms",
                quantile(times, 0.5),
                quantile(times, 0.99)
            ))?;
        }
        let (mut memory, mut database) = (Vec::new(), Vec::new());
        for number in 0..SCANS {
            let (probe, _, _) = stand.person(u32::try_from(number)?)?;
            let (one, first) = timed(|| Ok(stand.memory.search_all_faces(&probe)?))?;
            let (other, second) = timed(|| Ok(stand.postgresql.search_all_faces(&probe)?))?;
            ensure!(
                one.hits == other.hits && one.searched == other.searched,
                "of everybody: account {number}"
            );
            memory.push(first);
            database.push(second);
        }
        say(&format!(
            "everybody, for an enrolment's look-alikes or an investigation: memory p50 {:.1} ms, pgvector p50 {:.1} ms",
            quantile(&mut memory, 0.5),
            quantile(&mut database, 0.5)
        ))
    }
}

impl Stand {
    /// The face of an account, as another picture of it would be, and what its holder would type where.
    fn person(&self, number: u32) -> Result<(Template, LastFour, GeoPoint)> {
        let dimension = self.memory.dimension();
        let face = SyntheticFace::new(number, dimension)?;
        let other = SyntheticFace::new(u32::MAX - number, dimension)?;
        let near: Vec<f32> = face
            .template
            .values()
            .iter()
            .zip(other.template.values())
            .map(|(a, b)| 0.7 * a + 0.7 * b)
            .collect();
        let digits = format!("{:04}", number % self.endings).parse()?;
        Ok((Template::normalised(near)?, digits, face.home))
    }
}

/// In milliseconds.
fn timed(search: impl FnOnce() -> Result<Search>) -> Result<(Search, f64)> {
    let started = Instant::now();
    let found = search()?;
    let took: Duration = started.elapsed();
    Ok((found, took.as_secs_f64() * 1_000.0))
}
