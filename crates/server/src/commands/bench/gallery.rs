//! `surety bench gallery`.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use gallery::{Entry, Filter, Gallery as Faces, Memory, Pages, Query, Status};
use types::{PayerId, Template};

mod crowd;
mod python;
mod report;

use self::crowd::{Crowd, DIMENSION};
use self::python::{OTHERS, Python};
use self::report::{Measured, Table};
use super::super::say;
use super::figures::{Bound, machine, quantile, target};

/// Queries that share a pass.
const BATCH: usize = 64;
/// Hits asked for.
const TOP: usize = 10;
/// Queries there are; every second is another picture of somebody, the others are strangers.
const QUERIES: usize = 256;
/// Single queries of each way in a round.
const EACH: usize = 16;
/// Bytes a scan reads of each row.
const CODE_BYTES: f64 = 128.0;
/// Of so many rows on, fewer queries are held against the plain `f64` comparison.
const MANY: usize = 2_000_000;
/// Memory a template takes, all told, and some to spare.
const BYTES_EACH: u64 = 900;

/// Search times beside FAISS and usearch on the same vectors, and beside reading memory.
#[derive(Args)]
pub(crate) struct Gallery {
    /// How many templates; several are measured one after the other.
    #[arg(long, value_name = "N", num_args = 1.., default_values_t = [100_000, 1_000_000, 4_000_000])]
    rows: Vec<usize>,
    /// How many templates lie behind the buckets by last four digits.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    bucketed: usize,
    /// How often each measurement is taken, in turns with what it is compared with.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// A Python with faiss-cpu, usearch and numpy; `cargo xtask bench gallery` makes one.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// Galleries of the same rows, and what is asked of them.
struct Stand {
    rows: usize,
    huge: Faces,
    small: Faces,
    queries: Vec<Template>,
    /// Memory of the size of the codes, in huge and small pages.
    stretches: [Memory; 2],
    build: Duration,
}

impl Gallery {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = std::env::temp_dir().join(format!("surety-bench-gallery-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let done = self.measure(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        done?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, folder: &Path) -> Result<()> {
        say(&format!("one thread for all, {} rounds in turns, {}", self.rounds, machine()?))?;
        let mut tables = Vec::new();
        for rows in &self.rows {
            let table = self.table(folder, *rows)?;
            table.say()?;
            tables.push(table);
        }
        let bucket = self.bucket()?;
        say("")?;
        for table in tables {
            table.targets()?;
        }
        if let Some(mut micros) = bucket {
            let what = format!("bucket of last four digits of {}, microseconds, p50", self.bucketed);
            target(&what, quantile(&mut micros, 0.5), Bound::AtMost(20.0))?;
        }
        Ok(())
    }

    fn table(&self, folder: &Path, rows: usize) -> Result<Table> {
        let stand = Stand::new(folder, rows)?;
        let build = stand.build.as_secs_f64();
        let each = stand.huge.bytes()? as f64 / rows as f64;
        let mut ways =
            vec![Measured::new("Surety", each, build), Measured::new("Surety, small pages", each, build)];
        let mut python = match &self.python {
            None => None,
            Some(program) => {
                let (python, built) = Python::start(program, folder)?;
                let named = OTHERS.iter().zip(built);
                ways.extend(named.map(|((_, name), built)| Measured::new(name, built.bytes, built.build_s)));
                Some(python)
            }
        };
        let mut table = Table { rows, ways, reading: [Vec::new(), Vec::new()] };
        for round in 0..self.rounds {
            stand.round(round, &mut table)?;
            if let Some(python) = &mut python {
                let from = round * EACH % QUERIES;
                for ((name, _), way) in OTHERS.iter().zip(&mut table.ways[2..]) {
                    // usearch takes some ten times as long.
                    let count = if *name == "usearch" { 3 } else { EACH };
                    way.one.extend(python.ask(&format!("{name} one {from} {count}"))?);
                    way.batch.extend(python.ask(&format!("{name} batch"))?);
                }
            }
        }
        let truth = stand.truth(folder)?;
        table.ways[0].recall = Some(recall(&truth, &stand.best()?));
        if let Some(mut python) = python {
            for ((name, _), way) in OTHERS.iter().zip(&mut table.ways[2..]) {
                let best = python.ask(&format!("{name} best"))?;
                way.recall = Some(recall(&truth, &best));
            }
        }
        Ok(table)
    }

    /// Microseconds of searches among those who share four digits, or none where there is no room for so many.
    fn bucket(&self) -> Result<Option<Vec<f64>>> {
        let (rows, needed) = (self.bucketed, self.bucketed as u64 * BYTES_EACH);
        let free = free_memory()?;
        if rows == 0 || free < needed {
            say(&format!("\nno bucket of {rows} rows: that takes {needed} bytes, and {free} are free"))?;
            return Ok(None);
        }
        let mut crowd = Crowd::new(7);
        let (faces, mut build) = (Faces::new(dimension()), Duration::ZERO);
        let mut some = Vec::new();
        for number in 0..rows {
            let person = crowd.person();
            if number % (rows / QUERIES).max(1) == 0 {
                some.push((number, crowd.again(&person)));
            }
            let started = Instant::now();
            faces.insert(entry(number)?, &person)?;
            build += started.elapsed();
        }
        let mut micros = Vec::new();
        for round in 0..self.rounds + 1 {
            for (number, probe) in &some {
                let last_four = Some(entry(*number)?.last_four);
                let query =
                    Query { probe, filter: Filter { last_four, ..Filter::default() }, top: TOP, named: &[] };
                let started = Instant::now();
                let found = faces.search(&query)?;
                let took = started.elapsed();
                anyhow::ensure!(found.hits.first().is_some_and(|hit| hit.payer == payer(*number)));
                // The first time round, tables of this process are met for the first time.
                if round > 0 {
                    micros.push(took.as_secs_f64() * 1e6);
                }
            }
        }
        say(&format!(
            "\n{rows} rows, {:.0} bytes each, built in {:.1} s; one bucket of {} by last four digits, top {TOP}, exact: \
             p50 {:.1} us, p99 {:.1} us",
            faces.bytes()? as f64 / rows as f64,
            build.as_secs_f64(),
            rows / 10_000,
            quantile(&mut micros, 0.5),
            quantile(&mut micros, 0.99),
        ))?;
        Ok(Some(micros))
    }
}

impl Stand {
    fn new(folder: &Path, rows: usize) -> Result<Self> {
        let mut crowd = Crowd::new(rows as u64);
        let huge = Faces::new(dimension());
        let small = Faces::with_pages(dimension(), Pages::Small);
        let mut file = BufWriter::new(File::create(folder.join("vectors.f32"))?);
        let (mut build, mut queries) = (Duration::ZERO, Vec::new());
        for number in 0..rows {
            let person = crowd.person();
            if queries.len() < QUERIES && number % (rows * 2 / QUERIES).max(1) == 0 {
                queries.push(crowd.again(&person));
                queries.push(crowd.person());
            }
            file.write_all(&person.to_bytes())?;
            let entry = entry(number)?;
            small.insert(entry.clone(), &person)?;
            let started = Instant::now();
            huge.insert(entry, &person)?;
            build += started.elapsed();
        }
        file.flush()?;
        let mut file = BufWriter::new(File::create(folder.join("queries.f32"))?);
        for query in &queries {
            file.write_all(&query.to_bytes())?;
        }
        file.flush()?;
        // Not one after the other in people's order, so that batches hold both kinds too.
        let stretch = |pages| {
            let mut memory = Memory::new(rows * DIMENSION, pages)?;
            memory.bytes_mut().iter_mut().zip((1_u8..=250).cycle()).for_each(|(byte, value)| *byte = value);
            Ok::<_, anyhow::Error>(memory)
        };
        let stretches = [stretch(Pages::Huge)?, stretch(Pages::Small)?];
        Ok(Self { rows, huge, small, queries, stretches, build })
    }

    /// Each of ours once round.
    fn round(&self, round: usize, table: &mut Table) -> Result<()> {
        for (faces, way) in [&self.huge, &self.small].into_iter().zip(&mut table.ways) {
            for probe in self.queries.iter().cycle().skip(round * EACH % QUERIES).take(EACH) {
                let started = Instant::now();
                faces.search(&query(probe))?;
                way.one.push(milliseconds(started));
            }
            let batch: Vec<Query<'_>> = self.queries.iter().take(BATCH).map(query).collect();
            let started = Instant::now();
            faces.search_all(&batch)?;
            way.batch.push(milliseconds(started));
        }
        for (memory, times) in self.stretches.iter().zip(&mut table.reading) {
            for _ in 0..EACH {
                let started = Instant::now();
                let (words, _) = memory.bytes().as_chunks::<8>();
                let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
                std::hint::black_box(sum);
                times.push(milliseconds(started));
            }
        }
        Ok(())
    }

    /// The row that a plain comparison in `f64` with every vector finds, for each of the first queries.
    fn truth(&self, folder: &Path) -> Result<Vec<f64>> {
        let count = if self.rows >= MANY { BATCH / 4 } else { BATCH };
        let mut best = vec![(f64::NEG_INFINITY, 0.0); count];
        let probes: Vec<Vec<f64>> = self.queries[..count.min(self.queries.len())]
            .iter()
            .map(|query| query.values().iter().map(|v| f64::from(*v)).collect())
            .collect();
        let mut file = BufReader::new(File::open(folder.join("vectors.f32"))?);
        let mut bytes = [0_u8; 4 * DIMENSION];
        for row in 0..self.rows {
            file.read_exact(&mut bytes)?;
            let numbers: Vec<f64> =
                bytes.as_chunks().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect();
            for (best, probe) in best.iter_mut().zip(&probes) {
                let score: f64 = numbers.iter().zip(probe).map(|(x, y)| x * y).sum();
                if score > best.0 {
                    *best = (score, row as f64);
                }
            }
        }
        Ok(best.into_iter().map(|(_, row)| row).collect())
    }

    fn best(&self) -> Result<Vec<f64>> {
        let batch: Vec<Query<'_>> = self.queries.iter().take(BATCH).map(query).collect();
        let found = self.huge.search_all(&batch)?;
        let row =
            |search: &gallery::Search| search.hits.first().map_or(f64::NAN, |hit| hit.payer.to_bits() as f64);
        Ok(found.iter().map(row).collect())
    }
}

#[expect(clippy::float_cmp, reason = "row numbers")]
fn recall(truth: &[f64], found: &[f64]) -> f64 {
    truth.iter().zip(found).filter(|(truth, found)| truth == found).count() as f64 / truth.len() as f64
}

fn query(probe: &Template) -> Query<'_> {
    Query { probe, filter: Filter::default(), top: TOP, named: &[] }
}

fn payer(number: usize) -> PayerId {
    PayerId::from_bits(number as u128)
}

/// 31 regions and three numbers of pictures, as a country's gallery may have.
fn entry(number: usize) -> Result<Entry> {
    Ok(Entry {
        payer: payer(number),
        pictures: u32::try_from(number / 31 % 3 + 2)?,
        last_four: format!("{:04}", number * 7_919 % 10_000).parse()?,
        status: if number.is_multiple_of(50) { Status::Paused } else { Status::Live },
        region: format!("region {:02}", number % 31).into(),
    })
}

fn dimension() -> NonZeroUsize {
    NonZeroUsize::new(DIMENSION).expect("128 is not zero")
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Bytes that the system could give without taking them from anybody.
fn free_memory() -> Result<u64> {
    let info = fs::read_to_string("/proc/meminfo").context("asking how much memory is free")?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: u64 =
        line.and_then(|line| line.trim().strip_suffix(" kB")).context("no MemAvailable")?.parse()?;
    Ok(kib * 1_024)
}
