//! `surety bench risk`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use risk::Growth;

mod protocol;
mod report;
mod speed;

use self::protocol::{FOLDS, Fold};
use super::super::{history, say};
use super::figures::machine;

/// How well the risk model tells wrong payments beside the Fraud Detection Handbook's models, on its stream and by its
/// protocol; and what features and model take for each decision, from memory.
#[derive(Args)]
pub(crate) struct Risk {
    /// The folder with `handbook_raw.parquet`, `handbook_customers.csv` and `handbook_terminals.csv`. Without it only times
    /// are measured.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Days to learn from; they end with the handbook's week of training. The handbook learns from 7.
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Forests, each with its own seed, whose mean is the model.
    #[arg(long, value_name = "N", default_value_t = Growth::default().seeds, value_parser = clap::value_parser!(u32).range(1..=32))]
    seeds: u32,
    /// Decisions whose time is measured.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    decisions: u32,
}

impl Risk {
    pub(crate) fn run(self) -> Result<ExitCode> {
        say(&machine()?)?;
        let growth = Growth { seeds: self.seeds, ..Growth::default() };
        let folds = match &self.data {
            None => None,
            Some(folder) => {
                let past = history::read(folder)?;
                let folds = FOLDS.map(|first| Fold::new(&past, first, i64::from(self.days)));
                Some(protocol::measure(&past, &folds, &growth)?)
            }
        };
        let times = speed::measure(&growth, self.decisions as usize)?;
        if let Some(folds) = &folds {
            report::table(folds, (self.days, self.seeds))?;
        }
        times.say()?;
        say("")?;
        if let Some(folds) = &folds {
            report::targets(folds)?;
        }
        times.targets()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// AUC ROC, average precision, card precision@100.
type Three = [f64; 3];
