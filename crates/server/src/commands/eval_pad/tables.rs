//! The report as tables for spreadsheets.

use std::collections::BTreeMap;

use anyhow::Result;
use identity::eval::{PresentationReport, Share};

/// File names and contents.
pub(super) fn tables(scores: &BTreeMap<String, PresentationReport>) -> Result<Vec<(&'static str, String)>> {
    let (mut errors, mut curves, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for (score, report) in scores {
        for at in &report.at {
            let mut row = |measure: &str, kind: &str, share: Share| {
                let head = [score, measure, kind, &at.threshold.to_string()].map(str::to_owned);
                errors.push([head.to_vec(), cells(share).to_vec()].concat());
            };
            for species in &at.species {
                row("apcer", &species.species, species.apcer);
            }
            row("apcer", "worst", at.apcer_worst);
            row("bpcer", "live", at.bpcer);
            row("acer", "worst", at.acer);
        }
        for equal in &report.equal_error {
            let head = [score, "eer", &equal.species, &equal.threshold.to_string()].map(str::to_owned);
            errors.push([head.to_vec(), cells(equal.rate).to_vec()].concat());
        }
        for at in &report.bpcer_at {
            let name = format!("bpcer at apcer {}", at.apcer);
            let head = [score, &name, "live", &at.threshold.to_string()].map(str::to_owned);
            errors.push([head.to_vec(), cells(at.bpcer).to_vec()].concat());
        }
        for (species, points) in &report.curves {
            curves.extend(points.iter().map(|(threshold, apcer, bpcer)| {
                let numbers = [threshold, apcer, bpcer].map(|n| n.to_string());
                [vec![score.clone(), species.clone()], numbers.to_vec()].concat()
            }));
        }
        answered.extend(report.answered.iter().map(|kind| {
            let head =
                vec![score.clone(), kind.kind.clone(), kind.captures.to_string(), kind.subjects.to_string()];
            [head, cells(kind.share).to_vec()].concat()
        }));
    }
    Ok(vec![
        ("errors.csv", csv("score,measure,kind,threshold,value,low,high", errors)?),
        ("curves.csv", csv("score,species,threshold,apcer,bpcer", curves)?),
        ("non-response.csv", csv("score,kind,captures,subjects,value,low,high", answered)?),
    ])
}

fn cells(share: Share) -> [String; 3] {
    let Share { value, low, high } = share;
    [value, low, high].map(|n| n.to_string())
}

fn csv(head: &str, rows: Vec<Vec<String>>) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head.split(','))?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
