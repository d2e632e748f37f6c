//! A task as a row of timed steps that stops at the first failure and says how to go on from there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) struct Steps {
    task: &'static str,
    done: Vec<(&'static str, Outcome)>,
}

enum Outcome {
    Ok(Duration),
    Failed(Duration),
    /// Says why.
    LeftOut(&'static str),
}

impl Steps {
    pub(crate) fn of(task: &'static str) -> Self {
        Self { task, done: Vec::new() }
    }

    /// Runs one step. `advice` is what a person does about a failure, where the failure does not say it itself.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        advice: &str,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        match result {
            Ok(()) => {
                self.done.push((name, Outcome::Ok(took)));
                Ok(())
            }
            Err(error) => {
                self.done.push((name, Outcome::Failed(took)));
                print!("{}", self.summary());
                let advice = if advice.is_empty() { String::new() } else { format!(" {advice}") };
                Err(error.context(format!("{} stopped at `{name}`.{advice}\nWhy", self.task)))
            }
        }
    }

    pub(crate) fn leave_out(&mut self, name: &'static str, why: &'static str) {
        self.done.push((name, Outcome::LeftOut(why)));
    }

    /// The last word: what was done and how long it took.
    pub(crate) fn finish(self) {
        print!("{}", self.summary());
    }

    fn summary(&self) -> String {
        let mut text = format!("\n{}:\n", self.task);
        let mut total = Duration::ZERO;
        for (name, outcome) in &self.done {
            let line = match outcome {
                Outcome::Ok(took) => format!("{:>9.1} s  ok", took.as_secs_f64()),
                Outcome::Failed(took) => format!("{:>9.1} s  FAILED", took.as_secs_f64()),
                Outcome::LeftOut(why) => format!("{:>9}    left out: {why}", "-"),
            };
            text += &format!("  {name:<26}{line}\n");
            total += match outcome {
                Outcome::Ok(took) | Outcome::Failed(took) => *took,
                Outcome::LeftOut(_) => Duration::ZERO,
            };
        }
        text + &format!("  {:<26}{:>9.1} s\n", "together", total.as_secs_f64())
    }
}

/// Runs cargo in the workspace, with its own output streaming through.
pub(crate) fn cargo(root: &Path, arguments: &[&str], env: Option<(&str, &str)>) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root).envs(env);
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed ({status})", arguments.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::Steps;

    #[test]
    fn a_failure_names_the_step_the_advice_and_the_cause() {
        let mut steps = Steps::of("cargo xtask ci");
        steps.leave_out("advisories", "--offline");
        steps.run("fmt", "", || Ok(())).expect("the step does nothing");
        let error = steps.run("doc", "Do this.", || Err(anyhow!("a link is broken"))).expect_err("it fails");
        assert_eq!(format!("{error:#}"), "cargo xtask ci stopped at `doc`. Do this.\nWhy: a link is broken");

        let summary = steps.summary();
        assert!(summary.contains("left out: --offline"), "{summary}");
        assert!(summary.contains("s  ok") && summary.contains("s  FAILED"), "{summary}");
    }
}
