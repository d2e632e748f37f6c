//! Tests against what is known exactly.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

/// Rows of `width` numbers below 1, some of them missing, and labels by a rule with some noise.
fn crowd(rows: usize, width: usize, rule: impl Fn(&[f32]) -> f64) -> (Table, Vec<bool>) {
    let mut random = StdRng::seed_from_u64(rows as u64);
    let (mut table, mut labels) = (Table::new(width), Vec::new());
    for _ in 0..rows {
        let row: Vec<f32> =
            (0..width).map(|_| if random.random_bool(0.05) { f32::NAN } else { random.random() }).collect();
        labels.push(random.random_bool(rule(&row)));
        table.push(&row).unwrap();
    }
    (table, labels)
}

fn rule(row: &[f32]) -> f64 {
    let [a, b] = [row[0], row[1]];
    if a.is_nan() || (a > 0.7) != (b > 0.4) { 0.9 } else { 0.05 }
}

fn few(trees: usize) -> Settings {
    Settings { trees, depth: 4, ..Settings::default() }
}

fn scores(forest: &Forest, table: &Table) -> Vec<f64> {
    let mut row = Vec::new();
    let score = |at| {
        table.row(at, &mut row);
        forest.log_odds(&row)
    };
    (0..table.rows()).map(score).collect()
}

#[test]
fn learns_a_rule_with_an_interaction_and_a_missing_value() {
    let (table, labels) = crowd(4_000, 4, rule);
    let (fresh, truth) = crowd(3_999, 4, rule);
    let forest = train((&table, &labels), None, &few(40)).unwrap().forest;
    let found: Vec<(f64, bool)> = scores(&forest, &fresh).into_iter().zip(truth).collect();
    let right = found.iter().filter(|(odds, label)| (*odds > 0.0) == *label).count();
    assert!(right as f64 / found.len() as f64 > 0.9, "{right} of {}", found.len());
    assert!(Ranking::of(&found).unwrap().auc_roc > 0.92);
}

/// One split, by hand: values 1, 2 | 3, 4 with labels no, no | yes, yes; the leaves are -G/(H+lambda) times the rate.
#[test]
fn one_split_is_what_the_paper_says() {
    let mut table = Table::new(1);
    [1.0, 2.0, 3.0, 4.0].iter().for_each(|value| table.push(&[*value]).unwrap());
    let settings = Settings {
        trees: 1,
        depth: 1,
        learning_rate: 1.0,
        lambda: 1.0,
        cover_min: 0.0,
        ..Settings::default()
    };
    let forest = train((&table, &[false, false, true, true]), None, &settings).unwrap().forest;
    // p = 1/2 everywhere: G = +-1, H = 1/2 on each side.
    for (value, odds) in [(1.0, -2.0 / 3.0), (2.4, -2.0 / 3.0), (2.5, 2.0 / 3.0), (9.0, 2.0 / 3.0)] {
        assert!((forest.log_odds(&[value]) - odds).abs() < 1e-6, "{value}");
    }
}

#[test]
fn a_bound_feature_moves_the_score_one_way_only() {
    let (table, labels) = crowd(3_000, 3, |row| f64::from((row[0] * 9.0).sin().abs().max(0.05) * 0.95));
    for (direction, sign) in [(Monotone::Rising, 1.0), (Monotone::Falling, -1.0)] {
        let settings = Settings { monotone: vec![direction], ..few(60) };
        let forest = train((&table, &labels), None, &settings).unwrap().forest;
        let mut moved = false;
        for other in 0..20 {
            let odds = |at: u8| forest.log_odds(&[f32::from(at) / 200.0, other as f32 / 20.0, 0.5]);
            for at in 0..200 {
                let step = sign * (odds(at + 1) - odds(at));
                assert!(step >= 0.0, "{direction:?} at {at}: {step}");
                moved |= step > 0.0;
            }
        }
        assert!(moved);
    }
}

#[test]
fn growing_ends_when_validation_gets_no_better() {
    let (table, labels) = crowd(600, 4, rule);
    let (other, truth) = crowd(2_000, 4, rule);
    let settings = Settings { patience: 10, ..few(500) };
    let trained = train((&table, &labels), Some((&other, &truth)), &settings).unwrap();
    let best = trained.validation.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(trained.validation.len() < 500);
    assert_eq!(trained.validation.len(), trained.forest.trees() + 10);
    assert!((log_loss(&scores(&trained.forest, &other), &truth) - best).abs() < 1e-12);
}

#[test]
fn the_same_seed_gives_the_same_forest() {
    let (table, labels) = crowd(1_000, 6, rule);
    let settings = Settings { row_share: 0.6, column_share: 0.5, ..few(20) };
    let grown = |seed| train((&table, &labels), None, &Settings { seed, ..settings.clone() }).unwrap();
    assert_eq!(grown(3), grown(3));
    assert_ne!(grown(3), grown(4));
}

/// A reference by definition: the average over all orders of what learning a feature changes.
fn by_definition(forest: &Forest, row: &[f32]) -> Vec<f64> {
    let width = row.len();
    let known = |subset: usize| {
        forest.trees.iter().map(|tree| expected(tree, 0, row, subset)).sum::<f64>() + forest.base
    };
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    let contribution = |feature: usize| {
        let others = (0..1_usize << width).filter(|subset| subset >> feature & 1 == 0);
        let gain = |subset: usize| {
            let size = subset.count_ones() as usize;
            let orders = factorial(size) * factorial(width - size - 1) / factorial(width);
            orders * (known(subset | 1 << feature) - known(subset))
        };
        others.map(gain).sum()
    };
    (0..width).map(contribution).collect()
}

fn expected(tree: &[forest::Node], at: usize, row: &[f32], known: usize) -> f64 {
    let node = &tree[at];
    if node.left == 0 {
        return f64::from(node.value);
    }
    let left = node.left as usize;
    if known >> node.feature & 1 == 1 {
        let right = usize::from(!node.is_left(row[usize::from(node.feature)]));
        return expected(tree, left + right, row, known);
    }
    let [low, high] =
        [left, left + 1].map(|child| (expected(tree, child, row, known), f64::from(tree[child].cover)));
    (low.0 * low.1 + high.0 * high.1) / (low.1 + high.1)
}

#[test]
fn contributions_are_the_shapley_values() {
    let (table, labels) = crowd(800, 5, rule);
    let forest = train((&table, &labels), None, &few(8)).unwrap().forest;
    let mut row = Vec::new();
    for at in 0..20 {
        table.row(at, &mut row);
        let (base, by_feature) = forest.contributions(&row);
        for (found, truth) in by_feature.iter().zip(by_definition(&forest, &row)) {
            assert!((found - truth).abs() < 1e-5, "{found} against {truth}");
        }
        let sum = base + by_feature.iter().sum::<f64>();
        assert!((sum - forest.log_odds(&row)).abs() < 1e-5);
    }
}

/// Of labels drawn from a known sigmoid the sigmoid is found again.
#[test]
fn scores_become_probabilities() {
    let mut random = StdRng::seed_from_u64(1);
    let scored: Vec<(f64, bool)> = (0..40_000)
        .map(|_| {
            let score = random.random_range(-6.0..6.0);
            (score, random.random_bool(1.0 / (1.0 + f64::exp(-(0.7 * score - 2.0)))))
        })
        .collect();
    let fit = Platt::fit(&scored).unwrap();
    for score in [-4.0, 0.0, 3.0, 5.0] {
        assert!((fit.log_odds(score) - (0.7 * score - 2.0)).abs() < 0.12, "{score}: {}", fit.log_odds(score));
    }
    assert!((fit.probability(2.0 / 0.7) - 0.5).abs() < 0.03);
    assert_eq!(Platt::fit(&[(1.0, true)]), None);
    assert_eq!(Platt::fit(&[(1.0, false), (0.0, true), (0.9, false), (0.1, true)]), None, "upside down");
}

#[test]
fn rankings_are_what_they_are_by_hand() {
    let scored = [(0.9, true), (0.8, false), (0.8, true), (0.1, false)];
    let found = Ranking::of(&scored).unwrap();
    // Of four pairs three are right, one of them a tie that counts half; precision 1 at the first and 2/3 at the tie.
    assert!((found.auc_roc - 3.5 / 4.0).abs() < 1e-12);
    assert!((found.average_precision - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
    assert_eq!(Ranking::of(&scored[..1]), None);
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let mut table = Table::new(2);
    assert_eq!(table.push(&[1.0]), Err(TableError::Width { expected: 2, found: 1 }));
    assert_eq!(table.push(&[1.0, f32::INFINITY]), Err(TableError::Infinite));
    table.push(&[1.0, 2.0]).unwrap();
    let refused = |labels: &[bool], settings: &Settings| train((&table, labels), None, settings).err();
    assert_eq!(refused(&[], &few(1)), Some(TableError::Labels { rows: 1, labels: 0 }));
    assert_eq!(refused(&[true], &few(1)), Some(TableError::OneClass));
    assert!(matches!(refused(&[true], &few(0)), Some(TableError::Settings(_))));
    let wrong = [
        Settings { row_share: 0.0, ..few(1) },
        Settings { learning_rate: f64::NAN, ..few(1) },
        Settings { lambda: -1.0, ..few(1) },
        Settings { monotone: vec![Monotone::Rising; 3], ..few(1) },
    ];
    for settings in wrong {
        assert!(matches!(refused(&[true], &settings), Some(TableError::Settings(_))), "{settings:?}");
    }
}

proptest! {
    /// Whatever the tables hold.
    #[test]
    fn any_row_has_a_score(values in prop::collection::vec(prop::collection::vec(-1e30_f32..1e30, 3), 8..60)) {
        let mut table = Table::new(3);
        values.iter().for_each(|row| table.push(row).unwrap());
        let labels: Vec<bool> = (0..values.len()).map(|at| at % 3 == 0).collect();
        let forest = train((&table, &labels), None, &few(5)).unwrap().forest;
        for row in &values {
            prop_assert!(forest.log_odds(row).is_finite());
        }
        prop_assert!(forest.log_odds(&[f32::NAN; 3]).is_finite());
    }
}
