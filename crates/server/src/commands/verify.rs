//! `surety verify`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use store::Objects;

use super::{Database, say};

/// Faults shown per check; the rest is counted.
const FAULTS_SHOWN: usize = 10;

/// Prove the books, debits, disputes, decisions and erasures from the records alone.
///
/// Exits with 1 when anything disagrees. May run while the server runs.
#[derive(Args)]
pub(crate) struct Verify {
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    database: Database,
    /// The folder of sealed captures, if it is not the data folder's own.
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let store = self.database.open(&self.data)?;
        let captures = self.captures.unwrap_or_else(|| self.data.join("captures"));
        let captures = captures.is_dir().then(|| Objects::open(&captures)).transpose()?;
        let calibrations = engine::Installation::known_calibrations(&store)?;
        let results = engine::verify(&store, captures.as_ref(), &calibrations).context("verifying")?;
        let mut faults = 0;
        for result in &results {
            let word = if result.faults.is_empty() { "ok" } else { "WRONG" };
            say(&format!("{word:<6}{:<42}{:>9} checked", result.name, result.checked))?;
            for fault in result.faults.iter().take(FAULTS_SHOWN) {
                say(&format!("      {fault}"))?;
            }
            if let Some(more) = result.faults.len().checked_sub(FAULTS_SHOWN).filter(|more| *more > 0) {
                say(&format!("      and {more} more"))?;
            }
            faults += result.faults.len();
        }
        Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
