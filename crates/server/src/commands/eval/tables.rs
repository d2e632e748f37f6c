//! The report as tables for spreadsheets.

use anyhow::{Context as _, Result};
use identity::eval::{OpenSet, Outcomes, Report, Share};

/// File names and contents.
pub(super) fn tables(report: &Report) -> Result<Vec<(&'static str, String)>> {
    let (mut galleries, mut outcomes, mut reliability) = (Vec::new(), Vec::new(), Vec::new());
    for gallery in &report.galleries {
        let search = &gallery.search;
        let rule = serde_json::to_value(gallery.rule).context("naming a rule")?;
        let kind = vec![
            search.enrolled.to_string(),
            gallery.fusion.gallery_pictures.to_string(),
            gallery.fusion.probe_frames.to_string(),
            rule.as_str().unwrap_or_default().to_owned(),
        ];
        for (by, set) in [("score", &search.by_score), ("posterior", &search.by_posterior)] {
            galleries.extend(points(set).map(|point| [kind.clone(), vec![by.to_owned()], point].concat()));
        }
        for (by, rows) in [("policy", &search.policy), ("threshold", &search.thresholds)] {
            outcomes.extend(rows.iter().map(|o| [kind.clone(), vec![by.to_owned()], shares(o)].concat()));
        }
        for bin in search.reliability.iter().flat_map(|r| &r.bins) {
            let numbers = [bin.from, bin.to, bin.stated, bin.observed, bin.low, bin.high];
            let cells = numbers.iter().map(|n| format!("{n:e}")).chain([bin.answers.to_string()]);
            reliability.push([kind.clone(), cells.collect()].concat());
        }
    }
    let errors = report.errors.iter().map(|(t, fmr, fnmr)| [t, fmr, fnmr].map(f64::to_string).to_vec());
    let kind = "enrolled,pictures,frames,fusion";
    Ok(vec![
        ("errors.csv", csv("threshold,fmr,fnmr", errors.collect())?),
        ("galleries.csv", csv(&format!("{kind},by,fpir,measured,threshold,fnir,low,high"), galleries)?),
        (
            "outcomes.csv",
            csv(
                &format!(
                    "{kind},by,setting,wrong_debit,low,high,debited,low,high,asked,low,high,refused,low,high"
                ),
                outcomes,
            )?,
        ),
        ("reliability.csv", csv(&format!("{kind},from,to,stated,observed,low,high,answers"), reliability)?),
    ])
}

fn points(set: &OpenSet) -> impl Iterator<Item = Vec<String>> {
    set.points.iter().map(|p| {
        let head = [p.fpir.to_string(), p.measured.to_string(), p.threshold.to_string()];
        head.into_iter().chain(cells(p.fnir)).collect()
    })
}

fn shares(outcomes: &Outcomes) -> Vec<String> {
    let Outcomes { setting, wrong_debit, debited, asked, refused } = *outcomes;
    let all = [wrong_debit, debited, asked, refused].into_iter().flat_map(cells);
    std::iter::once(format!("{setting:e}")).chain(all).collect()
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
