//! Scores in, a [`ScoreModel`] out. Pure; run by whoever makes a calibration file, never at a payment.
//!
//! The impostor tail is a generalized Pareto distribution above the lowest of several high quantiles at which it is
//! not rejected. Its band comes from resampling **people**: one face takes part in many comparisons, and somebody who
//! resembles many brings them all. Decisions use the band's upper end.
//!
//! What it does not know: one population stands for all within a cohort, which is what
//! [`crate::PosteriorInput::impostor_inflation`] is for; and a tail that changes its nature beyond the last score
//! that was seen, which no statistic of those scores can show.

mod compare;
mod density;
mod gallery;
mod goodness;
mod random;
mod scores;
mod strangers;
mod tail;

pub use compare::{Fitted, People, compare, fit_all, from_gallery};
pub use gallery::{Enrolled, GALLERY_PEOPLE_MIN, GalleryError, Recalibrated, recalibrate};
pub use goodness::{anderson_darling, choose, p_value};
pub use random::SplitMix;
pub use scores::{Comparison, Repeat, Scores};
pub use strangers::Tail;
pub use tail::{Pareto, ShapePrior};

pub(crate) use density::moments;
use scores::Prepared;

use crate::model::{Fusion, GenuineFacts, Knot, LN_FMR_FLOOR, LN_LR_CAP, ModelError, ScoreModel};

/// Fewest people the genuine density may rest on; the fewer, the wider it is.
const PEOPLE_MIN: usize = 5;
/// Beyond the score where the upper false-match rate is this, the likelihood ratio stays constant.
const FMR_TRUSTED: f64 = 1e-10;
/// The knots lie at every fourth point of the fitting grid, from -0.5 to 0.99.
const KNOT_FIRST: i32 = -50;
const KNOT_LAST: i32 = 99;

/// The scores do not suffice for a score model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// A score is not finite or outside -1..=1, or a stranger has the same number as the person compared with.
    #[error("scores must lie in -1..=1, and impostor comparisons must be of two different people")]
    Scores,
    /// The tail would rest on too little.
    #[error(
        "a tail needs {} different people and about 62,500 independent comparisons of them at least; compare more \
         people",
        strangers::STRANGERS_MIN
    )]
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
/// Impostor density: a smoothed histogram below the tail's threshold; above, a generalized Pareto tail whose density
/// and survival are replaced by the one-sided 99 % upper ends of their bootstrap bands. `shape` lets a small
/// sample borrow the tail shape of a larger one. Genuine density: a kernel estimate with a broad component, which
/// weighs the more the fewer people there are.
///
/// # Errors
/// [`FitError`].
pub fn fit(fusion: Fusion, scores: Scores, shape: Option<ShapePrior>) -> Result<ScoreModel, FitError> {
    let Prepared { strangers, genuine, owners } = scores.prepared()?;
    if owners < PEOPLE_MIN || genuine.first() >= genuine.last() {
        return Err(FitError::TooFewGenuine);
    }
    let tail = Tail::fit(&strangers, shape)?;
    let curves = Curves::new(&tail, &strangers.scores, &genuine, owners);
    let genuine_facts = GenuineFacts {
        scores: genuine.len() as u64,
        people: owners as u64,
        median: genuine[genuine.len() / 2],
    };
    Ok(ScoreModel::new(fusion, *tail.facts(), genuine_facts, curves.knots())?)
}

/// Fits the tail of impostor comparisons alone: what a false-match rate is extrapolated with.
///
/// # Errors
/// [`FitError::Scores`], [`FitError::TooFewImpostors`].
pub fn tail(impostor: Vec<Comparison>, shape: Option<ShapePrior>) -> Result<Tail, FitError> {
    let scores = Scores { impostor, genuine: Vec::new() };
    Tail::fit(&scores.prepared()?.strangers, shape)
}

/// Everything a knot holds, on the fitting grid.
struct Curves {
    ln_lr: Vec<f64>,
    fmr: Vec<f64>,
    fmr_upper: Vec<f64>,
    fnmr: Vec<f64>,
}

impl Curves {
    fn new(tail: &Tail, scores: &[f64], genuine_scores: &[f64], owners: usize) -> Self {
        let grid = density::grid();
        let genuine = density::genuine(genuine_scores, owners);
        let (_, sd) = density::moments(scores);
        let body = density::smoothed_histogram(scores, sd * tail.independent().powf(-0.2) / 2.0);
        let mut stranger_density = Vec::with_capacity(grid.len());
        let (mut fmr, mut fmr_upper) = (Vec::with_capacity(grid.len()), Vec::with_capacity(grid.len()));
        for (t, body) in grid.iter().zip(&body) {
            if *t < tail.facts().tail_from {
                let share = 1.0 - below(scores, *t);
                stranger_density.push(*body);
                fmr.push(share);
                fmr_upper.push(tail.upper_share(share));
            } else {
                stranger_density.push(tail.density_upper(*t));
                fmr.push(tail.rate(*t));
                fmr_upper.push(tail.rate_upper(*t));
            }
        }
        // Bounds that were found one by one may rise where the truth cannot: the larger one holds to its left too.
        for i in (1..fmr_upper.len()).rev() {
            fmr_upper[i - 1] = fmr_upper[i - 1].max(fmr_upper[i]);
        }
        let mut ln_lr = density::monotone_ln_ratio(&genuine, &stranger_density);
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

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, not negative")]
fn rounded_count(value: f64) -> u64 {
    value as u64
}
