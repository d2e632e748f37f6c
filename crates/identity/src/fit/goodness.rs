//! Does a generalized Pareto distribution fit the excesses above a threshold? Anderson and Darling's statistic with
//! both parameters estimated (Choulakian and Stephens 2001), and which of several thresholds to take (Bader, Yan
//! and Zhang 2018).

use super::Pareto;

/// Upper tail probabilities of the columns of [`TABLE`].
const LEVELS: [f64; 8] = [0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];

/// Shape, and the values that the statistic exceeds with the probabilities of [`LEVELS`], for large samples and
/// shapes estimated within the limits of [`Pareto::fit`]. Simulated: 500 excesses, 100,000 samples for each row, by
/// `cargo run --release -p identity --example tail -- table`.
const TABLE: [(f64, [f64; 8]); 6] = [
    (-0.5, [0.575, 0.904, 1.398, 1.806, 2.259, 2.864, 3.384, 4.478]),
    (-0.4, [0.445, 0.649, 0.929, 1.147, 1.376, 1.686, 1.917, 2.527]),
    (-0.3, [0.431, 0.626, 0.890, 1.099, 1.314, 1.611, 1.837, 2.401]),
    (-0.2, [0.418, 0.604, 0.857, 1.050, 1.258, 1.534, 1.757, 2.319]),
    (-0.1, [0.411, 0.595, 0.848, 1.046, 1.257, 1.553, 1.801, 2.434]),
    (0.0, [0.447, 0.659, 0.950, 1.188, 1.436, 1.790, 2.063, 2.762]),
];

/// Anderson and Darling's distance of excesses, sorted ascending, from a distribution.
#[must_use]
pub fn anderson_darling(excesses: &[f64], p: Pareto) -> f64 {
    let n = excesses.len() as f64;
    let ln_above: Vec<f64> = excesses.iter().map(|y| p.ln_survival(*y)).collect();
    let sum: f64 = ln_above
        .iter()
        .zip(ln_above.iter().rev())
        .enumerate()
        .map(|(i, (low, high))| {
            let ln_below = (-low.exp_m1()).max(f64::MIN_POSITIVE).ln();
            (2.0 * i as f64 + 1.0) * (ln_below + high)
        })
        .sum();
    -n - sum / n
}

/// The probability of a distance this large where the distribution is right and both parameters were estimated.
/// Between columns and rows of the table the logarithm is interpolated; beyond the last column it goes on falling
/// as between the last two.
#[must_use]
pub fn p_value(statistic: f64, shape: f64) -> f64 {
    if !statistic.is_finite() {
        return 0.0;
    }
    let shape = shape.clamp(TABLE[0].0, TABLE[TABLE.len() - 1].0);
    let after = TABLE.partition_point(|row| row.0 < shape).clamp(1, TABLE.len() - 1);
    let (low, high) = (&TABLE[after - 1], &TABLE[after]);
    let share = (shape - low.0) / (high.0 - low.0);
    let quantile = |i: usize| low.1[i] + share * (high.1[i] - low.1[i]);
    if statistic <= quantile(0) {
        return LEVELS[0] + (1.0 - LEVELS[0]) * (1.0 - statistic.max(0.0) / quantile(0));
    }
    let last = LEVELS.len() - 1;
    let right = (1..last).find(|i| statistic <= quantile(*i)).unwrap_or(last);
    let (x, y) = ((quantile(right - 1), quantile(right)), (LEVELS[right - 1].ln(), LEVELS[right].ln()));
    (y.0 + (statistic - x.0) / (x.1 - x.0) * (y.1 - y.0)).exp()
}

/// Which threshold to take, given the p-value at each from the lowest to the highest: the one after those that
/// `ForwardStop` rejects at this rate of false discoveries (G'Sell et al. 2016), the last one where all are.
#[must_use]
pub fn choose(p_values: &[f64], rate: f64) -> usize {
    let mut sum = 0.0;
    let mut rejected = 0;
    for (i, p) in p_values.iter().enumerate() {
        sum += -(-p.min(1.0 - 1e-12)).ln_1p();
        if sum / (i as f64 + 1.0) <= rate {
            rejected = i + 1;
        }
    }
    rejected.min(p_values.len().saturating_sub(1))
}
