//! The handbook's protocol: seven days of training, seven of delay, seven to be tested on, four times (chapter 5,
//! prequential validation; chapter 3 for the parts of a fold and the precision of cards).

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result};
use boosting::{Ranking, Settings, Table, train};
use risk::Growth;
use risk::features::CATALOGUE;

use super::super::super::history::{self, HANDBOOK_BEGIN, Past};
use super::super::super::say;
use super::Three;

const DAY: i64 = 86_400;
/// Days of training, of delay and of the test.
const WEEK: i64 = 7;
/// On which day after the stream's beginning each fold's training begins: 2018-08-15, 08-08, 08-01, 07-25. The last is the
/// handbook's first test week.
pub(super) const FOLDS: [i64; 4] = [136, 129, 122, 115];
/// Cards that somebody can look at in a day.
const CARDS: usize = 100;

/// One fold.
pub(super) struct Fold {
    first: i64,
    /// Places of the payments learned from.
    train: Vec<usize>,
    /// Places of those tested on: without payers already known to be compromised (`get_train_test_set`).
    test: Vec<usize>,
}

/// What was measured on a fold.
pub(super) struct Measured {
    /// Days after the stream's beginning on which the test begins.
    pub(super) test_from: i64,
    pub(super) payments: usize,
    pub(super) wrong: usize,
    pub(super) figures: Three,
}

fn day(past: &Past) -> i64 {
    (past.payment.at - HANDBOOK_BEGIN).div_euclid(DAY)
}

impl Fold {
    /// The fold whose training begins on this day, learned from `days` days that end with its week of training.
    pub(super) fn new(past: &[Past], first: i64, days: i64) -> Self {
        let on = |from: i64, until: i64| {
            past.partition_point(|past| day(past) < from)..past.partition_point(|past| day(past) < until)
        };
        let wrong = |from: i64, until: i64| {
            on(from, until).filter(|place| past[*place].is_wrong()).map(|place| past[place].payment.payer)
        };
        let delay = first + WEEK;
        let mut known: HashSet<u64> = wrong(first, delay).collect();
        let mut test = Vec::new();
        for later in 0..WEEK {
            known.extend(wrong(delay + later - 1, delay + later));
            let tested = on(delay + WEEK + later, delay + WEEK + later + 1);
            test.extend(tested.filter(|place| !known.contains(&past[*place].payment.payer)));
        }
        Self { first, train: on(delay - days, delay).collect(), test }
    }
}

/// Learns and measures every fold.
pub(super) fn measure(past: &[Past], folds: &[Fold], growth: &Growth) -> Result<Vec<Measured>> {
    let mut needed = vec![false; past.len()];
    for place in folds.iter().flat_map(|fold| fold.train.iter().chain(&fold.test)) {
        needed[*place] = true;
    }
    let mut rows = HashMap::new();
    history::features(
        past,
        |place| needed[place],
        |place, row| {
            rows.insert(place, row);
        },
    );
    say(&format!("{} payments replayed, features of {} kept", past.len(), rows.len()))?;
    let mut measured = Vec::new();
    for fold in folds {
        let mut scores = vec![0.0; fold.test.len()];
        let (table, labels) = table(past, &rows, &fold.train)?;
        for seed in 0..growth.seeds {
            let forest = train((&table, &labels), None, &settings(growth, seed))?.forest;
            for (score, place) in scores.iter_mut().zip(&fold.test) {
                *score += forest.log_odds(&rows[place]) / f64::from(growth.seeds);
            }
        }
        measured.push(fold.figures(past, &scores)?);
    }
    Ok(measured)
}

/// As [`risk::fit`] grows, but to the full number of trees: the protocol has no days to validate on.
fn settings(growth: &Growth, seed: u32) -> Settings {
    let Growth { seeds: _, trees, depth, learning_rate, cover_min, row_share, column_share, patience } =
        *growth;
    Settings {
        trees,
        depth,
        learning_rate,
        cover_min,
        row_share,
        column_share,
        patience,
        seed: u64::from(seed),
        ..Settings::default()
    }
}

type Rows = HashMap<usize, Vec<f32>>;

fn table(past: &[Past], rows: &Rows, places: &[usize]) -> Result<(Table, Vec<bool>)> {
    let mut table = Table::new(CATALOGUE.len());
    for place in places {
        table.push(&rows[place])?;
    }
    Ok((table, places.iter().map(|place| past[*place].is_wrong()).collect()))
}

impl Fold {
    fn figures(&self, past: &[Past], scores: &[f64]) -> Result<Measured> {
        let truth = self.test.iter().map(|place| past[*place].is_wrong());
        let scored: Vec<(f64, bool)> = scores.iter().copied().zip(truth).collect();
        let ranking = Ranking::of(&scored).context("a test week without wrong payments")?;
        Ok(Measured {
            test_from: self.first + 2 * WEEK,
            payments: self.test.len(),
            wrong: scored.iter().filter(|(_, wrong)| *wrong).count(),
            figures: [ranking.auc_roc, ranking.average_precision, card_precision(past, &self.test, scores)],
        })
    }
}

/// The share of compromised cards among the hundred most suspicious of each day, each card caught once
/// (`card_precision_top_k_custom`); the mean over the days.
fn card_precision(past: &[Past], test: &[usize], scores: &[f64]) -> f64 {
    // Ordered, so that equal scores are taken by the lower number, as the handbook does.
    let mut days: BTreeMap<i64, BTreeMap<u64, (f64, bool)>> = BTreeMap::new();
    for (place, score) in test.iter().zip(scores) {
        let past = &past[*place];
        let card = days.entry(day(past)).or_default().entry(past.payment.payer);
        let (most, wrong) = card.or_insert((f64::NEG_INFINITY, false));
        *most = most.max(*score);
        *wrong |= past.is_wrong();
    }
    let (mut caught, mut sum) = (HashSet::new(), 0.0);
    let count = days.len().max(1) as f64;
    for cards in days.into_values() {
        let mut cards: Vec<(u64, (f64, bool))> =
            cards.into_iter().filter(|(card, _)| !caught.contains(card)).collect();
        cards.sort_by(|(_, (a, _)), (_, (b, _))| b.total_cmp(a));
        let hits = cards.iter().take(CARDS).filter(|(_, (_, wrong))| *wrong).map(|(card, _)| *card);
        let before = caught.len();
        caught.extend(hits);
        sum += (caught.len() - before) as f64 / CARDS as f64;
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use risk::features::Spending;
    use types::GeoPoint;

    use super::super::super::super::history::Outcome;
    use super::*;

    fn paid(day: i64, payer: u64, wrong: bool) -> Past {
        let at = HANDBOOK_BEGIN + day * DAY;
        let point = GeoPoint::new(0.0, 0.0).unwrap();
        let payment =
            Spending { at, utc_offset: 0, amount: 1.0, terminal: 1, merchant: 1, city: 0, point, payer };
        Past { payment, home: None, outcome: Some(Outcome { at: at + WEEK * DAY, wrong }) }
    }

    #[test]
    fn a_fold_leaves_out_whom_it_knows() {
        // One known from training, one from the first day of delay, one from its second day, one of the test itself.
        let mut past = vec![paid(93, 9, false), paid(95, 1, true), paid(101, 2, true), paid(102, 3, true)];
        for day in 108..115 {
            past.extend((1..5).map(|payer| paid(day, payer, payer == 4)));
        }
        let fold = Fold::new(&past, 94, 7);
        assert_eq!(fold.train, [1]);
        assert_eq!(Fold::new(&past, 94, 8).train, [0, 1]);
        let tested = |day: i64| {
            let on = fold.test.iter().filter(|place| super::day(&past[**place]) == day);
            on.map(|place| past[*place].payment.payer).collect::<Vec<_>>()
        };
        assert_eq!((tested(108), tested(109), tested(110)), (vec![2, 3, 4], vec![3, 4], vec![4]));
    }

    #[test]
    fn a_card_is_caught_once() {
        let past = [paid(1, 1, true), paid(1, 2, false), paid(2, 1, true), paid(2, 3, true)];
        let found = card_precision(&past, &[0, 1, 2, 3], &[0.9, 0.8, 0.7, 0.6]);
        assert!((found - 0.01).abs() < 1e-12, "one of a hundred on each of two days, and not {found}");
    }
}
