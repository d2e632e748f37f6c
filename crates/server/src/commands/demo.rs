//! `surety demo` (filled in below).
use anyhow::Result;
use clap::Args;
use std::process::ExitCode;
/// x
#[derive(Args)]
pub(crate) struct Demo {}
impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode> {
        Ok(ExitCode::SUCCESS)
    }
}
