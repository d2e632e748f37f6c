//! `surety rotate-master-key`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use engine::{Place, Until, rotate_master_key};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Database, Master, say};
use crate::clock;

/// Put a new master key in place of the old one, while servers run.
///
/// A new generation is added to `master.key`, and every data key is wrapped anew by it; what an older version sealed is
/// sealed anew on the way. Killed at any moment, it goes on where it was when it is run again. The old generation stays
/// in the file until it is retired: keep it as long as you keep backups from before.
///
/// With the master key in the environment, put the new one first in the list, restart the servers, and run this: it
/// wraps everything under the first of the list.
#[derive(Args)]
pub(crate) struct RotateMasterKey {
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    master: Master,
    /// The folder of sealed captures, if it is not the data folder's own.
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
    /// Only add the new generation to `master.key`, to be copied to the other machines before the next run uses it.
    #[arg(long, conflicts_with = "retire_old")]
    add_only: bool,
    /// Take the old generations away when nothing is under them any more. Of a finished rotation it does only that.
    #[arg(long)]
    retire_old: bool,
}

impl RotateMasterKey {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let store = self.database.open(&self.data)?;
        let captures = self.captures.unwrap_or_else(|| self.data.join("captures"));
        let place =
            Place { folder: &self.data, store: &store, captures, master_keys: self.master.keys.as_deref() };
        let until = match (self.add_only, self.retire_old) {
            (true, _) => Until::Added,
            (false, false) => Until::Rewrapped,
            (false, true) => Until::Retired,
        };
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}")?;
        let bar = ProgressBar::new(0).with_style(style).with_message("keys and values");
        let rotated = clock::with_context(|ctx| {
            rotate_master_key(&place, ctx, until, &mut |progress| {
                bar.set_length(progress.wanted);
                bar.set_position(progress.keys + progress.values + progress.pictures);
            })
        })?;
        bar.finish_and_clear();
        let begun = if rotated.given {
            "the first given"
        } else if rotated.added {
            "new"
        } else {
            "begun before"
        };
        say(&format!("generation {} ({begun})", rotated.newest))?;
        if until == Until::Added {
            say("copy master.key to the other machines, then run this again without --add-only")?;
            return Ok(ExitCode::SUCCESS);
        }
        let done = rotated.progress;
        say(&format!(
            "{} keys wrapped anew, {} values and {} pictures of the first version sealed anew, {} left",
            done.keys, done.values, done.pictures, rotated.left
        ))?;
        if rotated.left > 0 {
            say(
                "a process without the new generation wrote these: copy master.key there, then run this again",
            )?;
        }
        if until == Until::Retired {
            let told = if rotated.given { "take them out of the variable" } else { "they left master.key" };
            say(&format!("{} old generations retired; {told}", rotated.retired))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
