//! `surety bench`: figures, not tests. Each ends with one line per target, honest either way.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use engine::{CredentialKind, Engine, NewBreakGlass, StaffCaller};
use types::StaffRole;

use crate::clock;

mod face;
mod figures;
mod gallery;
mod growth;
mod ledger;
mod load;
mod pay;
mod risk;
mod terminal;

/// In how many four digits the phones of synthetic accounts end.
const ENDINGS: u32 = 10_000;

/// Measure, and say what was measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time from a capture received to its decision, split by stage, beside a Python pipeline on the same pictures.
    Pay(pay::Pay),
    /// Time from frames to evidence, split by stage, beside two Python pipelines on the same pictures.
    Face(face::Face),
    /// Payments and transfers a second on SQLite and PostgreSQL, beside the disk, a plain insert and pgbench.
    Ledger(ledger::Ledger),
    /// Search times beside FAISS and usearch on the same vectors, and beside reading memory.
    Gallery(gallery::Gallery),
    /// Twice as many payments as the machine can take, over HTTP: what is lost, who waits how long.
    Load(load::Load),
    /// Searches in a bucket through PostgreSQL with pgvector, beside the same in memory.
    Growth(growth::Growth),
    /// How well the risk model tells wrong payments, beside published models; and what a decision takes.
    Risk(risk::Risk),
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
            Self::Face(face) => face.run(),
            Self::Ledger(ledger) => ledger.run(),
            Self::Gallery(gallery) => gallery.run(),
            Self::Load(load) => load.run(),
            Self::Growth(growth) => growth.run(),
            Self::Risk(risk) => risk.run(),
        }
    }
}
