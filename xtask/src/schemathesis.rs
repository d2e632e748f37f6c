//! `cargo xtask schemathesis`: requests made out of the OpenAPI document, against a real server, as every caller.
//!
//! The server's package has the harness (`tests/schemathesis`); this gives it the program.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools::Tools;

/// `more` goes to the harness: `--role payer`, `--seed 7`, `--examples 100`, `--seconds 300`.
pub(crate) fn run(root: &Path, more: &[String]) -> Result<()> {
    let program = Tools::open(root)?.program("schemathesis");
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--test", "schemathesis", "--"]).arg(program).args(more);
    let status = command.current_dir(root).status().context("starting cargo")?;
    ensure!(status.success(), "what Schemathesis found is above, with the request that shows it");
    Ok(())
}
