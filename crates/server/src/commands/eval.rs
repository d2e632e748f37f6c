//! `surety eval`.

mod pairs;
mod plots;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use identity::eval::{Folds, FusionRule, OpenSet, Part, Plan, Report, Rule, Subject, evaluate};
use identity::fit::fit_all;
use identity::{Calibration, Fusion, Provenance};
use serde::Serialize;
use types::{Probability, Template};

use super::calibrate::embedding::{Embedding, People, progress, write_whole};
use super::say;
use crate::clock;

/// Measure how good faces and certainties are, on people whom the calibration has not seen.
///
/// The folder holds a folder for each person, as for `surety calibrate`. Half of the people, by a hash of the name,
/// are tested; the others make the calibration, unless one is given. Writes `report.json`, tables (CSV) and plots
/// (SVG) into a folder: verification (equal error rate, FNMR at fixed FMR, ten folds), open-set search by score and by
/// posterior, how far the posterior can be believed, and how many payments would be debited, asked about, refused or
/// debited wrongly, under the policy and under fixed thresholds.
#[derive(Args)]
pub(crate) struct Eval {
    /// The folder of people.
    #[arg(value_name = "FOLDER")]
    people: PathBuf,
    /// The folder to write into; made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A list of pairs in folds, in the format of Labeled Faces in the Wild's pairs.txt.
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// A calibration instead of one made from the half that is not tested.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Test everybody: for a calibration made from other people.
    #[arg(long, requires = "calibration")]
    everybody: bool,
    /// Enrolment pictures that are fused, at most.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
    pictures_max: u32,
    /// Frames of a visit that are fused, at most.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3))]
    frames_max: u32,
    /// Sizes of galleries, separated by commas; beyond what there is means everybody.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [100, 300, 1_000_000])]
    galleries: Vec<usize>,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    embedding: Embedding,
}

/// What the policy in force says; the defaults are the default policy's.
#[derive(Args)]
struct Bounds {
    /// Debit at once up to this probability of a wrong person.
    #[arg(long, value_name = "P", default_value_t = 1e-6, value_parser = probability)]
    p_wrong_max: f64,
    /// ... and where strangers reach the score at most this often.
    #[arg(long, value_name = "P", default_value_t = 1e-8, value_parser = probability)]
    fmr_max: f64,
    /// Refuse above this probability of a wrong person.
    #[arg(long, value_name = "P", default_value_t = 0.9, value_parser = probability)]
    refuse_above: f64,
    /// How many times more often strangers may match than in the calibration's population.
    #[arg(long, value_name = "TIMES", default_value_t = 10.0, value_parser = at_least_one)]
    impostor_inflation: f64,
    /// Chance that whoever stands at a terminal is not enrolled.
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = probability)]
    prior_not_enrolled: f64,
}

fn probability(text: &str) -> Result<f64, String> {
    let inside = |p: &f64| *p > 0.0 && *p < 1.0;
    text.parse().ok().filter(inside).ok_or_else(|| "a number between 0 and 1".to_owned())
}

fn at_least_one(text: &str) -> Result<f64, String> {
    let sound = |times: &f64| times.is_finite() && *times >= 1.0;
    text.parse().ok().filter(sound).ok_or_else(|| "a number of at least 1".to_owned())
}

/// The file `report.json`.
#[derive(Serialize)]
struct Evaluated {
    calibration: Provenance,
    refused_pictures: std::collections::BTreeMap<String, u64>,
    folds: Option<PairsReport>,
    #[serde(flatten)]
    report: Report,
}

/// What a list of pairs gave.
#[derive(Serialize)]
struct PairsReport {
    /// Pairs in the list.
    pairs: usize,
    /// Pairs with a picture that gave no template, or that is not there.
    unusable: usize,
    /// Such pairs counted as a decision for two people.
    all: Option<Folds>,
    /// Without them.
    usable: Option<Folds>,
}

impl Eval {
    pub(crate) fn run(self) -> Result<ExitCode> {
        fs::create_dir_all(&self.out).with_context(|| format!("making the folder {}", self.out.display()))?;
        let people = self.embedding.people(&self.people, &self.out.join("report.json"))?;
        people.say()?;
        let folds = self.pairs.as_deref().map(|list| folds(list, &people)).transpose()?;
        let (test, training): (Vec<Subject>, Vec<Subject>) = people
            .subjects
            .into_iter()
            .partition(|subject| self.everybody || Part::of(&subject.name) == Part::Test);
        let calibration = match &self.calibration {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                Calibration::parse(&text)?.for_model(people.embedder)?.clone()
            }
            None => self.calibrate(&training, people.embedder)?,
        };
        let plan = self.plan()?;
        let steps = 1 + plan.fusions.len() * plan.rules.len() * plan.gallery_sizes.len();
        let bar = progress(steps as u64, "searches");
        let report =
            evaluate(&calibration, &test, &plan, || bar.inc(1)).context("evaluating the tested half")?;
        bar.finish_and_clear();
        let provenance = calibration.provenance().clone();
        let evaluated =
            Evaluated { calibration: provenance, refused_pictures: people.refused, folds, report };
        write(&self.out, &evaluated)?;
        summary(&evaluated)?;
        Ok(ExitCode::SUCCESS)
    }

    fn most(&self) -> Fusion {
        Fusion { gallery_pictures: self.pictures_max, probe_frames: self.frames_max }
    }

    fn calibrate(&self, training: &[Subject], embedder: types::Digest) -> Result<Calibration> {
        let templates: Vec<Vec<Template>> = training.iter().map(|s| s.templates.clone()).collect();
        let fitted = fit_all(&templates, self.most(), |_| ())?;
        ensure!(
            fitted.refused.is_empty(),
            "the half of the people that is not tested does not suffice for a calibration: take more people, fewer \
             pictures, or `--calibration FILE`"
        );
        let provenance = Provenance {
            id: "the half that is not tested".to_owned(),
            embedder,
            set: format!("half of the people in {}", self.people.display()),
            people: training.len() as u64,
            templates: templates.iter().map(|t| t.len() as u64).sum(),
            comparisons: fitted.comparisons,
            made_on: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
            command: "surety eval".to_owned(),
            builds_on: None,
        };
        Ok(Calibration::new(provenance, fitted.models)?)
    }

    fn plan(&self) -> Result<Plan> {
        let fusions = (1..=self.pictures_max).flat_map(|gallery_pictures| {
            (1..=self.frames_max).map(move |probe_frames| Fusion { gallery_pictures, probe_frames })
        });
        let Bounds { p_wrong_max, fmr_max, refuse_above, impostor_inflation, prior_not_enrolled } =
            self.bounds;
        Ok(Plan {
            gallery_sizes: self.galleries.clone(),
            fusions: fusions.collect(),
            rules: vec![FusionRule::Mean, FusionRule::Weighted],
            policy: Rule { p_wrong_max, fmr_max, refuse_above },
            impostor_inflation,
            prior_not_enrolled: Probability::new(prior_not_enrolled).context("a probability")?,
        })
    }
}

fn folds(list: &Path, people: &People) -> Result<PairsReport> {
    let text = fs::read_to_string(list).with_context(|| format!("reading {}", list.display()))?;
    let pairs = pairs::read(&text).with_context(|| format!("reading {}", list.display()))?;
    let scored = pairs::score(&pairs, people);
    let usable: Vec<_> = scored.iter().filter(|p| p.score >= -1.0).copied().collect();
    let all: Vec<_> =
        scored.iter().map(|p| identity::eval::FoldPair { score: p.score.max(-1.0), ..*p }).collect();
    Ok(PairsReport {
        pairs: all.len(),
        unusable: all.len() - usable.len(),
        all: identity::eval::ten_fold(&all),
        usable: identity::eval::ten_fold(&usable),
    })
}

fn write(out: &Path, evaluated: &Evaluated) -> Result<()> {
    let json = serde_json::to_string_pretty(evaluated).context("writing the report")?;
    write_whole(&out.join("report.json"), &json)?;
    for (name, text) in tables::tables(&evaluated.report)? {
        write_whole(&out.join(name), &text)?;
    }
    for (name, text) in plots::plots(&evaluated.report)? {
        write_whole(&out.join(name), &text)?;
    }
    Ok(())
}

fn summary(evaluated: &Evaluated) -> Result<()> {
    let Evaluated { calibration, refused_pictures: _, folds, report } = evaluated;
    say(&format!(
        "calibration: {}; tested: {} people, {} pictures",
        calibration.id, report.people, report.pictures
    ))?;
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let all = folds.as_ref().and_then(|report| report.all.as_ref());
    if let Some(Folds { folds, accuracy, standard_error }) = all {
        say(&format!("{folds} folds: {} +- {}", percent(*accuracy), percent(*standard_error)))?;
    }
    say(&format!("equal error rate {}", percent(report.verification.equal_error_rate)))?;
    for point in &report.verification.points {
        let (fnmr, note) = (point.fnmr, if point.measured { "" } else { " (too few impostors to measure)" });
        let interval = format!("{} to {}", percent(fnmr.low), percent(fnmr.high));
        say(&format!("FNMR {} ({interval}) at FMR {:.0e}{note}", percent(fnmr.value), point.fmr))?;
    }
    let points =
        |set: &OpenSet| set.points.iter().map(|p| percent(p.fnir.value)).collect::<Vec<_>>().join(", ");
    for gallery in &report.galleries {
        let Fusion { gallery_pictures, probe_frames } = gallery.fusion;
        say(&format!(
            "{} enrolled, {gallery_pictures} pictures, {probe_frames} frames, {:?}: FNIR at FPIR 1 %, 0.1 %, 0.01 %: {} by \
             score, {} by posterior",
            gallery.search.enrolled,
            gallery.rule,
            points(&gallery.search.by_score),
            points(&gallery.search.by_posterior)
        ))?;
    }
    Ok(())
}
