//! `cargo xtask codegen`: writes the files that are generated from code and committed.
//!
//! A test of the server fails when they are out of step, so that a change of the API shows in its review.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const OPENAPI: &str = "docs/openapi.json";

pub(crate) fn run(root: &Path) -> Result<()> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "server", "--bin", "surety", "--", "openapi"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "`surety openapi` failed ({}); {OPENAPI} is as it was", output.status);
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&output.stdout)
        .with_context(|| format!("`surety openapi` did not print a JSON object; {OPENAPI} is as it was"))?;

    let path = root.join(OPENAPI);
    if fs::read(&path).is_ok_and(|before| before == output.stdout) {
        println!("{OPENAPI} is up to date");
    } else {
        fs::write(&path, &output.stdout).with_context(|| format!("writing {OPENAPI}"))?;
        println!("{OPENAPI} is written; read the difference before you commit it");
    }
    Ok(())
}
