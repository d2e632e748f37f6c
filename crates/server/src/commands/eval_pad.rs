//! `surety eval-pad`.

mod plots;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use identity::eval::{
    Difference, Presentation, PresentationReport, Share, presentation_difference, presentation_report,
};
use serde::Serialize;

use super::calibrate::embedding::write_whole;
use super::captures::{Capture, Captures, Measuring, liveness_at};
use super::say;

/// Measure how well passive liveness tells attacks from living faces, as ISO/IEC 30107-3 has it.
///
/// The folder holds captures whose truth is known: `live/SUBJECT/` and `attack/SPECIES/SUBJECT/`, below a subject if you
/// like a folder for each device, and there pictures, each a capture of one frame, or folders `capture-...` of up to
/// three frames. Writes `report.json`, tables (CSV) and plots (SVG): APCER of each species, BPCER, ACER, equal error
/// rates, BPCER at fixed APCER, captures without a usable face; all with 95 % intervals that count subjects.
#[derive(Args)]
pub(crate) struct EvalPad {
    /// The folder of captures.
    #[arg(value_name = "FOLDER")]
    captures: PathBuf,
    /// The folder to write into; made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A liveness model to measure beside the stock rule.
    #[arg(long, value_name = "FILE")]
    liveness: Option<PathBuf>,
    /// Bounds to measure at, separated by commas; the defaults are the default policy's.
    #[arg(long, value_name = "P", value_delimiter = ',', default_values_t = [0.3, 0.5], value_parser = bound)]
    bounds: Vec<f64>,
    #[command(flatten)]
    measuring: Measuring,
}

fn bound(text: &str) -> Result<f64, String> {
    let inside = |p: &f64| (0.0..=1.0).contains(p);
    text.parse().ok().filter(inside).ok_or_else(|| "a number from 0 to 1".to_owned())
}

/// The file `report.json`.
#[derive(Serialize)]
struct Evaluated {
    networks: Vec<types::Digest>,
    /// By the kind of capture and the code of refusal.
    refused_captures: BTreeMap<String, u64>,
    /// By the way of scoring: `stock`, and the model's name.
    scores: BTreeMap<String, PresentationReport>,
    /// Equal error rate of the model less that of the stock rule, on the same captures.
    difference: Option<Difference>,
    /// For each device: the stock rule's errors and the model's.
    devices: BTreeMap<String, BTreeMap<String, PresentationReport>>,
}

/// Every capture with a score.
pub(super) fn presentations(
    captures: &[&Capture],
    score: impl Fn(&Capture) -> Option<f64>,
) -> Vec<Presentation> {
    captures
        .iter()
        .map(|capture| Presentation {
            subject: capture.subject.clone(),
            species: capture.species.clone(),
            score: score(capture),
        })
        .collect()
}

impl EvalPad {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let model = self.liveness.as_deref().map(liveness_at).transpose()?;
        fs::create_dir_all(&self.out).with_context(|| format!("making the folder {}", self.out.display()))?;
        let found = self.measuring.captures(&self.captures, &self.out.join("report.json"))?;
        if let Some(model) = &model {
            model.fits(&found.networks)?;
        }
        let scored = |captures: &[&Capture]| {
            let mut all =
                BTreeMap::from([("stock".to_owned(), presentations(captures, Capture::stock_score))]);
            if let Some(model) = &model {
                all.insert(model.id.clone(), presentations(captures, |c| c.score_by(model)));
            }
            all
        };
        let every: Vec<&Capture> = found.captures.iter().collect();
        let all = scored(&every);
        let report = |of: &Vec<Presentation>| presentation_report(of, &self.bounds);
        let mut scores = BTreeMap::new();
        for (name, of) in &all {
            let found = report(of).context(
                "at least one living face and one attack with a usable face are needed; see the layout in --help",
            )?;
            scores.insert(name.clone(), found);
        }
        let difference = match (&model, all.get("stock")) {
            (Some(model), Some(stock)) => {
                all.get(&model.id).and_then(|own| presentation_difference(stock, own))
            }
            (Some(_) | None, _) => None,
        };
        let devices = by_device(&found)
            .into_iter()
            .map(|(device, captures)| {
                let of = scored(&captures);
                let of = of.iter().filter_map(|(name, of)| Some((name.clone(), report(of)?))).collect();
                (device, of)
            })
            .collect();
        let evaluated = Evaluated {
            networks: found.networks.clone(),
            refused_captures: found.refused(),
            scores,
            difference,
            devices,
        };
        write(&self.out, &evaluated, &all)?;
        summary(&evaluated)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn by_device(found: &Captures) -> BTreeMap<String, Vec<&Capture>> {
    let mut devices: BTreeMap<String, Vec<&Capture>> = BTreeMap::new();
    for capture in &found.captures {
        if let Some(device) = &capture.device {
            devices.entry(device.clone()).or_default().push(capture);
        }
    }
    devices
}

fn write(out: &Path, evaluated: &Evaluated, all: &BTreeMap<String, Vec<Presentation>>) -> Result<()> {
    let json = serde_json::to_string_pretty(evaluated).context("writing the report")?;
    write_whole(&out.join("report.json"), &json)?;
    for (name, text) in tables::tables(&evaluated.scores)? {
        write_whole(&out.join(name), &text)?;
    }
    for (score, report) in &evaluated.scores {
        // A model's name is anything; a file's is not.
        let part = if score == "stock" { "stock" } else { "model" };
        write_whole(&out.join(format!("det-{part}.svg")), &plots::det(report)?)?;
        let of = all.get(score).map(Vec::as_slice).unwrap_or_default();
        write_whole(&out.join(format!("scores-{part}.svg")), &plots::histograms(of)?)?;
    }
    Ok(())
}

/// `1.2 % (0.4 to 3.3 %)`.
pub(super) fn percent(share: Share) -> String {
    let Share { value, low, high } = share;
    format!("{:.1} % ({:.1} to {:.1} %)", value * 100.0, low * 100.0, high * 100.0)
}

fn summary(evaluated: &Evaluated) -> Result<()> {
    for (name, report) in &evaluated.scores {
        if name == "stock" {
            for kind in &report.answered {
                let missing = percent(kind.share);
                let (captures, subjects) = (kind.captures, kind.subjects);
                say(&format!(
                    "{}: {captures} captures of {subjects} subjects, without a usable face: {missing}",
                    kind.kind
                ))?;
            }
        }
        say_report(name, report)?;
    }
    if let Some(Difference { value, low, high }) = evaluated.difference {
        say(&format!(
            "equal error rate of the model less the stock rule's: {:+.1} points ({:+.1} to {:+.1})",
            value * 100.0,
            low * 100.0,
            high * 100.0
        ))?;
    }
    Ok(())
}

/// What a report says, in lines.
pub(super) fn say_report(name: &str, report: &PresentationReport) -> Result<()> {
    for at in &report.at {
        let species: Vec<String> =
            at.species.iter().map(|s| format!("APCER {} {}", s.species, percent(s.apcer))).collect();
        say(&format!(
            "{name} at {}: {}; BPCER {}; ACER {}",
            at.threshold,
            species.join(", "),
            percent(at.bpcer),
            percent(at.acer)
        ))?;
    }
    let equal: Vec<String> =
        report.equal_error.iter().map(|e| format!("{} {}", e.species, percent(e.rate))).collect();
    say(&format!("{name}, equal error rates: {}", equal.join(", ")))
}
