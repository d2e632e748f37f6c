//! `surety bench`: figures, not tests. Each ends with one line per target, honest either way.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

mod figures;
mod ledger;
mod pay;

/// Measure, and say what was measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time from a capture received to its decision, split by stage, beside a Python pipeline on the same pictures.
    Pay(pay::Pay),
    /// Payments and transfers a second on SQLite and PostgreSQL, beside the disk, a plain insert and pgbench.
    Ledger(ledger::Ledger),
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pay(pay) => pay.run(),
            Self::Ledger(ledger) => ledger.run(),
        }
    }
}
