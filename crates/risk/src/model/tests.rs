//! A model of a small made-up town, where one terminal went bad and large amounts at night are wrong.

use std::sync::LazyLock;

use proptest::prelude::*;
use types::GeoPoint;

use super::*;
use crate::features::{Event, Replay, Spending, index_of};

const DAY: i64 = 86_400;
const BEGIN: i64 = 1_767_571_200;

/// Numbers that look drawn, the same ones each time.
fn drawn(number: i64, what: i64) -> i64 {
    let mixed = (number * 31 + what).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
    (mixed ^ (mixed >> 29)).wrapping_mul(0x1CE4_E5B9).rem_euclid(1_000_003)
}

/// Sixty days of some hundred payments each, with their features.
fn town() -> Vec<Example> {
    let (mut replay, mut examples) = (Replay::new(0), Vec::new());
    let mut outcomes = Vec::new();
    for number in 0..6_000 {
        let at = BEGIN + number * 864;
        let terminal = drawn(number, 1) % 20;
        let large = drawn(number, 2) % 50 == 0;
        let wrong = large || (terminal == 7 && (number / 1_000) % 2 == 1);
        outcomes.push(wrong);
        let payment = Spending {
            at,
            utc_offset: 0,
            amount: if large { 90_000.0 } else { 1_000.0 + (drawn(number, 3) % 3_000) as f64 },
            terminal: terminal.cast_unsigned(),
            merchant: 1,
            city: 1,
            point: GeoPoint::new(30.0, 110.0).unwrap(),
            payer: (drawn(number, 4) % 40).cast_unsigned(),
        };
        let mut take = |before: crate::features::Before<'_>| {
            let wrong = outcomes[usize::try_from(before.number).unwrap()];
            examples.push(Example { at: before.payment.at, row: before.features(), wrong });
        };
        let (number, terminal) = (number.cast_unsigned(), terminal.cast_unsigned());
        replay.tell(Event::Paid { number, payment, home: None }, &mut take);
        replay.tell(Event::Judged { number, terminal, at: at + DAY, wrong }, &mut take);
        replay.catch_up(&mut take);
    }
    examples
}

fn plan() -> Plan {
    let growth =
        Growth { seeds: 2, trees: 20, depth: 4, learning_rate: 0.2, cover_min: 1.0, ..Growth::default() };
    Plan { delay_days: 1, growth, ..Plan::default() }
}

fn origin() -> Origin {
    let [made_on, command, data] = ["2026-12-01", "surety train", "a made-up town"].map(str::to_owned);
    Origin { made_on, command, data }
}

static TOWN: LazyLock<(Vec<Example>, RiskModel)> = LazyLock::new(|| {
    let town = town();
    let model = fit(&town, &plan(), origin()).unwrap();
    (town, model)
});

#[test]
fn a_pattern_is_learned_and_measured_on_days_not_seen() {
    let Provenance { learned, validation, held_out, worth, important, trees, .. } = TOWN.1.provenance();
    assert!(learned.until == validation.from && validation.until + DAY == held_out.from);
    assert_eq!((held_out.until - held_out.from, trees.len()), (7 * DAY, 2));
    assert!(worth.auc_roc > 0.9 && worth.average_precision > 0.5, "{worth:?}");
    assert!(worth.log_loss < 0.7 * worth.log_loss_of_nothing, "{worth:?}");
    let counted: usize = worth.bands.iter().map(|band| band.payments).sum();
    assert_eq!(counted, held_out.payments);
    assert_eq!(important.len(), 10);
    assert!(important.iter().take(4).any(|(name, _)| name.starts_with("amount")), "{important:?}");
}

/// Days that are held out change nothing of what is learned.
#[test]
fn held_out_days_teach_nothing() {
    let mut other = TOWN.0.clone();
    let from = TOWN.1.provenance.held_out.from;
    other.iter_mut().filter(|example| example.at >= from).for_each(|example| example.wrong = !example.wrong);
    let model = fit(&other, &plan(), origin()).unwrap();
    assert_eq!((&model.forests, model.calibration), (&TOWN.1.forests, TOWN.1.calibration));
    assert!(model.provenance.worth.auc_roc < 0.1);
}

#[test]
fn a_model_is_written_and_read_again() {
    let text = TOWN.1.to_text();
    assert_eq!(RiskModel::read(&text).as_ref(), Ok(&TOWN.1));
}

#[test]
fn a_model_of_other_features_is_refused() {
    let text = TOWN.1.to_text();
    let refused = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is there");
        RiskModel::read(&changed).unwrap_err()
    };
    let version = format!("\"version\":{CATALOGUE_VERSION},");
    let error = refused(&version, "\"version\":999,");
    assert_eq!(error, ModelError::Catalogue { found: 999 });
    assert!(
        error.to_string().contains("version 999 of the features")
            && error.to_string().contains("surety train")
    );
    assert_eq!(refused("\"format\":1", "\"format\":2"), ModelError::Format { found: 2 });
    let (found, expected) = ("is_dark".to_owned(), "is_night");
    assert_eq!(refused("\"is_night\"", "\"is_dark\""), ModelError::Feature { place: 2, found, expected });
    assert_eq!(
        refused("\"terminal_since_wrong_days\"]", "\"terminal_since_wrong_days\",\"more\"]"),
        ModelError::Forests
    );
    let width = format!("\"features\":{},", CATALOGUE.len());
    assert_eq!(refused(&width, "\"features\":60,"), ModelError::Forests);
    assert!(matches!(RiskModel::read("{}"), Err(ModelError::NoModel(_))));
    assert!(matches!(refused("\"provenance\"", "\"origin\""), ModelError::NoModel(_)));
}

#[test]
fn too_little_is_no_model() {
    let few = &TOWN.0[5_950..];
    let part = |plan: &Plan| match fit(few, plan, origin()) {
        Err(FitError::TooFew { part, payments: _, wrong: _ }) => Some(part),
        Ok(_) | Err(FitError::Table(_) | FitError::NoPattern) => None,
    };
    assert_eq!(part(&plan()), Some(Part::Learned));
    assert!(fit(&[], &plan(), origin()).is_err());
    let mut right = TOWN.0.clone();
    right.iter_mut().for_each(|example| example.wrong = false);
    let error = fit(&right, &plan(), origin()).unwrap_err();
    assert!(error.to_string().contains("0 of them wrong"), "{error}");
}

#[test]
fn a_card_says_what_it_is_and_is_not_for() {
    let card = TOWN.1.card();
    for words in [
        "a made-up town",
        "2026-12-01, `surety train`",
        "held-out days · 留出日期上的效果",
        "Calibration on held-out days",
        "What it must not be used for · 不得用于",
        // Seven days held out, a day for outcomes to be known, seven to validate on, fourteen learned from.
        "| learned from · 训练 | 2026-02-04T23:45:37Z | 2026-02-18T23:45:37Z | 1400 |",
        "| validation · 验证 | 2026-02-18T23:45:37Z | 2026-02-25T23:45:37Z | 700 |",
        "| held out · 留出 | 2026-02-26T23:45:37Z | 2026-03-05T23:45:37Z | 700 |",
        "| 0.1 to 0.3 | 0 | – | – |",
    ] {
        assert!(card.contains(words), "{words} is not in\n{card}");
    }
    assert_eq!(card.lines().filter(|line| line.starts_with("| `")).count(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Of any payment, also one with values that no payment has.
    #[test]
    fn contributions_sum_to_the_margin(at in 0..6_000_usize, column in 0..CATALOGUE.len(), value in prop::num::f32::ANY) {
        let model = &TOWN.1;
        let mut row = TOWN.0[at].row.clone();
        row[column] = value;
        let Explanation { base, contributions } = model.explain(&row);
        let sum = base + contributions.iter().map(|each| each.log_odds).sum::<f64>();
        prop_assert!((sum - model.log_odds(&row)).abs() < 1e-6, "{} is not {}", sum, model.log_odds(&row));
        prop_assert!((model.score(&row) - 1.0 / (1.0 + (-sum).exp())).abs() < 1e-6);
        prop_assert!(contributions.is_sorted_by(|a, b| a.log_odds.abs() >= b.log_odds.abs()));
        prop_assert_eq!(contributions.len(), CATALOGUE.len());
        for each in &contributions {
            prop_assert_eq!(row[index_of(each.feature.name).unwrap()].to_bits(), each.value.to_bits());
        }
    }
}
