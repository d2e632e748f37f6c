//! `cargo xtask fuzz`: random input, led by coverage, for all that reads what comes from outside.
//!
//! `cargo fuzz` wants a nightly compiler only for its sanitizers. Our code is without `unsafe`, so they have little to
//! find, and stable does without them (`--sanitizer none`). The versions fuzzed are those of the workspace: its lock
//! file is copied.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::tools::Tools;

const TARGETS: &str = "fuzz/fuzz_targets";
/// One input that takes longer is a finding; far more than any does on a busy machine.
const INPUT_SECONDS_MAX: u32 = 60;
/// More memory is a finding: a picture of the most pixels has 75 MB, and is held three times.
const MEMORY_MB_MAX: u32 = 2048;
const TAIL_LINES: usize = 40;

/// Fuzzes one target or all of them, each for so many seconds.
pub(crate) fn run(root: &Path, target: Option<&str>, seconds: u32) -> Result<()> {
    let all = targets(root)?;
    let chosen: Vec<&String> =
        all.iter().filter(|name| target.is_none_or(|target| target == *name)).collect();
    ensure!(!chosen.is_empty(), "there is no such target; there are {}", all.join(", "));
    fs::copy(root.join("Cargo.lock"), root.join("fuzz/Cargo.lock")).context("copying Cargo.lock")?;
    let program = Tools::open(root)?.program("cargo-fuzz");
    let cargo_fuzz = |what: &str| {
        let mut command = Command::new(&program);
        command.current_dir(root).args(["fuzz", what, "--sanitizer", "none", "--target-dir"]);
        command.arg(root.join("target").join("fuzz"));
        command
    };
    let mut build = cargo_fuzz("build");
    if let Some(target) = target {
        build.arg(target);
    }
    let built = build.status().context("starting cargo-fuzz")?;
    ensure!(built.success(), "the targets could not be built ({built})");
    for name in chosen {
        fuzz(root, cargo_fuzz("run"), name, seconds)?;
    }
    Ok(())
}

/// By name.
fn targets(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(TARGETS)).with_context(|| format!("reading {TARGETS}"))? {
        let path = entry.with_context(|| format!("reading {TARGETS}"))?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// New inputs go to `var/`, where the next run goes on with them; those in git are only read.
fn fuzz(root: &Path, mut command: Command, name: &str, seconds: u32) -> Result<()> {
    let found = root.join("var").join("fuzz").join(name);
    fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let log = root.join("target").join("fuzz").join(format!("{name}.log"));
    let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    command.arg(name).arg(&found).arg(root.join("fuzz").join("corpus").join(name));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"));
    command.stdout(output.try_clone().context("writing the log")?).stderr(output);
    let status = command.status().context("starting cargo-fuzz")?;
    let said = fs::read(&log).with_context(|| format!("reading {}", log.display()))?;
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    if !status.success() {
        println!("{}", lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"));
        bail!(
            "`{name}` found something; the input is above in base64 and in fuzz/artifacts/{name}. Mend it, and put the \
             input into fuzz/corpus/{name} under a name that says what it is"
        );
    }
    let runs =
        lines.iter().rev().find(|line| line.starts_with("Done ")).context("the fuzzer did not end well")?;
    println!("  ok      {name}: {}", runs.trim_start_matches("Done "));
    Ok(())
}
