//! `cargo xtask test` and `cargo xtask ci`: what must hold, in the order in which it is cheapest to learn otherwise.

use std::path::Path;

use anyhow::Result;

use crate::deny::{self, Advisories};
use crate::steps::{Steps, cargo};
use crate::{FUZZ_SECONDS, fuzz, models, oidc, postgres, prerequisites, schemathesis};

pub(crate) fn test(root: &Path, mirror: Option<&Path>) -> Result<()> {
    let mut steps = Steps::of("cargo xtask test");
    test_steps(&mut steps, root, mirror)?;
    deny::steps(&mut steps, root, Advisories::WherePossible)?;
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
        // Of the whole workspace, so that its dependencies have the features that they were built with.
        cargo(root, &["test", "--workspace", "--test", "it"], Some(("SURETY_TEST_DATABASE", "postgres")))
    })?;
    let again = "To see it again: cargo xtask schemathesis --role <caller>";
    steps.run("schemathesis", again, || schemathesis::run(root, &[]))?;
    steps.run("fuzz", "To see it again: cargo xtask fuzz <target>", || fuzz::run(root, None, FUZZ_SECONDS))
}

pub(crate) fn ci(root: &Path, mirror: Option<&Path>, advisories: Advisories) -> Result<()> {
    let mut steps = Steps::of("cargo xtask ci");
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
    deny::steps(&mut steps, root, advisories)?;
    steps.finish();
    Ok(())
}

fn again(arguments: &[&str]) -> String {
    format!("To see it again: cargo {}", arguments.join(" "))
}
