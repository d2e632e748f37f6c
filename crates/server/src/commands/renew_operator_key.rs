//! `surety renew-operator-key`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use engine::renew_operator_key;

use super::{Database, say};
use crate::clock;

/// Make a new key for the first administrator, when `staff.key` or the last administrator's login is lost.
///
/// The key is written to `staff.key` in the data folder; every other login of the user `operator` ends. Whoever holds the
/// machine can do this and nobody else; the records keep that it was done. May run while the server runs.
#[derive(Args)]
pub(crate) struct RenewOperatorKey {
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    database: Database,
}

impl RenewOperatorKey {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let store = self.database.open(&self.data)?;
        clock::with_context(|ctx| renew_operator_key(&store, &self.data, ctx))?;
        say(&format!(
            "{} holds a new key; every older one of `operator` is shut",
            self.data.join("staff.key").display()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
