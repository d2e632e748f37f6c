//! Evaluates a set of templates that is not part of the repository, by the protocol of `surety eval`:
//!
//! ```text
//! cargo run --release -p identity --example evaluate -- TEMPLATES.npz OUT.json
//! ```
//!
//! The set is a NumPy archive as for `calibrate`. Half of the people, by a hash of their number, make a calibration;
//! the other half is searched and searches; then the other way round.
#![expect(clippy::print_stdout, reason = "a table for the person who runs it")]

use std::fs::{self, File};

use anyhow::{Context, bail};
use identity::eval::{FusionRule, Part, Plan, Report, Rule, Subject, evaluate};
use identity::fit::fit_all;
use identity::{Calibration, Fusion, Provenance};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;
use types::{Digest, Probability, Template};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, out] = arguments.as_slice() else { bail!("give TEMPLATES.npz OUT.json") };
    let everybody = read(set)?;
    let mut reports = Vec::new();
    for tested in [Part::Test, Part::Calibration] {
        let (test, training): (Vec<Subject>, Vec<Subject>) =
            everybody.iter().cloned().partition(|subject| Part::of(&subject.name) == tested);
        let calibration = calibrate(&training)?;
        let plan = plan()?;
        let report = evaluate(&calibration, &test, &plan, || ())?;
        print(&report);
        reports.push(report);
    }
    fs::write(out, serde_json::to_string_pretty(&reports)?).with_context(|| format!("writing {out}"))
}

fn plan() -> anyhow::Result<Plan> {
    let fusion = |gallery_pictures, probe_frames| Fusion { gallery_pictures, probe_frames };
    Ok(Plan {
        gallery_sizes: vec![50, 100, 1_000],
        fusions: vec![fusion(1, 1), fusion(2, 1), fusion(3, 1)],
        rules: vec![FusionRule::Mean],
        policy: Rule { p_wrong_max: 1e-6, fmr_max: 1e-8, refuse_above: 0.9 },
        impostor_inflation: 1.0,
        prior_not_enrolled: Probability::new(0.05).context("a probability")?,
    })
}

fn calibrate(training: &[Subject]) -> anyhow::Result<Calibration> {
    let people: Vec<Vec<Template>> = training.iter().map(|s| s.templates.clone()).collect();
    let fitted = fit_all(&people, Fusion { gallery_pictures: 3, probe_frames: 1 }, |_| ())?;
    let provenance = Provenance {
        id: "half".to_owned(),
        embedder: Digest([0; 32]),
        set: "half of a set of templates".to_owned(),
        people: people.len() as u64,
        templates: people.iter().map(|p| p.len() as u64).sum(),
        comparisons: fitted.comparisons,
        made_on: jiff::civil::date(2026, 1, 1),
        command: "evaluate".to_owned(),
        builds_on: None,
    };
    Ok(Calibration::new(provenance, fitted.models)?)
}

fn print(report: &Report) {
    println!("{} people, {} pictures", report.people, report.pictures);
    let v = &report.verification;
    println!(
        "EER {:.4}; FNMR {}",
        v.equal_error_rate,
        v.points
            .iter()
            .map(|p| format!(
                "{:.4} [{:.4} {:.4}] at {:.0e} ({:.3})",
                p.fnmr.value, p.fnmr.low, p.fnmr.high, p.fmr, p.threshold
            ))
            .collect::<Vec<_>>()
            .join("; ")
    );
    for gallery in &report.galleries {
        let s = &gallery.search;
        let line = |o: &identity::eval::OpenSet| {
            o.points
                .iter()
                .map(|p| format!("{:.4} [{:.4} {:.4}]", p.fnir.value, p.fnir.low, p.fnir.high))
                .collect::<Vec<_>>()
                .join("  ")
        };
        println!(
            "{} enrolled, {} x {}: {} visits, {} strangers; FNIR at FPIR 1 %, 0.1 %, 0.01 %\n   by score     {}\n   by posterior {}",
            s.enrolled,
            gallery.fusion.gallery_pictures,
            gallery.fusion.probe_frames,
            s.by_score.enrolled,
            s.by_score.strangers,
            line(&s.by_score),
            line(&s.by_posterior)
        );
    }
}

/// Templates by person.
fn read(path: &str) -> anyhow::Result<Vec<Subject>> {
    let mut archive = NpzReader::new(File::open(path).with_context(|| format!("opening {path}"))?)?;
    let rows: Array2<f32> = archive.by_name("template")?;
    let identities: Array1<i32> = archive.by_name("identity")?;
    let mut people: Vec<Subject> = Vec::new();
    for (row, identity) in rows.rows().into_iter().zip(&identities) {
        let person = usize::try_from(*identity).context("identities count from 0")?;
        while people.len() <= person {
            let name = people.len().to_string();
            people.push(Subject { name, templates: Vec::new(), weights: Vec::new() });
        }
        people[person].templates.push(Template::normalised(row.to_vec())?);
        people[person].weights.push(1.0);
    }
    Ok(people)
}
