//! Reads a story and plays it, step by step.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use gherkin::{Feature, GherkinEnv, Scenario, Step};

use crate::Server;
use crate::pattern::{Args, captures};
use crate::steps::{DoStep, STEPS};
use crate::world::{Address, World};

/// What a story is played with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The binary.
    pub surety: PathBuf,
    /// The folder of the models.
    pub models: PathBuf,
    /// The folder of the sample photographs: one folder a person.
    pub samples: PathBuf,
    /// The folder of the policy files that stories name.
    pub policies: PathBuf,
    /// Where data is made, one folder a scenario. Must hold none of these yet: nothing is ever deleted.
    pub folder: PathBuf,
    /// Makes an empty PostgreSQL database for a scenario and returns its URL; none keeps the books in SQLite.
    pub new_database: Option<fn() -> Result<String>>,
    /// Where the server listens: `127.0.0.1:0` takes any free port.
    pub listen: String,
    /// How many synthetic accounts instead of what the story says.
    pub accounts_override: Option<u32>,
}

/// What a narrator is told, in order.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The story begins.
    Feature {
        /// Its title.
        name: &'a str,
        /// What it is about; may be empty.
        description: &'a str,
    },
    /// One of its scenarios begins, in a fresh world.
    Scenario {
        /// Its title.
        name: &'a str,
    },
    /// A step begins.
    Step {
        /// `Given`, `When`, `Then`, `And`, `But`.
        keyword: &'a str,
        /// The sentence.
        text: &'a str,
    },
    /// What happened in the step, in plain words.
    Outcome {
        /// One line.
        text: &'a str,
    },
}

/// A scenario that ended as it must.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its title.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// How long it took.
    pub took: Duration,
}

/// A story of which every step ended as it must.
pub struct Report {
    /// Its scenarios, in order.
    pub scenarios: Vec<Played>,
    /// The server of the last scenario, still running: stopped when dropped.
    pub server: Option<Server>,
    /// Who can call that server, and with which key.
    pub addresses: Vec<Address>,
}

/// Plays every scenario of a story.
///
/// # Errors
/// At the first step that does not end as it must: names the step's line, what was expected and what was found.
pub fn play(feature: &str, settings: &Settings, narrate: &mut dyn FnMut(Event<'_>)) -> Result<Report> {
    let feature = parse(feature)?;
    let plans = feature.scenarios.iter().map(|scenario| plan(&feature, scenario));
    let plans = plans.collect::<Result<Vec<_>>>()?;
    narrate(Event::Feature {
        name: &feature.name,
        description: feature.description.as_deref().unwrap_or_default().trim(),
    });
    let mut report = Report { scenarios: Vec::new(), server: None, addresses: Vec::new() };
    for (number, (scenario, plan)) in feature.scenarios.iter().zip(&plans).enumerate() {
        // The server of the scenario before has done its work, and may hold the address this one wants.
        report.server = None;
        narrate(Event::Scenario { name: &scenario.name });
        let begun = Instant::now();
        let mut world = World::new(settings, number + 1)?;
        for step in plan {
            step.run(&mut world, narrate)?;
        }
        report.addresses = world.addresses();
        report.server = world.into_server();
        report.scenarios.push(Played {
            name: scenario.name.clone(),
            steps: plan.len(),
            took: begun.elapsed(),
        });
    }
    Ok(report)
}

/// A step that is known how to do.
struct Planned<'a> {
    step: &'a Step,
    run: DoStep,
    args: Args<'a>,
}

impl Planned<'_> {
    fn run(&self, world: &mut World<'_>, narrate: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        narrate(Event::Step { keyword: self.step.keyword.trim(), text: &self.step.value });
        let outcome = (self.run)(world, &self.args).map_err(|error| {
            let (line, sentence, log) = (self.step.position.line, &self.step.value, world.log_tail());
            anyhow!("line {line}: {sentence}\n{error:#}\nThe server's log ends:\n{log}")
        })?;
        for text in outcome.iter().flat_map(|told| told.lines()) {
            narrate(Event::Outcome { text });
        }
        Ok(())
    }
}

fn parse(feature: &str) -> Result<Feature> {
    let environment = GherkinEnv::default();
    let feature = Feature::parse(feature, environment).map_err(|error| anyhow!("not a story: {error}"))?;
    if feature.scenarios.is_empty() || !feature.rules.is_empty() {
        bail!("a story has scenarios, and no rules");
    }
    if let Some(outline) = feature.scenarios.iter().find(|scenario| !scenario.examples.is_empty()) {
        bail!("line {}: a scenario has no examples here", outline.position.line);
    }
    Ok(feature)
}

/// Background and steps of a scenario, each with what does it. Nothing is played when one is not understood.
fn plan<'a>(feature: &'a Feature, scenario: &'a Scenario) -> Result<Vec<Planned<'a>>> {
    let background = feature.background.iter().flat_map(|background| &background.steps);
    background.chain(&scenario.steps).map(understand).collect()
}

fn understand(step: &Step) -> Result<Planned<'_>> {
    let mut readings = STEPS
        .iter()
        .filter_map(|(pattern, run)| captures(pattern, &step.value).map(|values| (*pattern, *run, values)));
    let line = step.position.line;
    let (pattern, run, values) =
        readings.next().with_context(|| format!("line {line}: nobody knows how to do: {}", step.value))?;
    if let Some((other, _, _)) = readings.next() {
        bail!("line {line}: this can be read as {pattern:?} and as {other:?}: {}", step.value);
    }
    Ok(Planned { step, run, args: Args { values, table: step.table.as_ref() } })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Every sentence in `scenarios/` can be done in exactly one way, and no step is left that no story uses.
    #[test]
    fn every_story_is_understood_and_every_step_is_used() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let mut used = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let feature = parse(&text).unwrap();
            for scenario in &feature.scenarios {
                for planned in plan(&feature, scenario).unwrap() {
                    let sentence = &planned.step.value;
                    used.extend(
                        STEPS.iter().map(|(pattern, _)| *pattern).filter(|p| captures(p, sentence).is_some()),
                    );
                }
            }
        }
        let unused: Vec<_> =
            STEPS.iter().map(|(pattern, _)| *pattern).filter(|p| !used.contains(p)).collect();
        assert!(unused.is_empty(), "no story uses: {unused:?}");
    }

    #[test]
    fn a_sentence_nobody_knows_is_named_with_its_line() {
        let text = "Feature: F\n  Scenario: S\n    Given the books are right\n    When pigs fly\n";
        let feature = parse(text).unwrap();
        let error = plan(&feature, &feature.scenarios[0]).err().unwrap();
        assert_eq!(error.to_string(), "line 4: nobody knows how to do: pigs fly");
    }
}
