//! Payments from a CSV file.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use risk::features::{Name, Spending};
use serde::Deserialize;
use types::{GeoPoint, Timestamp};

use super::{Outcome, Past};

/// A line. Names of payers, terminals, merchants and cities may be any text; equal texts are the same one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Timestamp,
    utc_offset_minutes: i32,
    amount_minor: u64,
    payer: String,
    terminal: String,
    merchant: String,
    city: String,
    latitude: f64,
    longitude: f64,
    home_latitude: Option<f64>,
    home_longitude: Option<f64>,
    /// `yes` or `no`; empty where nobody knows.
    wrong: String,
    /// When that became known.
    known_at: Option<Timestamp>,
}

pub(super) fn read(path: &Path) -> Result<Vec<Past>> {
    let name = || format!("reading {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(name)?;
    let (mut names, mut past) = (HashMap::new(), Vec::new());
    for line in reader.deserialize() {
        let line: Line = line.with_context(name)?;
        let of = || format!("{}: payment {}", path.display(), past.len() + 1);
        let paid = read_line(line, &mut names).with_context(of)?;
        past.push(paid);
    }
    Ok(past)
}

fn read_line(line: Line, names: &mut HashMap<(u8, String), Name>) -> Result<Past> {
    let mut named = |kind: u8, text: String| {
        let next = names.len() as Name;
        *names.entry((kind, text)).or_insert(next)
    };
    let home = match (line.home_latitude, line.home_longitude) {
        (Some(latitude), Some(longitude)) => Some(GeoPoint::new(latitude, longitude)?),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            anyhow::bail!("a home has a latitude and a longitude, or neither")
        }
    };
    let outcome = match (line.wrong.as_str(), line.known_at) {
        ("yes", Some(at)) => Some(Outcome { at: at.as_second(), wrong: true }),
        ("no", Some(at)) => Some(Outcome { at: at.as_second(), wrong: false }),
        ("", None) => None,
        (other, _) => anyhow::bail!("wrong is {other:?}: say yes or no and known_at, or leave both empty"),
    };
    let at = line.at.as_second();
    ensure!(outcome.is_none_or(|outcome| outcome.at >= at), "known_at lies before the payment");
    ensure!(line.utc_offset_minutes.abs() <= 24 * 60, "utc_offset_minutes is more than a day");
    let payment = Spending {
        at,
        utc_offset: line.utc_offset_minutes * 60,
        amount: line.amount_minor as f64,
        terminal: named(0, line.terminal),
        merchant: named(1, line.merchant),
        city: named(2, line.city),
        point: GeoPoint::new(line.latitude, line.longitude)?,
        payer: named(3, line.payer),
    };
    Ok(Past { payment, home, outcome })
}
