//! `surety seed`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Folders, say};
use crate::clock;

/// Add synthetic accounts with synthetic faces, so that searches have company.
///
/// Run it while no server uses the data folder.
#[derive(Args)]
pub(crate) struct Seed {
    #[command(flatten)]
    folders: Folders,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    accounts: u32,
    /// In how many different four digits their phones end: few make many of them share the same.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    endings: u32,
}

impl Seed {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (_installation, engine) = self.folders.open()?;
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}")?;
        let bar = ProgressBar::new(self.accounts.into()).with_style(style).with_message("synthetic accounts");
        clock::with_context(|ctx| {
            engine.seed(ctx, (self.accounts, self.endings), |seeded| bar.set_position(seeded.done.into()))
        })?;
        bar.finish();
        say(&format!(
            "{} synthetic accounts added, {} faces enrolled",
            self.accounts,
            engine.health()?.enrolled
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
