//! Fitting heads: logistic regression with a quadratic penalty, by Newton's method.
//!
//! Some forty features and a thousand captures: a hundred lines and no dependency. `linfa-logistic` brings an
//! optimiser and a matrix library for the same convex problem and knows no weights for captures.

use std::collections::BTreeMap;

use super::{Feature, Head};

const STEPS_MAX: usize = 60;
/// A Newton step that helps so little ends the search.
const GAIN_MIN: f64 = 1e-9;
/// Strengths that cross-validation compares.
const PENALTIES: [f64; 6] = [0.1, 1.0, 3.0, 10.0, 30.0, 100.0];
/// Parts of cross-validation; people stay together.
const FOLDS: usize = 5;

/// A capture with its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Whose face it shows. Captures of one person stay together.
    pub subject: String,
    /// The attack species; none for a living face.
    pub species: Option<String>,
    /// As [`capture_features`](super::capture_features) gives them, all examples in the same order.
    pub features: Vec<(String, Option<f64>)>,
}

/// What cannot be fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// There must be living faces and at least one attack.
    #[error("captures of living faces and of at least one attack species are needed")]
    OneSided,
    /// Different features in different captures.
    #[error("the captures do not have the same features: they were analysed with different networks")]
    Uneven,
    /// No number came out.
    #[error("the fit came to no result; take more captures")]
    Diverged,
}

/// Fits scales and heads with a given penalty.
///
/// # Errors
/// [`FitError`].
pub fn fit_heads(examples: &[&Example], penalty: f64) -> Result<(Vec<Feature>, Vec<Head>), FitError> {
    let features = scales(examples)?;
    let rows: Vec<Vec<f64>> = examples.iter().map(|example| scaled(&features, example)).collect();
    let mut species: Vec<&str> = examples.iter().filter_map(|e| e.species.as_deref()).collect();
    species.sort_unstable();
    species.dedup();
    if species.is_empty() || examples.iter().all(|e| e.species.is_some()) {
        return Err(FitError::OneSided);
    }
    let mut heads = Vec::with_capacity(species.len());
    for name in species {
        let of = |e: &Example| match e.species.as_deref() {
            None => Some(0.0),
            Some(found) if found == name => Some(1.0),
            Some(_) => None,
        };
        let chosen: Vec<(&[f64], f64)> = rows
            .iter()
            .zip(examples)
            .filter_map(|(row, e)| of(e).map(|attack| (row.as_slice(), attack)))
            .collect();
        let weights = newton(&chosen, penalty)?;
        let (intercept, weights) = weights.split_first().ok_or(FitError::Diverged)?;
        heads.push(Head { species: name.to_owned(), intercept: *intercept, weights: weights.to_vec() });
    }
    Ok((features, heads))
}

/// The penalty with the least loss on people whom the fit has not seen, and that loss: mean of -ln of the probability
/// given to what was true, each species and the living as one part.
///
/// # Errors
/// [`FitError`].
pub fn choose_penalty(examples: &[&Example]) -> Result<(f64, f64), FitError> {
    let mut subjects: Vec<&str> = examples.iter().map(|e| e.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let fold: BTreeMap<&str, usize> =
        subjects.iter().enumerate().map(|(at, name)| (*name, at % FOLDS)).collect();
    let mut best: Option<(f64, f64)> = None;
    for penalty in PENALTIES {
        let mut losses: BTreeMap<Option<&str>, Vec<f64>> = BTreeMap::new();
        for left_out in 0..FOLDS {
            let (test, training): (Vec<&Example>, Vec<&Example>) =
                examples.iter().partition(|e| fold.get(e.subject.as_str()) == Some(&left_out));
            let Ok((features, heads)) = fit_heads(&training, penalty) else { continue };
            for example in test {
                let judged = super::judgement(&heads, &scaled(&features, example));
                let p = match &example.species {
                    None => judged.live,
                    Some(species) => judged.species.get(species).copied().unwrap_or(1.0 - judged.live),
                };
                losses.entry(example.species.as_deref()).or_default().push(-p.max(1e-12).ln());
            }
        }
        let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        if losses.is_empty() {
            continue;
        }
        let loss = losses.values().map(mean).sum::<f64>() / losses.len() as f64;
        if best.is_none_or(|(_, least)| loss < least) {
            best = Some((penalty, loss));
        }
    }
    best.ok_or(FitError::OneSided)
}

fn scales(examples: &[&Example]) -> Result<Vec<Feature>, FitError> {
    let first = examples.first().ok_or(FitError::OneSided)?;
    let same = |e: &&Example| {
        e.features.len() == first.features.len()
            && e.features.iter().zip(&first.features).all(|(a, b)| a.0 == b.0)
    };
    if !examples.iter().all(same) {
        return Err(FitError::Uneven);
    }
    let scale = |at: usize, name: &str| {
        let values: Vec<f64> =
            examples.iter().filter_map(|e| e.features[at].1).filter(|v| v.is_finite()).collect();
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        // What never varies says nothing, whatever it is divided by.
        let deviation = if deviation > 1e-9 { deviation } else { 1.0 };
        Feature { name: name.to_owned(), mean, deviation }
    };
    Ok(first.features.iter().enumerate().map(|(at, (name, _))| scale(at, name)).collect())
}

fn scaled(features: &[Feature], example: &Example) -> Vec<f64> {
    let pairs = features.iter().zip(&example.features);
    pairs
        .map(|(feature, (_, value))| {
            value.map_or(0.0, |v| ((v - feature.mean) / feature.deviation).clamp(-super::FAR, super::FAR))
        })
        .collect()
}

/// Intercept and weights. Both sides count the same however many captures each has; the intercept is not penalised.
fn newton(rows: &[(&[f64], f64)], penalty: f64) -> Result<Vec<f64>, FitError> {
    let attacks: f64 = rows.iter().map(|(_, attack)| attack).sum();
    let living = rows.len() as f64 - attacks;
    if attacks < 1.0 || living < 1.0 {
        return Err(FitError::OneSided);
    }
    let half = rows.len() as f64 / 2.0;
    let weight = |attack: f64| if attack > 0.5 { half / attacks } else { half / living };
    let size = rows[0].0.len() + 1;
    let mut at = vec![0.0; size];
    let mut loss = loss_at(rows, &at, (penalty, &weight));
    for _ in 0..STEPS_MAX {
        let (gradient, mut curvature) =
            (slope(rows, &at, (penalty, &weight)), bend(rows, &at, (penalty, &weight)));
        let step = solve(&mut curvature, gradient).ok_or(FitError::Diverged)?;
        // Newton's step may lead too far: then half of it, and so on.
        let mut share = 1.0;
        let (next, found) = loop {
            let next: Vec<f64> = at.iter().zip(&step).map(|(w, s)| w - share * s).collect();
            let found = loss_at(rows, &next, (penalty, &weight));
            if found <= loss || share < 1e-6 {
                break (next, found);
            }
            share /= 2.0;
        };
        let gain = loss - found;
        (at, loss) = (next, found);
        if gain < GAIN_MIN * (1.0 + loss.abs()) {
            break;
        }
    }
    if at.iter().all(|w| w.is_finite()) { Ok(at) } else { Err(FitError::Diverged) }
}

type Penalty<'a> = (f64, &'a dyn Fn(f64) -> f64);

fn log_odds(row: &[f64], at: &[f64]) -> f64 {
    at[0] + row.iter().zip(&at[1..]).map(|(value, weight)| value * weight).sum::<f64>()
}

fn loss_at(rows: &[(&[f64], f64)], at: &[f64], (penalty, weight): Penalty<'_>) -> f64 {
    let fit: f64 = rows
        .iter()
        .map(|(row, attack)| {
            let h = log_odds(row, at);
            // ln(1 + e^h) without overflow.
            weight(*attack) * (h.max(0.0) + (-h.abs()).exp().ln_1p() - attack * h)
        })
        .sum();
    fit + penalty / 2.0 * at[1..].iter().map(|w| w * w).sum::<f64>()
}

fn slope(rows: &[(&[f64], f64)], at: &[f64], (penalty, weight): Penalty<'_>) -> Vec<f64> {
    let mut slope: Vec<f64> = at.iter().map(|w| penalty * w).collect();
    slope[0] = 0.0;
    for (row, attack) in rows {
        let off = weight(*attack) * (1.0 / (1.0 + (-log_odds(row, at)).exp()) - attack);
        slope[0] += off;
        for (sum, value) in slope[1..].iter_mut().zip(*row) {
            *sum += off * value;
        }
    }
    slope
}

fn bend(rows: &[(&[f64], f64)], at: &[f64], (penalty, weight): Penalty<'_>) -> Vec<Vec<f64>> {
    let size = at.len();
    let mut bend = vec![vec![0.0; size]; size];
    for (diagonal, row) in bend.iter_mut().enumerate() {
        // A little for the intercept too, so that the matrix is never singular.
        row[diagonal] = if diagonal == 0 { 1e-9 } else { penalty };
    }
    let mut full = vec![1.0; size];
    for (row, attack) in rows {
        full[1..].copy_from_slice(row);
        let p = 1.0 / (1.0 + (-log_odds(row, at)).exp());
        let weight = weight(*attack) * p * (1.0 - p);
        for (i, line) in bend.iter_mut().enumerate() {
            for (cell, value) in line.iter_mut().zip(&full).take(i + 1) {
                *cell += weight * full[i] * value;
            }
        }
    }
    bend
}

/// Solves a symmetric positive definite system, of which the lower half is given, by Cholesky; none where it is not.
fn solve(matrix: &mut [Vec<f64>], mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let before: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let left = matrix[i][j] - before;
            matrix[i][j] = if i == j { left.sqrt() } else { left / matrix[j][j] };
        }
        if !matrix[i][i].is_normal() {
            return None;
        }
    }
    for i in 0..size {
        let before: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - before) / matrix[i][i];
    }
    for i in (0..size).rev() {
        let after: f64 = (i + 1..size).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - after) / matrix[i][i];
    }
    Some(right)
}
