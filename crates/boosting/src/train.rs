//! Boosting: each tree corrects those before it.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{RngExt as _, SeedableRng as _};

use crate::forest::{DEPTH_MAX, Forest};
use crate::grow::{Ground, NOWHERE, Sums, grow, sorted};
use crate::metrics::log_loss;
use crate::table::{Table, TableError};

/// Which way a feature may move the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Monotone {
    /// Either.
    #[default]
    Free,
    /// More never lowers it.
    Rising,
    /// More never raises it.
    Falling,
}

/// How a forest is grown.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Most trees.
    pub trees: usize,
    /// Levels of splits in a tree.
    pub depth: usize,
    /// What each tree's word is worth, in (0, 1].
    pub learning_rate: f64,
    /// Pulls leaves towards nothing (L2).
    pub lambda: f64,
    /// The least sum of second derivatives in a leaf: a quarter of the rows where nothing is known of them.
    pub cover_min: f64,
    /// The least gain of a split.
    pub gain_min: f64,
    /// The share of rows each tree sees, in (0, 1].
    pub row_share: f64,
    /// The share of columns each tree may split on, in (0, 1].
    pub column_share: f64,
    /// By column; those beyond its end are free.
    pub monotone: Vec<Monotone>,
    /// Without a better log-loss on the validation rows in so many trees the growing ends. The best number is kept.
    pub patience: usize,
    /// Rows and columns are drawn from it.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trees: 200,
            depth: 6,
            learning_rate: 0.1,
            lambda: 1.0,
            cover_min: 1.0,
            gain_min: 0.0,
            row_share: 1.0,
            column_share: 1.0,
            monotone: Vec::new(),
            patience: 30,
            seed: 1,
        }
    }
}

impl Settings {
    fn check(&self, columns: usize) -> Result<(), TableError> {
        let share = |share: f64| share > 0.0 && share <= 1.0;
        let rules = [
            (
                self.trees > 0 && self.depth > 0 && self.depth <= usize::from(DEPTH_MAX),
                "at least one tree, of 1 to 30 levels",
            ),
            (share(self.learning_rate), "the learning rate lies above 0 and at most at 1"),
            (self.lambda >= 0.0 && self.cover_min >= 0.0 && self.gain_min >= 0.0, "no bound is negative"),
            (share(self.row_share) && share(self.column_share), "shares lie above 0 and at most at 1"),
            (self.monotone.len() <= columns, "there are more directions than columns"),
            (columns > 0 && columns <= usize::from(u16::MAX), "1 to 65,535 columns"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(TableError::Settings(rule)),
            None => Ok(()),
        }
    }
}

/// A forest and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// What was learned.
    pub forest: Forest,
    /// Log-loss on the validation rows after each tree that was grown; empty without such rows.
    pub validation: Vec<f64>,
}

/// Learns `labels` from `table`. With `validation` rows, growing stops when those get no better.
///
/// # Errors
/// [`TableError`]: labels that do not fit, only one answer among them, settings that make no sense.
pub fn train(
    (table, labels): (&Table, &[bool]),
    validation: Option<(&Table, &[bool])>,
    settings: &Settings,
) -> Result<Trained, TableError> {
    settings.check(table.width())?;
    for (table, labels) in [(table, labels)].into_iter().chain(validation) {
        if table.rows() != labels.len() {
            return Err(TableError::Labels { rows: table.rows(), labels: labels.len() });
        }
    }
    if let Some((other, _)) = validation
        && other.width() != table.width()
    {
        return Err(TableError::Width { expected: table.width(), found: other.width() });
    }
    let yes = labels.iter().filter(|label| **label).count();
    if yes == 0 || yes == labels.len() {
        return Err(TableError::OneClass);
    }
    let base = (yes as f64 / (labels.len() - yes) as f64).ln();
    let forest = Forest { base, features: table.width(), trees: Vec::new() };
    Ok(boost(forest, (table, labels), validation, settings))
}

fn boost(
    mut forest: Forest,
    (table, labels): (&Table, &[bool]),
    validation: Option<(&Table, &[bool])>,
    settings: &Settings,
) -> Trained {
    let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let order: Vec<Vec<(f32, u32)>> = (0..table.width()).map(|at| sorted(table.column(at))).collect();
    let mut random = StdRng::seed_from_u64(settings.seed);
    let mut odds = vec![forest.base; table.rows()];
    let mut apart = validation.map(|(table, labels)| (table, labels, vec![forest.base; table.rows()]));
    let (mut losses, mut best) = (Vec::new(), (f64::INFINITY, 0));
    for _ in 0..settings.trees {
        let sums: Vec<Sums> =
            odds.iter().zip(labels).map(|(odds, label)| derivatives(*odds, *label)).collect();
        let columns = some_columns(&mut random, table.width(), settings.column_share);
        let rows = some_rows(&mut random, table.rows(), settings.row_share);
        let ground = Ground { table, sorted: &order, columns: &columns, sums: &sums, settings, threads };
        let tree = grow(&ground, rows);
        forest.trees.push(tree);
        add_last(&forest, table, &mut odds);
        let Some((table, labels, odds)) = &mut apart else { continue };
        add_last(&forest, table, odds);
        let loss = log_loss(odds, labels);
        losses.push(loss);
        if loss < best.0 {
            best = (loss, forest.trees.len());
        } else if forest.trees.len() >= best.1 + settings.patience {
            break;
        }
    }
    if apart.is_some() {
        forest.trees.truncate(best.1);
    }
    Trained { forest, validation: losses }
}

/// Of the log-loss of a label, by the log-odds.
fn derivatives(odds: f64, label: bool) -> Sums {
    let p = 1.0 / (1.0 + (-odds).exp());
    Sums { first: p - f64::from(u8::from(label)), second: (p * (1.0 - p)).max(1e-16) }
}

/// Adds what the last tree says of each row.
fn add_last(forest: &Forest, table: &Table, odds: &mut [f64]) {
    let Some(tree) = forest.trees.last() else { return };
    for (row, odds) in odds.iter_mut().enumerate() {
        let mut node = &tree[0];
        while node.left != 0 {
            let value = table.column(usize::from(node.feature))[row];
            node = &tree[(node.left + u32::from(!node.is_left(value))) as usize];
        }
        *odds += f64::from(node.value);
    }
}

fn some_rows(random: &mut StdRng, rows: usize, share: f64) -> Vec<u32> {
    if share >= 1.0 {
        return vec![0; rows];
    }
    (0..rows).map(|_| if random.random_bool(share) { 0 } else { NOWHERE }).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
fn some_columns(random: &mut StdRng, columns: usize, share: f64) -> Vec<usize> {
    let many = ((columns as f64 * share).round() as usize).clamp(1, columns);
    let mut some = sample(random, columns, many).into_vec();
    some.sort_unstable();
    some
}
