//! The Fraud Detection Handbook's stream of simulated card transactions (Le Borgne, Siblini, Lebichot, Bontempi 2022,
//! chapter 3), read as payments. The data is not part of Surety.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use risk::features::{Seconds, Spending};
use serde::Deserialize;
use types::GeoPoint;

use super::{Outcome, Past};

/// 2018-04-01T00:00:00Z, where the stream begins.
pub(crate) const BEGIN: Seconds = 1_522_540_800;
/// Outcomes are known a week later.
const DELAY: Seconds = 7 * 86_400;
/// The columns that are read, in this order.
const COLUMNS: [&str; 5] = ["CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_TIME_SECONDS", "TX_FRAUD"];

#[derive(Deserialize)]
struct Customer {
    #[serde(rename = "CUSTOMER_ID")]
    id: u64,
    #[serde(rename = "x_customer_id")]
    x: f64,
    #[serde(rename = "y_customer_id")]
    y: f64,
}

#[derive(Deserialize)]
struct Terminal {
    #[serde(rename = "TERMINAL_ID")]
    id: u64,
    #[serde(rename = "x_terminal_id")]
    x: f64,
    #[serde(rename = "y_terminal_id")]
    y: f64,
}

type Points = HashMap<u64, GeoPoint>;

/// Reads `handbook_raw.parquet`, `handbook_customers.csv` and `handbook_terminals.csv`.
pub(super) fn read(folder: &Path) -> Result<Vec<Past>> {
    let at = |name: &str| folder.join(name);
    let customers = points(&at("handbook_customers.csv"), |row: Customer| (row.id, row.x, row.y))?;
    let terminals = points(&at("handbook_terminals.csv"), |row: Terminal| (row.id, row.x, row.y))?;
    let path = at("handbook_raw.parquet");
    let name = || format!("reading {}", path.display());
    let file = File::open(&path).with_context(name)?;
    let reader = SerializedFileReader::new(file).with_context(name)?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    let place = |column: &str| {
        let place = fields.iter().position(|field| field.name() == column);
        place.with_context(|| format!("{} has no column {column}", path.display()))
    };
    let mut places = [0; COLUMNS.len()];
    for (at, column) in places.iter_mut().zip(COLUMNS) {
        *at = place(column)?;
    }
    let mut past = Vec::new();
    for row in reader.get_row_iter(None).with_context(name)? {
        past.push(paid(&row.with_context(name)?, places, (&customers, &terminals)).with_context(name)?);
    }
    Ok(past)
}

/// The grid of 100 x 100 lies on the equator, a kilometre a unit: no distance is distorted there.
fn points<T: for<'a> Deserialize<'a>>(path: &Path, of: impl Fn(T) -> (u64, f64, f64)) -> Result<Points> {
    const DEGREE_KM: f64 = 111.195;
    let name = || format!("reading {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(name)?;
    let mut points = HashMap::new();
    for row in reader.deserialize() {
        let (id, x, y) = of(row.with_context(name)?);
        points.insert(id, GeoPoint::new(y / DEGREE_KM, x / DEGREE_KM)?);
    }
    Ok(points)
}

fn paid(
    row: &Row,
    places: [usize; COLUMNS.len()],
    (customers, terminals): (&Points, &Points),
) -> Result<Past> {
    let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
    let number = |at: usize| match fields.get(places[at]) {
        Some(Field::Byte(n)) => Ok(f64::from(*n)),
        Some(Field::Short(n)) => Ok(f64::from(*n)),
        Some(Field::Int(n)) => Ok(f64::from(*n)),
        Some(Field::Long(n)) => Ok(*n as f64),
        Some(Field::Double(n)) => Ok(*n),
        other => Err(anyhow::anyhow!("{} is {other:?}", COLUMNS[at])),
    };
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    let whole = |at: usize| number(at).map(|number| number as i64);
    let (payer, terminal) = (u64::try_from(whole(0)?)?, u64::try_from(whole(1)?)?);
    let second = whole(3)?;
    ensure!((0..=366 * 86_400).contains(&second), "{} is {second}", COLUMNS[3]);
    let at = BEGIN + second;
    let payment = Spending {
        at,
        utc_offset: 0,
        amount: number(2)? * 100.0,
        terminal,
        // The stream knows neither.
        merchant: terminal,
        city: 0,
        point: *terminals.get(&terminal).context("a terminal without a place")?,
        payer,
    };
    let outcome = Outcome { at: at + DELAY, wrong: whole(4)? == 1 };
    Ok(Past { payment, home: customers.get(&payer).copied(), outcome: Some(outcome) })
}
