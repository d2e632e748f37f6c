//! `surety bench`: figures, not tests. Each ends with one line per target, honest either way.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use engine::{CredentialKind, Engine, NewBreakGlass, StaffCaller};
use types::StaffRole;

use crate::clock;

mod figures;
mod gallery;
mod growth;
mod ledger;
mod pay;
mod terminal;

/// In how many four digits the phones of synthetic accounts end.
const ENDINGS: u32 = 10_000;

/// Measure, and say what was measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time from a capture received to its decision, split by stage, beside a Python pipeline on the same pictures.
    Pay(pay::Pay),
    /// Payments and transfers a second on SQLite and PostgreSQL, beside the disk, a plain insert and pgbench.
    Ledger(ledger::Ledger),
    /// Search times beside FAISS and usearch on the same vectors, and beside reading memory.
    Gallery(gallery::Gallery),
    /// Searches in a bucket through PostgreSQL with pgvector, beside the same in memory.
    Growth(growth::Growth),
}

/// Whoever holds the key of the first start, with the roles that opening shops and topping up take, for an hour.
fn on_duty(engine: &Engine, key: &str) -> Result<StaffCaller> {
    let caller = || Ok(engine.authenticate(clock::now(), key, CredentialKind::Bearer)?.staff()?);
    let taken = NewBreakGlass {
        reason: "a benchmark on a fresh folder".to_owned(),
        roles: StaffRole::MerchantCare | StaffRole::Approver,
        minutes: 60,
    };
    let operator: StaffCaller = caller()?;
    clock::with_context(|ctx| engine.break_the_glass(ctx, &operator, &taken))?;
    caller()
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Pay(pay) => pay.run(),
            Self::Ledger(ledger) => ledger.run(),
            Self::Gallery(gallery) => gallery.run(),
            Self::Growth(growth) => growth.run(),
        }
    }
}
