//! `cargo xtask test` and `cargo xtask ci`: what must hold, in the order in which it is cheapest to learn otherwise.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::prerequisites::{self, answers};
use crate::steps::{Steps, cargo};
use crate::{models, oidc, postgres};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advisories {
    Checked,
    LeftOut,
}

pub(crate) fn test(root: &Path, mirror: Option<&Path>) -> Result<()> {
    let mut steps = Steps::of("cargo xtask test");
    test_steps(&mut steps, root, mirror)?;
    steps.finish();
    Ok(())
}

fn test_steps(steps: &mut Steps, root: &Path, mirror: Option<&Path>) -> Result<()> {
    steps.run("prerequisites", "", prerequisites::check)?;
    steps.run("models", "It can be run alone: cargo xtask models", || models::run(root, mirror))?;
    steps.run("postgres", "It can be run alone: cargo xtask postgres", || postgres::run(root, mirror))?;
    steps.run("OpenID provider", "It can be run alone: cargo xtask oidc", || oidc::run(root))?;
    let advice = "The failing test is named above; run it alone with cargo test -p <crate> <test>";
    steps.run("tests", advice, || cargo(root, &["test", "--workspace"], None))?;
    let again = "To see it again: SURETY_TEST_DATABASE=postgres cargo test -p server --test it";
    steps.run("tests on PostgreSQL", again, || {
        cargo(root, &["test", "-p", "server", "--test", "it"], Some(("SURETY_TEST_DATABASE", "postgres")))
    })
}

pub(crate) fn ci(root: &Path, mirror: Option<&Path>, advisories: Advisories) -> Result<()> {
    let mut steps = Steps::of("cargo xtask ci");
    // Asked first, so that nobody learns of it after half an hour.
    steps.run("cargo-deny is here", "", cargo_deny_is_here)?;
    steps.run("fmt", "To mend it: cargo fmt --all", || {
        cargo(root, &["fmt", "--all", "--", "--check"], None)
    })?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.run("clippy", &again(&clippy), || cargo(root, &clippy, None))?;
    test_steps(&mut steps, root, mirror)?;
    let doc = ["doc", "--workspace", "--no-deps"];
    steps.run(
        "doc",
        &format!("To see it again: RUSTDOCFLAGS='-D warnings' cargo {}", doc.join(" ")),
        || cargo(root, &doc, Some(("RUSTDOCFLAGS", "-D warnings"))),
    )?;
    deny_steps(&mut steps, root, advisories)?;
    steps.finish();
    Ok(())
}

fn deny_steps(steps: &mut Steps, root: &Path, advisories: Advisories) -> Result<()> {
    let deny = ["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    steps.run("licences, bans, sources", &again(&deny), || cargo(root, &deny, None))?;
    if advisories == Advisories::LeftOut {
        steps.leave_out("advisories", "--offline");
        return Ok(());
    }
    let fetch = "The advisory database could not be fetched, so nothing is known about advisories. \
                 Run this where GitHub can be reached, or leave advisories out with cargo xtask ci --offline";
    steps.run("fetch advisories", fetch, || cargo(root, &["deny", "fetch", "db", "index"], None))?;
    let deny = ["deny", "--offline", "check", "advisories"];
    steps.run("advisories", &again(&deny), || cargo(root, &deny, None))
}

fn cargo_deny_is_here() -> Result<()> {
    ensure!(
        answers(&["cargo", "deny", "--version"]),
        "cargo-deny is not installed; `cargo install --locked cargo-deny` does it (about ten minutes on two cores)"
    );
    Ok(())
}

fn again(arguments: &[&str]) -> String {
    format!("To see it again: cargo {}", arguments.join(" "))
}
