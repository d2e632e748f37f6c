//! The figures as a person and as a program reads them.

use anyhow::Result;
use serde::Serialize;
use store::{Tally, Use};

use super::super::super::say;
use super::super::figures::{Bound, target};
use super::load::{Load, median};
use super::world::Phases;

/// A transfer on SQLite shares its wait for the disk with others: so many times the rate of those that do not.
const GROUPS_MIN: f64 = 10.0;
/// A payment on PostgreSQL, six transactions with some 35 statements, over pgbench's one with seven.
const PAYMENTS_MIN: f64 = 0.5;

/// All that was measured.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) machine: String,
    pub(super) seconds: u32,
    pub(super) rounds: u32,
    pub(super) fdatasyncs_per_second: f64,
    pub(super) sqlite: Option<Sqlite>,
    pub(super) postgres: Option<Postgres>,
}

#[derive(Serialize)]
pub(super) struct Sqlite {
    /// Of one thread that commits every row, in turns with each number of clients: disks are not always as fast.
    pub(super) inserts_per_second: Vec<f64>,
    /// How many shared a wait for the disk, for each number of clients.
    pub(super) transfers_per_commit: Vec<f64>,
    pub(super) measured: Vec<Measured>,
    pub(super) effort: Effort,
}

/// One number of clients after the other, as in `measured`.
#[derive(Serialize)]
pub(super) struct Postgres {
    pub(super) pgbench_simple: Vec<f64>,
    pub(super) pgbench_prepared: Vec<f64>,
    pub(super) measured: Vec<Measured>,
    pub(super) effort: Effort,
}

/// Ours with so many clients.
#[derive(Serialize)]
pub(super) struct Measured {
    clients: usize,
    transfers_per_second: f64,
    transfer_p50_ms: f64,
    transfer_p99_ms: f64,
    payments_per_second: f64,
    payment_p50_ms: f64,
    payment_p99_ms: f64,
    /// Where the time of a payment went: order, session, recognition, decision and commit.
    order_ms: f64,
    session_ms: f64,
    recognise_ms: f64,
    commit_ms: f64,
}

/// What one payment asks of the database, by phase.
#[derive(Serialize)]
pub(super) struct Effort {
    pub(super) order: Phase,
    pub(super) session: Phase,
    pub(super) recognise: Phase,
    pub(super) commit: Phase,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Phase {
    transactions: u64,
    statements: u64,
    /// For a server's answer.
    waits: u64,
}

impl Phase {
    pub(super) const fn whole(tally: Tally) -> Self {
        Self::reading(tally).and(Self::writing(tally))
    }

    pub(super) const fn reading(tally: Tally) -> Self {
        Self::of(tally.reads)
    }

    pub(super) const fn writing(tally: Tally) -> Self {
        Self::of(tally.writes)
    }

    const fn of(used: Use) -> Self {
        let Use { transactions, statements, waits } = used;
        Self { transactions, statements, waits }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            transactions: self.transactions + other.transactions,
            statements: self.statements + other.statements,
            waits: self.waits + other.waits,
        }
    }
}

impl Measured {
    pub(super) fn new(clients: usize, transfers: &[Load], payments: Vec<(Load, Phases)>) -> Self {
        let of = |loads: &[Load], what: fn(&Load) -> f64| median(loads.iter().map(what).collect());
        let (payments, phases): (Vec<Load>, Vec<Phases>) = payments.into_iter().unzip();
        let count = f64::from(phases.iter().map(|phase| phase.payments).sum::<u32>());
        let mean = |what: fn(&Phases) -> std::time::Duration| {
            phases.iter().map(what).sum::<std::time::Duration>().as_secs_f64() * 1_000.0 / count
        };
        Self {
            clients,
            transfers_per_second: of(transfers, |load| load.per_second),
            transfer_p50_ms: of(transfers, |load| load.p50_ms),
            transfer_p99_ms: of(transfers, |load| load.p99_ms),
            payments_per_second: of(&payments, |load| load.per_second),
            payment_p50_ms: of(&payments, |load| load.p50_ms),
            payment_p99_ms: of(&payments, |load| load.p99_ms),
            order_ms: mean(|phases| phases.order),
            session_ms: mean(|phases| phases.session),
            recognise_ms: mean(|phases| phases.recognise),
            commit_ms: mean(|phases| phases.commit),
        }
    }
}

impl Figures {
    pub(super) fn print(&self) -> Result<()> {
        say(&format!("\n{}; {} s a measurement, median of {}", self.machine, self.seconds, self.rounds))?;
        say(&format!(
            "4 KiB overwritten and on disk (fdatasync), one thread: {:.0} /s",
            self.fdatasyncs_per_second
        ))?;
        if let Some(sqlite) = &self.sqlite {
            sqlite.print()?;
        }
        if let Some(postgres) = &self.postgres {
            postgres.print()?;
        }
        say("")?;
        if let Some(sqlite) = &self.sqlite {
            sqlite.targets()?;
        }
        self.postgres.as_ref().map_or(Ok(()), Postgres::targets)
    }
}

impl Sqlite {
    fn print(&self) -> Result<()> {
        say("\nSQLite, synchronous FULL")?;
        print_measured(&self.measured)?;
        let beside = self.transfers_per_commit.iter().zip(&self.inserts_per_second);
        for (measured, (shared, inserts)) in self.measured.iter().zip(beside) {
            say(&format!(
                "{:>7} clients: {shared:.1} transfers share a commit; in turns with them, one thread that commits every \
                 row: {inserts:.0} /s",
                measured.clients
            ))?;
        }
        self.effort.print()
    }

    fn targets(&self) -> Result<()> {
        let (Some(last), Some(inserts)) = (self.measured.last(), self.inserts_per_second.last()) else {
            return Ok(());
        };
        let what = format!("SQLite transfers/s of {} clients over single committed inserts/s", last.clients);
        target(&what, last.transfers_per_second / inserts, Bound::AtLeast(GROUPS_MIN))
    }
}

impl Postgres {
    fn print(&self) -> Result<()> {
        say("\nPostgreSQL, fsync and synchronous_commit on; pgbench's TPC-B-like on the same server")?;
        print_measured(&self.measured)?;
        say(&format!(
            "{:>7}{:>16}{:>16}{:>22}{:>22}",
            "clients", "pgbench/s", "prepared/s", "payments/pgbench", "payments/prepared"
        ))?;
        for (measured, simple, prepared) in self.beside() {
            say(&format!(
                "{:>7}{simple:>16.0}{prepared:>16.0}{:>22.2}{:>22.2}",
                measured.clients,
                measured.payments_per_second / simple,
                measured.payments_per_second / prepared
            ))?;
        }
        self.effort.print()
    }

    fn beside(&self) -> impl Iterator<Item = (&Measured, f64, f64)> {
        let pgbench = self.pgbench_simple.iter().zip(&self.pgbench_prepared);
        self.measured.iter().zip(pgbench).map(|(measured, (simple, prepared))| (measured, *simple, *prepared))
    }

    fn targets(&self) -> Result<()> {
        for (measured, simple, _) in self.beside().filter(|(measured, _, _)| measured.clients > 1) {
            let what = format!(
                "PostgreSQL payments/s of {0} clients over pgbench transactions/s of {0} clients",
                measured.clients
            );
            target(&what, measured.payments_per_second / simple, Bound::AtLeast(PAYMENTS_MIN))?;
        }
        Ok(())
    }
}

impl Effort {
    fn print(&self) -> Result<()> {
        let phases = [
            ("order", self.order),
            ("session", self.session),
            ("recognise", self.recognise),
            ("decide, commit", self.commit),
        ];
        say(&format!("{:<16}{:>14}{:>12}{:>8}", "one payment", "transactions", "statements", "waits"))?;
        let line = |name: &str, phase: Phase| {
            let Phase { transactions, statements, waits } = phase;
            say(&format!("{name:<16}{transactions:>14}{statements:>12}{waits:>8}"))
        };
        for (name, phase) in phases {
            line(name, phase)?;
        }
        line("all", self.order.and(self.session).and(self.recognise).and(self.commit))
    }
}

fn print_measured(measured: &[Measured]) -> Result<()> {
    say(&format!(
        "{:>7}{:>12}{:>8}{:>8}{:>12}{:>8}{:>8} |{:>8}{:>8}{:>10}{:>8}",
        "clients",
        "transfers/s",
        "p50",
        "p99",
        "payments/s",
        "p50",
        "p99",
        "order",
        "session",
        "recognise",
        "commit"
    ))?;
    for m in measured {
        say(&format!(
            "{:>7}{:>12.0}{:>8.1}{:>8.1}{:>12.0}{:>8.1}{:>8.1} |{:>8.2}{:>8.2}{:>10.2}{:>8.2}  ms",
            m.clients,
            m.transfers_per_second,
            m.transfer_p50_ms,
            m.transfer_p99_ms,
            m.payments_per_second,
            m.payment_p50_ms,
            m.payment_p99_ms,
            m.order_ms,
            m.session_ms,
            m.recognise_ms,
            m.commit_ms,
        ))?;
    }
    Ok(())
}
