//! `surety bench` (filled in below).
use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;
/// x
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// x
    Pay,
}
impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
