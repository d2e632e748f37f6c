//! What one fusion's scores mean: likelihood ratio, false-match and false-non-match rate as tables.

use serde::{Deserialize, Serialize};
use types::{Probability, Score};

/// Natural logarithm of the largest likelihood ratio a face may carry: ln(1e9).
///
/// About seven people in a thousand have an identical twin (some 3.5 such births per thousand maternities). That a
/// random passer-by in a catchment of ten million is just this payer's twin has then a probability near
/// 1e-9, and a twin's score is a genuine score. No picture of a face says more than that, whatever the fitted tail
/// extrapolates to. A model's own [`ScoreModel::ln_lr_cap`] may be lower, never higher.
pub const LN_LR_CAP: f64 = 20.723_265_836_946_41;

/// Natural logarithm of the smallest false-match rate ever stated: ln(1e-12). Below it the tail is not evidence.
pub const LN_FMR_FLOOR: f64 = -27.631_021_115_928_547;

/// How many pictures were averaged on each side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fusion {
    /// Different enrolment pictures in the gallery template.
    pub gallery_pictures: u32,
    /// Different frames in the probe template.
    pub probe_frames: u32,
}

/// One row of a model's table; between rows values are interpolated linearly, outside they stay constant.
/// Written in the file as `[score, ln_lr, ln_fmr, ln_fmr_upper, fnmr]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 5]", into = "[f64; 5]")]
pub struct Knot {
    /// Cosine similarity.
    pub score: f64,
    /// ln of genuine over impostor density, the latter from its upper confidence curve, pooled to be monotone.
    pub ln_lr: f64,
    /// ln of the false-match rate of a threshold at `score`, best estimate.
    pub ln_fmr: f64,
    /// The same, upper end of the confidence band.
    pub ln_fmr_upper: f64,
    /// Share of the genuine sample below `score`: 0 means that none was, not that none can be.
    pub fnmr: f64,
}

/// How the impostor side's band was made (from version 2 of the file on).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleFacts {
    /// Different people compared.
    pub people: u64,
    /// How often they were drawn anew.
    pub resamples: u32,
    /// So many scores above the threshold say as much about the tail's form as one independent one.
    pub scores_per_independent: f64,
    /// So many count as one where their number matters: some people resemble many.
    pub scores_per_counted: f64,
    /// Scores above the threshold.
    pub excesses: u64,
    /// Of the goodness of fit above the threshold, which was the lowest of those not rejected.
    pub p_value: f64,
}

/// What the impostor side of a model was fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpostorFacts {
    /// Scores that were used.
    pub scores: u64,
    /// Pairs of people behind them: what the confidence band counts.
    pub pairs: u64,
    /// The generalized Pareto tail begins above this score.
    pub tail_from: f64,
    /// Share of the scores above `tail_from`.
    pub tail_rate: f64,
    /// Shape of the tail, best estimate (negative: bounded).
    pub shape: f64,
    /// Largest shape inside the confidence region.
    pub shape_upper: f64,
    /// Scale of the tail, best estimate.
    pub scale: f64,
    /// Absent in files of version 1, whose band counted pairs of people as independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resampling: Option<PeopleFacts>,
}

/// What the genuine side of a model was fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenuineFacts {
    /// Scores that were used.
    pub scores: u64,
    /// People behind them.
    pub people: u64,
    /// Half of them scored less.
    pub median: f64,
}

/// The meaning of scores of one model and one [`Fusion`]. Only valid ones exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawModel", into = "RawModel")]
pub struct ScoreModel {
    raw: RawModel,
}

/// A table that no score model can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Zero pictures or frames.
    #[error("a fusion averages at least one picture on each side")]
    EmptyFusion,
    /// Fewer than two rows.
    #[error("a score model needs at least two rows")]
    TooFewKnots,
    /// A value is not finite or lies outside what it can be.
    #[error("row {row} holds a value that is not finite or lies outside its range")]
    OutOfRange {
        /// Counted from 0.
        row: usize,
    },
    /// A column that must rise (or fall) does not.
    #[error("row {row} breaks the order of a column")]
    NotMonotone {
        /// Counted from 0.
        row: usize,
    },
    /// The facts about the fit are impossible.
    #[error("the facts about the fit are not finite or lie outside their range")]
    Facts,
}

impl ScoreModel {
    /// A model from its facts and rows.
    ///
    /// # Errors
    /// [`ModelError`] unless rows are finite, scores rise strictly, `ln_lr` and `fnmr` never fall, both
    /// false-match columns never rise, the upper one is never below the estimate, and `ln_lr` stays at or
    /// below [`LN_LR_CAP`].
    pub fn new(
        fusion: Fusion,
        impostor: ImpostorFacts,
        genuine: GenuineFacts,
        knots: Vec<Knot>,
    ) -> Result<Self, ModelError> {
        RawModel { fusion, impostor, genuine, knots }.try_into()
    }

    /// What was averaged.
    #[must_use]
    pub const fn fusion(&self) -> Fusion {
        self.raw.fusion
    }

    /// What the impostor side was fitted to.
    #[must_use]
    pub const fn impostor(&self) -> &ImpostorFacts {
        &self.raw.impostor
    }

    /// What the genuine side was fitted to.
    #[must_use]
    pub const fn genuine(&self) -> &GenuineFacts {
        &self.raw.genuine
    }

    /// The rows, by rising score.
    #[must_use]
    pub fn knots(&self) -> &[Knot] {
        &self.raw.knots
    }

    /// ln of genuine over impostor likelihood: never falls when the score rises, never exceeds
    /// [`ScoreModel::ln_lr_cap`], always finite.
    #[must_use]
    pub fn ln_likelihood_ratio(&self, score: Score) -> f64 {
        self.at(score, |knot| knot.ln_lr)
    }

    /// The largest value [`ScoreModel::ln_likelihood_ratio`] takes.
    #[must_use]
    pub fn ln_lr_cap(&self) -> f64 {
        self.raw.knots.last().map_or(0.0, |knot| knot.ln_lr)
    }

    /// Upper end of the confidence band of the false-match rate of one comparison at this threshold.
    #[must_use]
    pub fn fmr(&self, score: Score) -> Probability {
        probability(self.at(score, |knot| knot.ln_fmr_upper).exp())
    }

    /// Best estimate of the same; for reports, never for decisions.
    #[must_use]
    pub fn fmr_estimate(&self, score: Score) -> Probability {
        probability(self.at(score, |knot| knot.ln_fmr).exp())
    }

    /// Share of the genuine sample below this threshold, for reports: 0 means that none was, not that none can be.
    #[must_use]
    pub fn fnmr(&self, score: Score) -> Probability {
        probability(self.at(score, |knot| knot.fnmr))
    }

    /// The lowest threshold whose [`ScoreModel::fmr`] is at most `fmr`; `None` where no threshold is.
    #[must_use]
    pub fn threshold(&self, fmr: Probability) -> Option<Score> {
        self.crossing(fmr, |knot| knot.ln_fmr_upper)
    }

    /// The lowest threshold whose [`ScoreModel::fmr_estimate`] is at most `fmr`; for reports.
    #[must_use]
    pub fn threshold_estimate(&self, fmr: Probability) -> Option<Score> {
        self.crossing(fmr, |knot| knot.ln_fmr)
    }

    /// Upper end of a two-sided 95 % interval of the same among people like those of the sample, each counted once
    /// (Clopper and Pearson 1934): above 0 also where none of few was below.
    #[must_use]
    pub fn fnmr_upper(&self, score: Score) -> Probability {
        let people = self.raw.genuine.people as f64;
        probability(crate::interval::clopper_pearson(self.fnmr(score).value() * people, people).1)
    }

    /// This model with every row at least as cautious as another's: the larger false-match rates, the smaller
    /// likelihood ratio. `None` where fusions or scores of the rows differ.
    pub(crate) fn no_bolder_than(&self, other: &Self) -> Option<Self> {
        if self.fusion() == other.fusion() { self.as_cautious_as(other) } else { None }
    }

    /// The same, whatever was averaged. `None` where scores of the rows differ.
    pub(crate) fn as_cautious_as(&self, other: &Self) -> Option<Self> {
        let (own, others) = (&self.raw.knots, &other.raw.knots);
        let alike = own.len() == others.len()
            && own.iter().zip(others).all(|(a, b)| a.score.total_cmp(&b.score).is_eq());
        let mut raw = self.raw.clone();
        for (knot, b) in raw.knots.iter_mut().zip(others) {
            knot.ln_lr = knot.ln_lr.min(b.ln_lr);
            knot.ln_fmr = knot.ln_fmr.max(b.ln_fmr);
            knot.ln_fmr_upper = knot.ln_fmr_upper.max(b.ln_fmr_upper);
        }
        alike.then_some(Self { raw })
    }

    fn at(&self, score: Score, column: impl Fn(&Knot) -> f64) -> f64 {
        let s = score.value();
        let after = self.raw.knots.partition_point(|knot| knot.score <= s);
        match (self.raw.knots[..after].last(), self.raw.knots.get(after)) {
            (Some(low), Some(high)) => {
                let share = (s - low.score) / (high.score - low.score);
                let (a, b) = (column(low), column(high));
                // Clamped because rounding could otherwise step over a neighbour and break the order.
                (a + share * (b - a)).clamp(a.min(b), a.max(b))
            }
            (Some(only), None) | (None, Some(only)) => column(only),
            (None, None) => unreachable!("a model has at least two rows"),
        }
    }

    fn crossing(&self, fmr: Probability, column: impl Fn(&Knot) -> f64) -> Option<Score> {
        let wanted = fmr.value().ln();
        let after = self.raw.knots.iter().position(|knot| column(knot) <= wanted)?;
        let high = &self.raw.knots[after];
        let Some(low) = after.checked_sub(1).map(|i| &self.raw.knots[i]) else {
            return Some(Score::new(high.score));
        };
        let share = (column(low) - wanted) / (column(low) - column(high));
        Some(Score::new(low.score + share * (high.score - low.score)))
    }
}

/// A number that is a probability up to rounding.
fn probability(value: f64) -> Probability {
    Probability::new(value.clamp(0.0, 1.0)).unwrap_or(Probability::ONE)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    fusion: Fusion,
    impostor: ImpostorFacts,
    genuine: GenuineFacts,
    knots: Vec<Knot>,
}

impl TryFrom<RawModel> for ScoreModel {
    type Error = ModelError;

    fn try_from(raw: RawModel) -> Result<Self, ModelError> {
        if raw.fusion.gallery_pictures == 0 || raw.fusion.probe_frames == 0 {
            return Err(ModelError::EmptyFusion);
        }
        if raw.knots.len() < 2 {
            return Err(ModelError::TooFewKnots);
        }
        check_facts(&raw.impostor, &raw.genuine)?;
        for (row, knot) in raw.knots.iter().enumerate() {
            check_range(row, knot)?;
        }
        for (row, pair) in raw.knots.windows(2).enumerate() {
            let (low, high) = (&pair[0], &pair[1]);
            let ordered = low.score < high.score
                && low.ln_lr <= high.ln_lr
                && low.ln_fmr >= high.ln_fmr
                && low.ln_fmr_upper >= high.ln_fmr_upper
                && low.fnmr <= high.fnmr;
            if !ordered {
                return Err(ModelError::NotMonotone { row: row + 1 });
            }
        }
        Ok(Self { raw })
    }
}

fn check_facts(impostor: &ImpostorFacts, genuine: &GenuineFacts) -> Result<(), ModelError> {
    let ImpostorFacts { scores, pairs, tail_from, tail_rate, shape, shape_upper, scale, resampling } =
        *impostor;
    let resampled = resampling.is_none_or(|r| {
        let PeopleFacts { people, resamples, scores_per_independent, scores_per_counted, excesses, p_value } =
            r;
        people > 1
            && resamples > 0
            && scores_per_independent >= 1.0
            && scores_per_independent.is_finite()
            && scores_per_counted >= 1.0
            && scores_per_counted.is_finite()
            && excesses > 0
            && excesses <= scores
            && (0.0..=1.0).contains(&p_value)
    });
    let sound = resampled
        && pairs > 0
        && scores >= pairs
        && (-1.0..=1.0).contains(&tail_from)
        && tail_rate > 0.0
        && tail_rate < 1.0
        && shape.is_finite()
        && shape_upper.is_finite()
        && shape_upper >= shape
        && scale.is_finite()
        && scale > 0.0
        && genuine.people > 0
        && genuine.scores >= genuine.people
        && (-1.0..=1.0).contains(&genuine.median);
    if sound { Ok(()) } else { Err(ModelError::Facts) }
}

fn check_range(row: usize, knot: &Knot) -> Result<(), ModelError> {
    let Knot { score, ln_lr, ln_fmr, ln_fmr_upper, fnmr } = *knot;
    let sound = (-1.0..=1.0).contains(&score)
        && ln_lr.is_finite()
        && ln_lr <= LN_LR_CAP
        && (LN_FMR_FLOOR..=0.0).contains(&ln_fmr)
        && (LN_FMR_FLOOR..=0.0).contains(&ln_fmr_upper)
        && ln_fmr_upper >= ln_fmr
        && (0.0..=1.0).contains(&fnmr);
    if sound { Ok(()) } else { Err(ModelError::OutOfRange { row }) }
}

impl From<ScoreModel> for RawModel {
    fn from(model: ScoreModel) -> Self {
        model.raw
    }
}

impl From<[f64; 5]> for Knot {
    fn from([score, ln_lr, ln_fmr, ln_fmr_upper, fnmr]: [f64; 5]) -> Self {
        Self { score, ln_lr, ln_fmr, ln_fmr_upper, fnmr }
    }
}

impl From<Knot> for [f64; 5] {
    fn from(knot: Knot) -> Self {
        [knot.score, knot.ln_lr, knot.ln_fmr, knot.ln_fmr_upper, knot.fnmr]
    }
}
