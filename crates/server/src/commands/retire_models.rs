//! `surety retire-models`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{Folders, say};
use crate::clock;

/// Delete the templates of every embedding model but the one in use, after a change of models.
///
/// Name the networks as for `surety serve`. There is no way back to the other models after this: their templates would
/// have to be made again from the pictures. Templates that serve nothing any more are not to be kept.
#[derive(Args)]
pub(crate) struct RetireModels {
    #[command(flatten)]
    folders: Folders,
}

impl RetireModels {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (_installation, engine) = self.folders.open()?;
        let retired = clock::with_context(|ctx| engine.retire_other_models(ctx))?;
        say(&format!("{retired} templates of other models were deleted"))?;
        Ok(ExitCode::SUCCESS)
    }
}
