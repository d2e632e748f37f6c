//! What may come in from outside, by `deny.toml`: licences, bans and sources always, advisories where they can be had.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps::Steps;
use crate::tools::Tools;

/// What to do about security advisories, whose database lies on GitHub and in no package registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advisories {
    /// Nothing passes without them.
    Demanded,
    /// They are checked where they can be fetched, and it is said where not.
    WherePossible,
    /// Nobody asks for them.
    LeftOut,
}

pub(crate) fn steps(steps: &mut Steps, root: &Path, advisories: Advisories) -> Result<()> {
    let deny = |arguments: &[&str]| run(root, arguments);
    if advisories != Advisories::LeftOut {
        let advice = "cargo-deny reads the licences of crates for systems other than this one, too; they come from where \
                      the others came from.";
        steps.run("crates of every system", advice, || fetch_crates(root))?;
    }
    let checks = ["--offline", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    steps.run("licences, bans, sources", "What is allowed is said in deny.toml.", || deny(&checks))?;
    let fetch = || deny(&["fetch", "db", "index"]);
    match advisories {
        Advisories::LeftOut => {
            steps.leave_out("advisories", "--offline");
            return Ok(());
        }
        Advisories::Demanded => {
            let advice = "The advisory database could not be fetched, so nothing is known about advisories. Run this \
                          where GitHub can be reached, or leave advisories out with cargo xtask ci --offline";
            steps.run("fetch advisories", advice, fetch)?;
        }
        Advisories::WherePossible => {
            println!("\n== fetch advisories");
            if let Err(error) = fetch() {
                println!("Security advisories were NOT checked: {error:#}");
                steps.leave_out("advisories", "NOT CHECKED, their database could not be fetched");
                return Ok(());
            }
        }
    }
    steps.run("advisories", "Each is named above.", || deny(&["--offline", "check", "advisories"]))
}

/// A build fetches what this system needs, and that is not all that the lock file names.
fn fetch_crates(root: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["fetch", "--locked"]).current_dir(root);
    let status = command.status().context("starting cargo")?;
    ensure!(status.success(), "`cargo fetch --locked` ended with {status}");
    Ok(())
}

fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let program = Tools::open(root)?.program("cargo-deny");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    let status = command.status().context("starting cargo-deny")?;
    ensure!(status.success(), "`cargo deny {}` ended with {status}", arguments.join(" "));
    Ok(())
}
