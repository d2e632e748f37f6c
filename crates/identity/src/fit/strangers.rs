//! The impostor side of a fit: threshold, tail, and a band from resampled people.

use statrs::distribution::{ContinuousCDF, Normal};

use super::density;
use super::goodness::{anderson_darling, choose, p_value};
use super::random::SplitMix;
use super::scores::Strangers;
use super::tail::{Pareto, ShapePrior, Weighted};
use super::{FitError, round, rounded_count};
use crate::model::{ImpostorFacts, PeopleFacts};

/// Shares of the scores above the thresholds that are tried, the lowest threshold first.
const RATES: [f64; 5] = [2e-3, 1e-3, 5e-4, 2e-4, 1e-4];
/// Rate of false rejections among those thresholds.
const REJECT: f64 = 0.05;
/// Fewest independent excesses a tail may rest on.
const EXCESSES_MIN: f64 = 125.0;
/// The same where the shape leans on that of a larger sample.
const EXCESSES_LEANING_MIN: f64 = 25.0;
/// Fewest people.
pub(super) const STRANGERS_MIN: usize = 30;
/// Resamples of the people.
const RESAMPLES: u32 = 400;
/// The band's upper end in standard errors: one-sided 99 %. What it really holds at rates that were never seen was
/// simulated: at least 95 % (docs/decisions/0012-calibration.md).
const BAND: f64 = 2.326_347_874_040_841;

/// What is known of strangers' scores.
pub struct Tail {
    facts: ImpostorFacts,
    best: (f64, Pareto),
    /// Rate and distribution of every resample.
    resamples: Vec<(f64, Pareto)>,
    /// Comparisons, divided by how many of them count as one.
    independent: f64,
    leaning: bool,
}

/// Weights of people, drawn with replacement.
struct Resamples {
    weights: Vec<Vec<f64>>,
    /// All comparisons' weight in each, relative to their number.
    totals: Vec<f64>,
}

impl Resamples {
    /// Multinomial weights, a function of the data. A comparison weighs the product of its two people's weights
    /// (the pigeonhole bootstrap, Owen 2007), so people who resemble many are drawn, or not, with all they resemble.
    fn draw(strangers: &Strangers) -> Self {
        let (people, all) = (strangers.degrees.len(), strangers.degrees.iter().sum::<f64>());
        let mut random = SplitMix::of(strangers.scores.iter().rev().take(100).copied());
        let (mut weights, mut totals) = (Vec::new(), Vec::new());
        for _ in 0..RESAMPLES {
            let mut drawn = vec![0.0; people];
            for _ in 0..people {
                drawn[random.below(people)] += 1.0;
            }
            let sum: f64 = drawn.iter().zip(&strangers.degrees).map(|(w, d)| w * d).sum();
            weights.push(drawn);
            totals.push((sum / all).powi(2));
        }
        Self { weights, totals }
    }
}

/// A threshold and what lies above it.
struct Threshold {
    /// Place of the first excess among the scores.
    first: usize,
    at: f64,
    excesses: Vec<f64>,
    /// Excesses that count as one when they are counted, because people take part in many ...
    per_counted: f64,
    /// ... and when it matters how large they are.
    per_independent: f64,
    fitted: Pareto,
    p_value: f64,
}

impl Tail {
    /// Fits comparisons.
    ///
    /// # Errors
    /// [`FitError::TooFewImpostors`].
    pub(super) fn fit(strangers: &Strangers, shape: Option<ShapePrior>) -> Result<Self, FitError> {
        if strangers.degrees.len() < STRANGERS_MIN {
            return Err(FitError::TooFewImpostors);
        }
        let resamples = Resamples::draw(strangers);
        let mut tried: Vec<Threshold> = Vec::new();
        for rate in RATES {
            tried.extend(Threshold::new(strangers, &resamples, rate, shape));
        }
        if tried.is_empty() {
            return Err(FitError::TooFewImpostors);
        }
        let p_values: Vec<f64> = tried.iter().map(|t| t.p_value).collect();
        let chosen = &tried[choose(&p_values, REJECT)];
        Ok(Self::at(strangers, &resamples, chosen, shape))
    }

    fn at(
        strangers: &Strangers,
        resamples: &Resamples,
        chosen: &Threshold,
        shape: Option<ShapePrior>,
    ) -> Self {
        let n = strangers.scores.len() as f64;
        let rate = chosen.excesses.len() as f64 / n;
        let mut weights = Vec::new();
        let refit = |(of, total): (&Vec<f64>, &f64)| {
            strangers.weights(chosen.first, of, &mut weights);
            let sum: f64 = weights.iter().sum();
            let data = Weighted { excesses: &chosen.excesses, weights: &weights };
            let fitted = Pareto::fit_weighted(data, sum / chosen.per_independent, shape);
            (sum / (n * total), fitted)
        };
        let refitted: Vec<_> = resamples.weights.iter().zip(&resamples.totals).map(refit).collect();
        let leaning = shape.is_some();
        let shapes = refitted.iter().map(|(_, p)| p.shape).collect();
        let facts = ImpostorFacts {
            scores: strangers.scores.len() as u64,
            pairs: strangers.pairs as u64,
            tail_from: round(chosen.at, 1e6),
            tail_rate: rate,
            shape: round(chosen.fitted.shape, 1e6),
            shape_upper: round(upper_quantile(shapes, chosen.fitted.shape, leaning), 1e6),
            scale: round(chosen.fitted.scale, 1e6),
            resampling: Some(PeopleFacts {
                people: strangers.degrees.len() as u64,
                resamples: RESAMPLES,
                scores_per_independent: round(chosen.per_independent, 1e3),
                scores_per_counted: round(chosen.per_counted, 1e3),
                excesses: chosen.excesses.len() as u64,
                p_value: round(chosen.p_value, 1e6),
            }),
        };
        let independent = n / chosen.per_counted;
        Self { facts, best: (rate, chosen.fitted), resamples: refitted, independent, leaning }
    }

    /// What it rests on.
    #[must_use]
    pub const fn facts(&self) -> &ImpostorFacts {
        &self.facts
    }

    /// The share of comparisons of strangers that score more than `score`, which lies in the tail: best estimate.
    #[must_use]
    pub fn rate(&self, score: f64) -> f64 {
        let (rate, tail) = self.best;
        rate * tail.survival(score - self.facts.tail_from)
    }

    /// The same, upper end of the band.
    #[must_use]
    pub fn rate_upper(&self, score: f64) -> f64 {
        let y = score - self.facts.tail_from;
        self.upper(|p| p.survival(y))
    }

    /// Upper end of the band of the density at `score`.
    pub(super) fn density_upper(&self, score: f64) -> f64 {
        let y = score - self.facts.tail_from;
        self.upper(|p| p.density(y))
    }

    fn upper(&self, quantity: impl Fn(Pareto) -> f64) -> f64 {
        let best = self.best.0 * quantity(self.best.1);
        let values = self.resamples.iter().map(|(rate, p)| rate * quantity(*p)).collect();
        upper_quantile(values, best, self.leaning)
    }

    /// Upper bound of a share that was counted.
    pub(super) fn upper_share(&self, share: f64) -> f64 {
        (share + BAND * (share * (1.0 - share) / self.independent).sqrt()).min(1.0)
    }

    /// How many comparisons count.
    pub(super) const fn independent(&self) -> f64 {
        self.independent
    }
}

impl Threshold {
    /// `None` where too little lies above.
    fn new(
        strangers: &Strangers,
        resamples: &Resamples,
        rate: f64,
        shape: Option<ShapePrior>,
    ) -> Option<Self> {
        let scores = &strangers.scores;
        let wanted = rounded_count(scores.len() as f64 * rate);
        let at = scores[scores.len().checked_sub(usize::try_from(wanted).ok()? + 1)?];
        let first = scores.partition_point(|s| *s <= at);
        let excesses: Vec<f64> = scores[first..].iter().map(|s| s - at).collect();
        let (n, found) = (scores.len() as f64, excesses.len() as f64);
        // Many equal scores at the threshold leave fewer above it.
        if found < n * rate / 2.0 {
            return None;
        }
        let mut weights = Vec::new();
        let drawn = resamples.weights.iter().zip(&resamples.totals).map(|(of, total)| {
            strangers.weights(first, of, &mut weights);
            let sum: f64 = weights.iter().sum();
            let size: f64 = weights.iter().zip(&excesses).map(|(w, y)| w * y).sum();
            (sum / total, size / sum)
        });
        let (counts, means): (Vec<f64>, Vec<f64>) = drawn.unzip();
        // The noise of a single pair is in this variance three times (Owen 2007): two are taken out. Two people
        // compared twice say what they said the first time.
        let repeated = n / strangers.pairs as f64;
        let effect = |variance: f64, alone: f64| (variance / alone - 2.0).max(repeated).max(1.0);
        let per_counted = effect(density::moments(&counts).1.powi(2), found);
        let spread = density::moments(&excesses).1.powi(2);
        let per_independent = effect(density::moments(&means).1.powi(2), spread / found);
        let independent = found / per_independent;
        if independent < shape.map_or(EXCESSES_MIN, |_| EXCESSES_LEANING_MIN) {
            return None;
        }
        let fitted = Pareto::fit(&excesses, independent, shape);
        // As though only the independent ones had been counted (the first-order correction of Rao and Scott 1981).
        let statistic = anderson_darling(&excesses, fitted) / per_independent;
        Some(Self {
            first,
            at,
            excesses,
            per_counted,
            per_independent,
            fitted,
            p_value: p_value(statistic, fitted.shape),
        })
    }
}

/// The bias-corrected percentile (Efron 1981), never below the best estimate: where resampling mostly lowers a
/// quantity, so did sampling, and a higher percentile makes up for it. The other way nothing is made up for. Where
/// the shape leans on another's there is no such bias to speak of, and the plain percentile serves.
fn upper_quantile(mut values: Vec<f64>, best: f64, leaning: bool) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let below = values.partition_point(|v| *v < best) as f64;
    let normal = Normal::standard();
    let bias = normal.inverse_cdf((below / n).clamp(0.5 / n, 1.0 - 0.5 / n)).max(0.0);
    let level = if leaning { BAND } else { 2.0 * bias + BAND };
    let at = rounded_count((n * normal.cdf(level)).ceil());
    let at = usize::try_from(at).unwrap_or(values.len());
    values[at.clamp(1, values.len()) - 1].max(best)
}
