//! Scores in, a [`ScoreModel`] out. Pure; run by whoever makes a calibration file, never at a payment.
//!
//! First cut, and what it does not know: the confidence band counts *pairs of people* as independent although one
//! face takes part in many pairs; the genuine density has no band; one population stands for all, which is what
//! [`crate::PosteriorInput::impostor_inflation`] is for.

mod density;
mod tail;

pub use tail::{Pareto, ShapePrior, TailFit};

use crate::model::{
    Fusion, GenuineFacts, ImpostorFacts, Knot, LN_FMR_FLOOR, LN_LR_CAP, ModelError, ScoreModel,
};

/// Share of the impostor scores that the tail is fitted to.
const TAIL_RATE: f64 = 1e-3;
/// Fewest independent excesses a tail may rest on.
const EXCESSES_MIN: f64 = 50.0;
/// Fewest people the genuine density may rest on.
const PEOPLE_MIN: usize = 30;
/// Beyond the score where the upper false-match rate is this, the likelihood ratio stays constant.
const FMR_TRUSTED: f64 = 1e-10;
/// Standard errors of a one-sided 97.5 % bound.
const BAND: f64 = 1.959_963_984_540_054;
/// The knots lie at every fourth point of the fitting grid, from -0.5 to 0.99.
const KNOT_FIRST: i32 = -50;
const KNOT_LAST: i32 = 99;

/// Scores and how many of them count as independent: pairs of people, or people.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// In -1..=1, any order.
    pub scores: &'a [f64],
    /// At most as many as there are scores.
    pub independent: usize,
}

/// The scores do not suffice for a score model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// A score is not finite or outside -1..=1, or more are called independent than there are.
    #[error("scores must lie in -1..=1, and no more of them can be independent than there are")]
    Sample,
    /// The tail would rest on too little.
    #[error("a tail needs {} independent impostor comparisons at least", EXCESSES_MIN / TAIL_RATE)]
    TooFewImpostors,
    /// The genuine density would rest on too little, or on people who all score the same.
    #[error("a genuine density needs {PEOPLE_MIN} people at least, with different scores")]
    TooFewGenuine,
    /// The result is no score model.
    #[error("the fit is no score model")]
    Model(#[from] ModelError),
}

/// Fits a score model; see the module for its limits.
///
/// Impostor density: below its 99.9 % quantile a smoothed histogram; above, a generalized Pareto tail whose
/// density and survival are replaced by their one-sided 97.5 % upper profile-likelihood bounds. `shape` lets a small
/// sample borrow the tail shape of a larger one. Genuine density: a kernel estimate with a broad component.
///
/// # Errors
/// [`FitError`].
pub fn fit(
    fusion: Fusion,
    impostor: Sample<'_>,
    genuine: Sample<'_>,
    shape: Option<ShapePrior>,
) -> Result<ScoreModel, FitError> {
    let impostor_scores = sorted(impostor)?;
    let genuine_scores = sorted(genuine)?;
    let first = genuine_scores.first();
    if genuine.independent < PEOPLE_MIN || first >= genuine_scores.last() {
        return Err(FitError::TooFewGenuine);
    }
    let strangers = Strangers::new(&impostor_scores, impostor.independent as f64, shape)?;
    let genuine_density = density::genuine(&genuine_scores, genuine.independent);
    let curves = Curves::new(&strangers, &genuine_density, &impostor_scores, &genuine_scores);
    let genuine_facts = GenuineFacts {
        scores: genuine_scores.len() as u64,
        people: genuine.independent as u64,
        median: genuine_scores[genuine_scores.len() / 2],
    };
    Ok(ScoreModel::new(fusion, strangers.facts(&impostor_scores), genuine_facts, curves.knots())?)
}

fn sorted(sample: Sample<'_>) -> Result<Vec<f64>, FitError> {
    let sound = sample.scores.iter().all(|s| (-1.0..=1.0).contains(s));
    if !sound || sample.independent > sample.scores.len() {
        return Err(FitError::Sample);
    }
    let mut scores = sample.scores.to_vec();
    scores.sort_unstable_by(f64::total_cmp);
    Ok(scores)
}

/// The impostor side.
struct Strangers {
    tail_from: f64,
    tail_rate: f64,
    independent: f64,
    tail: TailFit,
}

impl Strangers {
    fn new(scores: &[f64], independent: f64, shape: Option<ShapePrior>) -> Result<Self, FitError> {
        if independent * TAIL_RATE < EXCESSES_MIN {
            return Err(FitError::TooFewImpostors);
        }
        let below = scores.len() - rank(scores.len(), TAIL_RATE);
        let tail_from = scores[below - 1];
        let excesses: Vec<f64> = scores[below..].iter().map(|s| s - tail_from).filter(|y| *y > 0.0).collect();
        let tail_rate = excesses.len() as f64 / scores.len() as f64;
        // Many equal scores at the threshold leave fewer above it.
        if tail_rate < TAIL_RATE / 2.0 {
            return Err(FitError::TooFewImpostors);
        }
        let tail = TailFit::new(&excesses, tail_rate * independent, shape);
        Ok(Self { tail_from, tail_rate, independent, tail })
    }

    fn rate_upper(&self) -> f64 {
        self.upper_share(self.tail_rate)
    }

    /// Upper bound of a share that was counted.
    fn upper_share(&self, share: f64) -> f64 {
        (share + BAND * (share * (1.0 - share) / self.independent).sqrt()).min(1.0)
    }

    fn facts(&self, scores: &[f64]) -> ImpostorFacts {
        ImpostorFacts {
            scores: scores.len() as u64,
            pairs: rounded_count(self.independent),
            tail_from: round(self.tail_from, 1e6),
            tail_rate: self.tail_rate,
            shape: round(self.tail.best.shape, 1e6),
            shape_upper: round(self.tail.upper(|p| p.shape), 1e6),
            scale: round(self.tail.best.scale, 1e6),
        }
    }
}

/// Everything a knot holds, on the fitting grid.
struct Curves {
    ln_lr: Vec<f64>,
    fmr: Vec<f64>,
    fmr_upper: Vec<f64>,
    fnmr: Vec<f64>,
}

impl Curves {
    fn new(strangers: &Strangers, genuine: &[f64], scores: &[f64], genuine_scores: &[f64]) -> Self {
        let grid = density::grid();
        let (_, sd) = density::moments(scores);
        let body = density::smoothed_histogram(scores, sd * strangers.independent.powf(-0.2) / 2.0);
        let rate_upper = strangers.rate_upper();
        let mut stranger_density = Vec::with_capacity(grid.len());
        let (mut fmr, mut fmr_upper) = (Vec::with_capacity(grid.len()), Vec::with_capacity(grid.len()));
        for (t, body) in grid.iter().zip(&body) {
            if *t < strangers.tail_from {
                let share = 1.0 - below(scores, *t);
                stranger_density.push(*body);
                fmr.push(share);
                fmr_upper.push(strangers.upper_share(share));
            } else {
                let y = t - strangers.tail_from;
                stranger_density.push(rate_upper * strangers.tail.upper(|p| p.density(y)));
                fmr.push(strangers.tail_rate * strangers.tail.best.survival(y));
                fmr_upper.push(rate_upper * strangers.tail.upper(|p| p.survival(y)));
            }
        }
        let mut ln_lr = density::monotone_ln_ratio(genuine, &stranger_density);
        let trusted = fmr_upper.iter().position(|p| *p <= FMR_TRUSTED).map_or(LN_LR_CAP, |i| ln_lr[i]);
        let cap = trusted.min(LN_LR_CAP);
        for value in &mut ln_lr {
            *value = value.min(cap);
        }
        let fnmr = grid.iter().map(|t| below(genuine_scores, *t)).collect();
        Self { ln_lr, fmr, fmr_upper, fnmr }
    }

    fn knots(&self) -> Vec<Knot> {
        let grid = density::grid();
        let ln_rate = |p: f64| round(p.ln().clamp(LN_FMR_FLOOR, 0.0), 1e4).max(LN_FMR_FLOOR);
        (KNOT_FIRST..=KNOT_LAST)
            .map(|hundredth| {
                let score = f64::from(hundredth) / 100.0;
                let at = grid.partition_point(|t| *t < score - density::STEP / 2.0);
                Knot {
                    score,
                    ln_lr: round(self.ln_lr[at], 1e4).min(LN_LR_CAP),
                    ln_fmr: ln_rate(self.fmr[at]),
                    ln_fmr_upper: ln_rate(self.fmr_upper[at].max(self.fmr[at])),
                    fnmr: round(self.fnmr[at], 1e8),
                }
            })
            .collect()
    }
}

/// The share of sorted scores below a threshold.
fn below(scores: &[f64], threshold: f64) -> f64 {
    scores.partition_point(|s| *s < threshold) as f64 / scores.len() as f64
}

fn round(value: f64, parts: f64) -> f64 {
    // Adding zero turns -0 into 0, which reads better in the file.
    (value * parts).round() / parts + 0.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn rank(length: usize, share: f64) -> usize {
    (length as f64 * share).floor() as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made from a usize")]
fn rounded_count(value: f64) -> u64 {
    value as u64
}
