//! One tree, level by level: the best split of every node is looked for in one walk over each sorted column.

use std::num::NonZeroUsize;
use std::thread;

use crate::forest::Node;
use crate::table::Table;
use crate::train::{Monotone, Settings};

/// First and second derivative of the loss by the score, of a row or of many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) first: f64,
    pub(crate) second: f64,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second }
    }

    fn minus(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second }
    }
}

/// Values with their rows, by rising value, without those that are missing.
pub(crate) fn sorted(column: &[f32]) -> Vec<(f32, u32)> {
    let known = column.iter().copied().zip(0_u32..).filter(|(value, _)| !value.is_nan());
    let mut rows: Vec<(f32, u32)> = known.collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows
}

/// What a tree is grown from.
pub(crate) struct Ground<'a> {
    pub(crate) table: &'a Table,
    /// Of every column.
    pub(crate) sorted: &'a [Vec<(f32, u32)>],
    /// Columns that may be split on, rising.
    pub(crate) columns: &'a [usize],
    /// Of every row.
    pub(crate) sums: &'a [Sums],
    pub(crate) settings: &'a Settings,
    pub(crate) threads: NonZeroUsize,
}

/// Where a row stands in the level that is split, beside its sums: they are read together, in the order of every column.
#[derive(Clone, Copy)]
struct Standing {
    sums: Sums,
    /// Which node of the level, or [`NOWHERE`].
    at: u32,
}

/// Not in the sample.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A node that may still be split.
#[derive(Clone, Copy)]
struct Open {
    total: Sums,
    /// What its leaves may say, where features are bound.
    bounds: (f64, f64),
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    threshold: f32,
    missing_left: bool,
    left: Sums,
    right: Sums,
}

/// A walk over one column, of one node.
#[derive(Clone, Copy, Default)]
struct Walk {
    passed: Sums,
    missing: Sums,
    last: Option<f32>,
}

/// Grows a tree. `node_of` says of each row that it is in the root (0) or [`NOWHERE`].
pub(crate) fn grow(ground: &Ground<'_>, mut node_of: Vec<u32>) -> Vec<Node> {
    let settings = ground.settings;
    let total = ground.sums.iter().zip(&node_of).filter(|(_, node)| **node == 0);
    let total = total.fold(Sums::default(), |sum, (row, _)| sum.plus(*row));
    let mut tree = vec![leaf(total, (f64::NEG_INFINITY, f64::INFINITY), settings)];
    let mut level = vec![Open { total, bounds: (f64::NEG_INFINITY, f64::INFINITY) }];
    let mut first = 0;
    for _ in 0..settings.depth {
        let best = best_splits(ground, &standing(ground, &node_of, first), &level);
        let next_first = tree.len();
        let mut next = Vec::new();
        for (at, (open, best)) in level.iter().zip(&best).enumerate() {
            let Some(split) = best else { continue };
            let children = bounds_below(split, open.bounds, settings);
            let left = u32::try_from(tree.len()).expect("fewer nodes than two to the depth of 31");
            let node = &mut tree[first + at];
            node.feature = u16::try_from(split.feature).expect("settings allow no more columns");
            (node.threshold, node.missing_left) = (split.threshold, split.missing_left);
            (node.left, node.value) = (left, 0.0);
            for (total, bounds) in [split.left, split.right].into_iter().zip(children) {
                tree.push(leaf(total, bounds, settings));
                next.push(Open { total, bounds });
            }
        }
        if next.is_empty() {
            break;
        }
        descend(ground.table, &tree, first, &mut node_of);
        (first, level) = (next_first, next);
    }
    tree
}

#[expect(clippy::cast_possible_truncation, reason = "a leaf's value in 24 bits is exact enough")]
fn leaf(total: Sums, bounds: (f64, f64), settings: &Settings) -> Node {
    let value = settings.learning_rate * weight(total, bounds, settings);
    let cover = total.second as f32;
    Node { feature: 0, threshold: 0.0, missing_left: false, left: 0, value: value as f32, cover }
}

/// What a leaf of these rows says: the minimum of the loss to the second order, within its bounds.
fn weight(total: Sums, (low, high): (f64, f64), settings: &Settings) -> f64 {
    (-total.first / (total.second + settings.lambda)).clamp(low, high)
}

/// How much the loss falls with a leaf of this weight, twice.
fn fall(total: Sums, weight: f64, settings: &Settings) -> f64 {
    -(2.0 * total.first * weight + (total.second + settings.lambda) * weight * weight)
}

/// Rows of split nodes go to the children; those in leaves go nowhere any more.
fn descend(table: &Table, tree: &[Node], first: usize, node_of: &mut [u32]) {
    for (row, at) in node_of.iter_mut().enumerate() {
        if *at == NOWHERE {
            continue;
        }
        let node = &tree[*at as usize];
        if (*at as usize) < first || node.left == 0 {
            *at = NOWHERE;
        } else {
            *at = node.left + u32::from(!node.is_left(table.column(usize::from(node.feature))[row]));
        }
    }
}

/// Rows that are in leaves are nowhere by now, so that what is left is in the level whose first node is `first`.
fn standing(ground: &Ground<'_>, node_of: &[u32], first: usize) -> Vec<Standing> {
    let first = u32::try_from(first).expect("nodes are numbered so");
    let place = |node: u32| if node == NOWHERE { NOWHERE } else { node - first };
    let rows = ground.sums.iter().zip(node_of);
    rows.map(|(sums, node)| Standing { sums: *sums, at: place(*node) }).collect()
}

/// The best split of each node of a level, if any is worth it. The same on any number of threads.
fn best_splits(ground: &Ground<'_>, rows: &[Standing], level: &[Open]) -> Vec<Option<Split>> {
    let part = ground.columns.len().div_ceil(ground.threads.get()).max(1);
    let work = |columns: &[usize]| {
        let mut best = vec![None; level.len()];
        for column in columns {
            walk(ground, rows, level, *column, &mut best);
        }
        best
    };
    let parts: Vec<Vec<Option<Split>>> = thread::scope(|scope| {
        let started: Vec<_> =
            ground.columns.chunks(part).map(|columns| scope.spawn(move || work(columns))).collect();
        started.into_iter().map(|thread| thread.join().expect("a walk does not panic")).collect()
    });
    let mut best = vec![None; level.len()];
    for found in parts.into_iter().flat_map(|part| part.into_iter().enumerate()) {
        let (at, Some(split)) = found else { continue };
        offer(&mut best[at], split);
    }
    best
}

/// Of equal gains the first stays: the lowest column, the lowest threshold.
fn offer(best: &mut Option<Split>, split: Split) {
    if best.is_none_or(|best: Split| split.gain > best.gain) {
        *best = Some(split);
    }
}

fn walk(ground: &Ground<'_>, rows: &[Standing], level: &[Open], feature: usize, best: &mut [Option<Split>]) {
    let sorted = &ground.sorted[feature];
    let mut walks = vec![Walk::default(); level.len()];
    if sorted.len() < rows.len() {
        for (_, row) in sorted {
            let Standing { sums, at } = rows[*row as usize];
            if let Some(walk) = walks.get_mut(at as usize) {
                walk.missing = walk.missing.plus(sums);
            }
        }
        for (walk, open) in walks.iter_mut().zip(level) {
            walk.missing = open.total.minus(walk.missing);
        }
    }
    let mut consider = |at: usize, walk: &Walk, threshold: f32| {
        let missing = walk.missing.second > 0.0;
        for missing_left in [false, true].into_iter().take(1 + usize::from(missing)) {
            let left = if missing_left { walk.passed.plus(walk.missing) } else { walk.passed };
            let right = level[at].total.minus(left);
            if let Some(gain) = gain(&level[at], (left, right), feature, ground.settings) {
                offer(&mut best[at], Split { gain, feature, threshold, missing_left, left, right });
            }
        }
    };
    for (value, row) in sorted {
        let Standing { sums, at } = rows[*row as usize];
        let Some(walk) = walks.get_mut(at as usize) else { continue };
        if let Some(last) = walk.last.filter(|last| last < value) {
            consider(at as usize, walk, between(last, *value));
        }
        walk.passed = walk.passed.plus(sums);
        walk.last = Some(*value);
    }
    // Everything that is known on one side.
    for (at, walk) in walks.iter().enumerate().filter(|(_, walk)| walk.missing.second > 0.0) {
        consider(at, &Walk { missing: Sums::default(), ..*walk }, f32::MAX);
    }
}

/// A number above `low` and at most `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle > low && middle.is_finite() { middle } else { high }
}

/// By how much a split lowers the loss; `None` if it is not allowed or not worth it.
fn gain(open: &Open, (left, right): (Sums, Sums), feature: usize, settings: &Settings) -> Option<f64> {
    if left.second < settings.cover_min || right.second < settings.cover_min {
        return None;
    }
    let (low, high) = (weight(left, open.bounds, settings), weight(right, open.bounds, settings));
    let allowed = match settings.monotone.get(feature).copied().unwrap_or(Monotone::Free) {
        Monotone::Free => true,
        Monotone::Rising => low <= high,
        Monotone::Falling => low >= high,
    };
    let before = weight(open.total, open.bounds, settings);
    let gain = fall(left, low, settings) + fall(right, high, settings) - fall(open.total, before, settings);
    let gain = gain / 2.0;
    (allowed && gain > settings.gain_min.max(1e-12)).then_some(gain)
}

/// Below a split on a bound feature, one side stays below the middle and the other above it.
fn bounds_below(split: &Split, bounds: (f64, f64), settings: &Settings) -> [(f64, f64); 2] {
    let (low, high) = bounds;
    let middle = f64::midpoint(weight(split.left, bounds, settings), weight(split.right, bounds, settings));
    match settings.monotone.get(split.feature).copied().unwrap_or(Monotone::Free) {
        Monotone::Free => [bounds, bounds],
        Monotone::Rising => [(low, middle), (middle, high)],
        Monotone::Falling => [(middle, high), (low, middle)],
    }
}
