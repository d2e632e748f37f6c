//! Against what XGBoost and scikit-learn say of a public data set. `golden/make.py` wrote it down.
#![expect(clippy::unwrap_used, reason = "a test")]

use boosting::{Forest, Monotone, Platt, Ranking, Settings, Table, log_loss, train};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Vec<Option<f32>>>,
    labels: Vec<bool>,
    free: Grown,
    rising: Grown,
    metrics: Metrics,
    platt: Line,
}

#[derive(Deserialize)]
struct Grown {
    margins: Vec<f64>,
    contributions: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Metrics {
    auc_roc: f64,
    average_precision: f64,
    log_loss: f64,
    rounded_auc_roc: f64,
    rounded_average_precision: f64,
}

#[derive(Deserialize)]
struct Line {
    slope: f64,
    offset: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/breast_cancer.json")).unwrap()
}

fn rows(golden: &Golden) -> Vec<Vec<f32>> {
    golden.rows.iter().map(|row| row.iter().map(|value| value.unwrap_or(f32::NAN)).collect()).collect()
}

/// The settings of `make.py`.
fn grown(golden: &Golden, monotone: Vec<Monotone>) -> Forest {
    let mut table = Table::new(4);
    rows(golden).iter().for_each(|row| table.push(row).unwrap());
    let settings = Settings {
        trees: 20,
        depth: 4,
        learning_rate: 0.3,
        lambda: 1.0,
        cover_min: 3.0,
        monotone,
        ..Settings::default()
    };
    train((&table, &golden.labels), None, &settings).unwrap().forest
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() < within, "{found} is not {expected}");
}

/// XGBoost sums gradients of 24 bits.
const DIGITS: f64 = 2e-4;

#[track_caller]
fn same(golden: &Golden, forest: &Forest, theirs: &Grown) {
    let rows = rows(golden);
    for (row, margin) in rows.iter().zip(&theirs.margins) {
        near(forest.log_odds(row), *margin, DIGITS);
    }
    for (row, expected) in rows.iter().zip(&theirs.contributions) {
        let (base, by_feature) = forest.contributions(row);
        for (found, expected) in by_feature.into_iter().chain([base]).zip(expected) {
            near(found, *expected, DIGITS);
        }
    }
}

#[test]
fn trees_and_contributions_are_those_of_xgboost() {
    let golden = golden();
    same(&golden, &grown(&golden, Vec::new()), &golden.free);
}

#[test]
fn bound_trees_are_those_of_xgboost() {
    let golden = golden();
    let monotone = vec![Monotone::Rising, Monotone::Free, Monotone::Free, Monotone::Rising];
    same(&golden, &grown(&golden, monotone), &golden.rising);
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    let Golden { labels, free, metrics, .. } = golden();
    let scored: Vec<(f64, bool)> = free.margins.iter().copied().zip(labels.iter().copied()).collect();
    let found = Ranking::of(&scored).unwrap();
    near(found.auc_roc, metrics.auc_roc, 1e-12);
    near(found.average_precision, metrics.average_precision, 1e-12);
    near(log_loss(&free.margins, &labels), metrics.log_loss, 1e-9);
    // NumPy rounds halves to even.
    let ties: Vec<(f64, bool)> =
        scored.iter().map(|(score, label)| (score.round_ties_even(), *label)).collect();
    let found = Ranking::of(&ties).unwrap();
    near(found.auc_roc, metrics.rounded_auc_roc, 1e-12);
    near(found.average_precision, metrics.rounded_average_precision, 1e-12);
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    let Golden { labels, free, platt, .. } = golden();
    let scored: Vec<(f64, bool)> = free.margins.into_iter().zip(labels).collect();
    let found = Platt::fit(&scored).unwrap();
    near(found.log_odds(0.0), platt.offset, 1e-4);
    near(found.log_odds(1.0) - found.log_odds(0.0), platt.slope, 1e-4);
}

/// What is written is read again as the same forest, and what was changed by hand is none.
#[test]
fn a_forest_is_written_and_read_again() {
    let golden = golden();
    let forest = grown(&golden, Vec::new());
    let text = serde_json::to_string(&forest).unwrap();
    assert_eq!(serde_json::from_str::<Forest>(&text).unwrap(), forest);
    let wrong = [
        text.replacen("\"features\":4", "\"features\":1", 1),
        text.replacen("\"trees\":[[", "\"trees\":[[[0,1.0,false,0,0.5,1.0],", 1),
        text.replacen("\"base\":", "\"bases\":", 1),
    ];
    for wrong in wrong {
        assert!(serde_json::from_str::<Forest>(&wrong).is_err(), "{}", &wrong[..80]);
    }

    // A chain of splits: what explains a score would go down it by recursion.
    let chain = |splits: u32| {
        let node = |at: u32| match at {
            at if at % 2 == 0 && at / 2 < splits => format!("[0,1.0,false,{},0.0,1.0]", at + 1),
            _ => "[0,0.0,false,0,0.5,1.0]".to_owned(),
        };
        let nodes: Vec<String> = (0..=2 * splits).map(node).collect();
        format!("{{\"base\":0.0,\"features\":1,\"trees\":[[{}]]}}", nodes.join(","))
    };
    assert!(serde_json::from_str::<Forest>(&chain(30)).is_ok());
    assert!(serde_json::from_str::<Forest>(&chain(31)).unwrap_err().to_string().contains("deeper"));
    assert!(
        serde_json::from_str::<Forest>(&chain(2).replace("0.5,1.0", "0.5,0.0").replace("0.0,1.0", "0.0,0.0"))
            .is_err()
    );
}
