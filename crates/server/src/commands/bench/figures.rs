//! What every bench says alike: quantiles, targets, the machine.

use std::fs;

use anyhow::{Context as _, Result};

use super::super::say;

/// What a figure is held against.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    Below(f64),
    Above(f64),
}

/// The line of a target, honest either way.
pub(super) fn target(what: &str, measured: f64, bound: Bound) -> Result<()> {
    target_to(2, what, measured, bound)
}

/// The same, printed to so many digits.
pub(super) fn target_to(digits: usize, what: &str, measured: f64, bound: Bound) -> Result<()> {
    let (met, sign, bound) = match bound {
        Bound::AtMost(bound) => (measured <= bound, "<=", bound),
        Bound::AtLeast(bound) => (measured >= bound, ">=", bound),
        Bound::Below(bound) => (measured < bound, "<", bound),
        Bound::Above(bound) => (measured > bound, ">", bound),
    };
    let word = if met { "ok" } else { "short" };
    say(&format!("target: {what} {measured:.digits$} {sign} {bound:.digits$} {word}"))
}

/// The `q`-quantile, by the nearest rank; not a number for no figures.
pub(super) fn quantile(of: &mut [f64], q: f64) -> f64 {
    of.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into some ten thousand figures"
    )]
    let at = (q * of.len().saturating_sub(1) as f64).round() as usize;
    of.get(at).copied().unwrap_or(f64::NAN)
}

/// What this was measured on: how many cores, and what the operating system calls the processor.
pub(super) fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism().context("counting the cores")?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    Ok(format!("{cores} cores, {}", name.unwrap_or("an unnamed processor")))
}
