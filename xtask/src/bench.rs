//! `cargo xtask bench`: the product's own measurements, beside what a user would pick instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{models, postgres, prerequisites, server};

/// What the Python pipeline is made of, pinned so that two runs compare the same things.
const PYTHON_PACKAGES: [&str; 3] =
    ["onnxruntime==1.32.0", "numpy==2.4.6", "opencv-python-headless==5.0.0.93"];

/// What searches are compared with.
const SEARCH_PACKAGES: [&str; 3] = ["faiss-cpu==1.15.1", "usearch==2.26.6", "numpy==2.4.6"];

/// `surety bench pay` beside a Python pipeline in a virtual environment under `var/`.
pub(crate) fn pay(root: &Path, mirror: Option<&Path>) -> Result<()> {
    prerequisites::check()?;
    models::run(root, mirror)?;
    let python = python(root, "bench-python", &PYTHON_PACKAGES)?;
    let surety = server::build(root)?;
    let mut command = Command::new(surety);
    command.current_dir(root).args(["bench", "pay", "--python"]).arg(python);
    let status = command.status().context("starting the measurement")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}

/// `surety bench face` beside the same pipeline in Python.
pub(crate) fn face(root: &Path, mirror: Option<&Path>) -> Result<()> {
    prerequisites::check()?;
    models::run(root, mirror)?;
    let python = python(root, "bench-python", &PYTHON_PACKAGES)?;
    let surety = server::build(root)?;
    let mut command = Command::new(surety);
    command.current_dir(root).args(["bench", "face", "--python"]).arg(python);
    let status = command.status().context("starting the measurement")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}

/// `surety bench ledger` beside pgbench on a private PostgreSQL.
pub(crate) fn ledger(root: &Path, mirror: Option<&Path>) -> Result<()> {
    prerequisites::check()?;
    models::run(root, mirror)?;
    postgres::run(root, mirror)?;
    let surety = server::build(root)?;
    let mut command = Command::new(surety);
    command.current_dir(root).args(["bench", "ledger"]);
    let status = command.status().context("starting the measurement")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}

/// `surety bench gallery` beside FAISS and usearch in a virtual environment of their own.
pub(crate) fn gallery(root: &Path) -> Result<()> {
    prerequisites::check()?;
    let python = python(root, "bench-gallery-python", &SEARCH_PACKAGES)?;
    let surety = server::build(root)?;
    let mut command = Command::new(surety);
    command.current_dir(root).args(["bench", "gallery", "--python"]).arg(python);
    let status = command.status().context("starting the measurement")?;
    ensure!(status.success(), "the measurement ended with {status}");
    Ok(())
}

/// A virtual environment under `var/` with these packages.
fn python(root: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = root.join("var").join(name);
    let python = folder.join("bin").join("python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder), "apt-get install -y python3-venv")?;
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]).args(packages);
    run(&mut install, "look at pip's words above")?;
    Ok(python)
}

fn run(command: &mut Command, advice: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}; {advice}");
    Ok(())
}
