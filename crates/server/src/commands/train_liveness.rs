//! `surety train-liveness`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use face::fusion::{Example, LivenessModel, TrainedOn, capture_features, choose_penalty, fit_heads};
use identity::eval::{Difference, Part, presentation_difference, presentation_report};
use sha2::{Digest as _, Sha256};

use super::calibrate::embedding::write_whole;
use super::captures::{Capture, Captures, Measuring};
use super::eval_pad::{presentations, say_report};
use super::say;
use crate::clock;

/// Bounds at which both are compared: the default policy's.
const BOUNDS: [f64; 2] = [0.3, 0.5];

/// Fit passive liveness to your own cameras: weigh the networks' answers and the cues by captures of yours.
///
/// The folder is laid out as for `surety eval-pad`. Half of the subjects, by a hash of the name, are held out; where
/// captures lie in folders of at least two devices, every second device is held out too, and a capture of a held-out
/// subject by a training device, or the other way round, is left out. The model is measured on what was held out beside
/// the stock rule, and written only where it was shown to make fewer errors there.
#[derive(Args)]
pub(crate) struct TrainLiveness {
    /// The folder of captures.
    #[arg(value_name = "FOLDER")]
    captures: PathBuf,
    /// The liveness model to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The model's name in records; never the name of another one.
    #[arg(long, value_name = "NAME")]
    id: String,
    /// What captures these are, in words.
    #[arg(long, value_name = "WORDS")]
    set: String,
    /// Write the model even where the held-out captures do not show that it helps. Not for taking payments.
    #[arg(long)]
    unproven: bool,
    /// Captures of living faces, and of each species, that each half needs at least.
    #[arg(long, value_name = "N", default_value_t = 30)]
    captures_min: usize,
    /// Subjects that each kind needs at least in each half.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(3..))]
    subjects_min: u64,
    #[command(flatten)]
    measuring: Measuring,
}

/// Captures to fit to, and captures to judge the fit by.
struct Split<'a> {
    training: Vec<&'a Capture>,
    held_out: Vec<&'a Capture>,
    /// The devices of the training half, where they were told apart.
    devices: Vec<String>,
}

impl TrainLiveness {
    pub(crate) fn run(self) -> Result<ExitCode> {
        ensure!(
            !self.id.is_empty() && self.id != "stock",
            "--id names the model; \"stock\" is the rule without one"
        );
        let found = self.measuring.captures(&self.captures, &self.out)?;
        let split = split(&found);
        self.suffices("training", &split.training)?;
        self.suffices("held-out", &split.held_out)?;
        say(&format!(
            "{} captures to fit to, {} held out, {} left out of both",
            split.training.len(),
            split.held_out.len(),
            found.captures.len() - split.training.len() - split.held_out.len()
        ))?;
        if split.devices.is_empty() {
            say(
                "devices are not told apart: what follows is not known to hold for a camera that is not in the folder",
            )?;
        }
        let model = self.fit(&found, &split)?;
        let stock = presentations(&split.held_out, Capture::stock_score);
        let own = presentations(&split.held_out, |capture| capture.score_by(&model));
        for (name, of) in [("stock", &stock), (self.id.as_str(), &own)] {
            let report = presentation_report(of, &BOUNDS).context("measuring what was held out")?;
            say_report(&format!("held out, {name}"), &report)?;
        }
        let difference = presentation_difference(&stock, &own).context("comparing on what was held out")?;
        let helps = verdict(difference)?;
        if !helps && !self.unproven {
            say("nothing is written; more captures, of more subjects and devices, may change that")?;
            return Ok(ExitCode::FAILURE);
        }
        write_whole(&self.out, &model.to_text())?;
        let note = if helps { "" } else { ", UNPROVEN" };
        say(&format!("{} in {}{note}", self.id, self.out.display()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Too little data is refused, kind by kind.
    fn suffices(&self, half: &str, captures: &[&Capture]) -> Result<()> {
        let mut kinds: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        kinds.entry("live").or_default();
        for capture in captures {
            let kind = kinds.entry(capture.kind()).or_default();
            kind.0 += 1;
            kind.1.insert(&capture.subject);
        }
        ensure!(kinds.len() > 1, "the {half} half has no attacks; they lie in attack/SPECIES/SUBJECT/");
        for (kind, (count, subjects)) in kinds {
            ensure!(
                count >= self.captures_min && subjects.len() as u64 >= self.subjects_min,
                "too few captures for a liveness model: {kind} has {count} usable ones of {} subjects in the {half} \
                 half, and {} of {} are needed",
                subjects.len(),
                self.captures_min,
                self.subjects_min
            );
        }
        Ok(())
    }

    fn fit(&self, found: &Captures, split: &Split<'_>) -> Result<LivenessModel> {
        let examples: Vec<Example> = split.training.iter().filter_map(|capture| example(capture)).collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let (penalty, loss) = choose_penalty(&examples)?;
        say(&format!("cross-validation chose penalty {penalty} with a loss of {loss:.3}"))?;
        let mut captures: BTreeMap<String, u64> = BTreeMap::new();
        for capture in &split.training {
            *captures.entry(capture.kind().to_owned()).or_default() += 1;
        }
        let subjects: BTreeSet<&str> = split.training.iter().map(|c| c.subject.as_str()).collect();
        let provenance = TrainedOn {
            set: self.set.clone(),
            subjects: subjects.len() as u64,
            captures,
            devices: split.devices.clone(),
            penalty,
            made_on: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
            command: format!("surety train-liveness FOLDER --id {}", self.id),
        };
        let fitted = fit_heads(&examples, penalty)?;
        Ok(LivenessModel::new(self.id.clone(), provenance, found.networks.clone(), fitted)?)
    }
}

fn example(capture: &Capture) -> Option<Example> {
    Some(Example {
        subject: capture.subject.clone(),
        species: capture.species.clone(),
        features: capture_features(&capture.measured()?)?,
    })
}

/// Nobody is in both halves, and no device.
fn split(found: &Captures) -> Split<'_> {
    let mut devices: Vec<&str> = found.captures.iter().filter_map(|c| c.device.as_deref()).collect();
    devices.sort_by_key(|name| Sha256::digest(name.as_bytes()));
    devices.dedup();
    let told_apart = devices.len() >= 2 && found.captures.iter().all(|c| c.device.is_some());
    let held_out_devices: BTreeSet<&str> = devices.iter().copied().skip(1).step_by(2).collect();
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    for capture in found.captures.iter().filter(|capture| capture.measured().is_some()) {
        let by_device = capture.device.as_deref().filter(|_| told_apart);
        let device = by_device.map(|device| held_out_devices.contains(device));
        match (Part::of(&capture.subject), device) {
            (Part::Calibration, None | Some(false)) => training.push(capture),
            (Part::Test, None | Some(true)) => held_out.push(capture),
            (Part::Calibration, Some(true)) | (Part::Test, Some(false)) => {}
        }
    }
    let devices = if told_apart {
        devices.into_iter().filter(|name| !held_out_devices.contains(name)).map(str::to_owned).collect()
    } else {
        Vec::new()
    };
    Split { training, held_out, devices }
}

/// Says in plain words whether the model helps, and returns it.
fn verdict(Difference { value, low, high }: Difference) -> Result<bool> {
    let found = format!(
        "the equal error rate on what was held out changes by {:+.1} points (95 % interval {:+.1} to {:+.1})",
        value * 100.0,
        low * 100.0,
        high * 100.0
    );
    let (words, helps) = if high < 0.0 {
        ("it helps on people whom it has not seen", true)
    } else if low > 0.0 {
        ("it does harm; the stock rule is better", false)
    } else {
        ("it is not shown to help: chance alone can do this", false)
    };
    say(&format!("{found}: {words}"))?;
    Ok(helps)
}
