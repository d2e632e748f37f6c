//! `cargo xtask codegen`: writes the files that are generated from code and committed.
//!
//! A test of the server fails when they are out of step, so that a change of the API shows in its review.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What is written, and the subcommand of `surety` that prints it.
const GENERATED: [(&str, &str); 3] = [
    ("docs/openapi.json", "openapi"),
    ("docs/processing-register.md", "register"),
    ("docs/features.md", "features"),
];

pub(crate) fn run(root: &Path) -> Result<()> {
    for (path, subcommand) in GENERATED {
        write(root, path, subcommand)?;
    }
    Ok(())
}

fn write(root: &Path, file: &str, subcommand: &str) -> Result<()> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "server", "--bin", "surety", "--", subcommand])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "`surety {subcommand}` failed ({}); {file} is as it was", output.status);
    if file.ends_with(".json") {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&output.stdout).with_context(
            || format!("`surety {subcommand}` did not print a JSON object; {file} is as it was"),
        )?;
    }

    let path = root.join(file);
    if fs::read(&path).is_ok_and(|before| before == output.stdout) {
        println!("{file} is up to date");
    } else {
        fs::write(&path, &output.stdout).with_context(|| format!("writing {file}"))?;
        println!("{file} is written; read the difference before you commit it");
    }
    Ok(())
}
