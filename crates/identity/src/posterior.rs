//! Bayes' rule over everybody who was searched and the payer being nobody we know.

use serde::{Deserialize, Serialize};
use types::{PayerId, Probability, Score};

use crate::calibration::{Calibration, CalibrationError, Cohort};
use crate::certainty::{Certainty, RestTerm, Term};
use crate::model::Fusion;

/// Most candidates that are named one by one; everybody else comes in [`RestBand`]s.
pub const CANDIDATES_MAX: usize = 64;
/// Most bands.
pub const REST_BANDS_MAX: usize = 4_096;
/// Slack for priors that were summed in another order than here.
const PRIOR_SLACK: f64 = 1e-9;

/// Somebody whose face resembles the one at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Who.
    pub payer: PayerId,
    /// Similarity of the fused templates.
    pub score: Score,
    /// Enrolment pictures in the candidate's template.
    pub pictures: u32,
    /// Probability that it is this payer, before any face was seen, given that it is one of those searched;
    /// see [`crate::PlaceModel::prior`]. Above 0.
    pub prior: f64,
    /// Whom she is measured by; not written for the default.
    #[serde(default, skip_serializing_if = "Cohort::is_default")]
    pub cohort: Cohort,
}

/// People who were searched but are not named, with scores in one band. Counting them at the band's upper end
/// overstates them. Narrow bands matter: one band from -1 up to the best unlisted score would outweigh everything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestBand {
    /// None of them scored more.
    pub best_score: Score,
    /// None of their templates has fewer pictures: fewer pictures make the same score weigh more.
    pub pictures: u32,
    /// How many they are.
    pub people: u64,
    /// The sum of their priors, in the sense of [`Candidate::prior`].
    pub prior: f64,
    /// Whom they are measured by: all by the same.
    #[serde(default, skip_serializing_if = "Cohort::is_default")]
    pub cohort: Cohort,
}

/// All that the certainty depends on, besides the calibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosteriorInput {
    /// Frames in the probe template.
    pub frames: u32,
    /// Those who are named, in any order.
    pub candidates: Vec<Candidate>,
    /// Everybody else who was searched.
    pub rest: Vec<RestBand>,
    /// Probability that the payer is none of those searched. Strictly between 0 and 1.
    pub prior_not_enrolled: Probability,
    /// At least 1: how many times more often strangers may reach a score than in the calibration's population.
    /// Measured: 8 to 9 on another continent's faces. Divides every likelihood ratio.
    pub impostor_inflation: f64,
}

/// Inputs from which no certainty follows.
#[derive(Debug, thiserror::Error)]
pub enum PosteriorError {
    /// No score model for a fusion.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// Beyond [`CANDIDATES_MAX`] or [`REST_BANDS_MAX`].
    #[error("at most {CANDIDATES_MAX} candidates and {REST_BANDS_MAX} bands of others")]
    TooMany,
    /// Named twice, so counted twice.
    #[error("{0} is named more than once")]
    Duplicate(PayerId),
    /// Certain knowledge that the payer is, or is not, enrolled does not exist.
    #[error("the prior of not being enrolled lies strictly between 0 and 1")]
    NotEnrolled,
    /// Not a finite number of 1 or more.
    #[error("the impostor inflation is a finite number of at least 1")]
    Inflation,
    /// Not a probability, zero for a candidate, or above 1 in sum.
    #[error("priors are probabilities: above 0 for each candidate, and at most 1 together")]
    Prior,
    /// A band without people cannot have a prior.
    #[error("a band of others holds at least one person")]
    EmptyBand,
}

/// The posterior of every candidate:
///
/// ```text
/// P(i) = (1 - p0) prior_i L_i / ( p0 + (1 - p0) sum_j prior_j L_j )      L = likelihood ratio / inflation
/// ```
///
/// with the sum over everybody searched, unnamed people at the upper end of their band. The certainty names the
/// candidate with the highest posterior and the probability that it is anybody else, computed as the others' share
/// and not as a difference from 1, so that 1e-12 is told from 1e-9.
///
/// The order of candidates and bands does not matter, to the last bit.
///
/// # Errors
/// [`PosteriorError`].
pub fn posterior(calibration: &Calibration, input: &PosteriorInput) -> Result<Certainty, PosteriorError> {
    check(input)?;
    let enrolled = (1.0 - input.prior_not_enrolled.value()).ln();
    let inflation = input.impostor_inflation.ln();
    let ln_lr = |pictures: u32, score: Score, cohort: Cohort| -> Result<f64, CalibrationError> {
        let fusion = Fusion { gallery_pictures: pictures, probe_frames: input.frames };
        Ok(calibration.score_model_of(cohort, fusion)?.ln_likelihood_ratio(score) - inflation)
    };
    let mut terms = Vec::with_capacity(input.candidates.len());
    for candidate in &input.candidates {
        let Candidate { payer, score, pictures, prior, cohort } = *candidate;
        let (ln_prior, ln_lr) = (enrolled + prior.ln(), ln_lr(pictures, score, cohort)?);
        terms.push(Term { payer, score, pictures, ln_prior, ln_lr, ln_joint: ln_prior + ln_lr });
    }
    let mut rest: Option<RestTerm> = None;
    for (band, ln_joint) in rest_joints(input, enrolled, ln_lr)? {
        rest = Some(RestTerm::with(rest, band.people, band.prior, ln_joint));
    }
    Ok(Certainty::of(terms, rest, input.prior_not_enrolled.value().ln()))
}

/// Each band with a prior above 0 and its ln joint, in an order that depends only on the values.
fn rest_joints(
    input: &PosteriorInput,
    enrolled: f64,
    ln_lr: impl Fn(u32, Score, Cohort) -> Result<f64, CalibrationError>,
) -> Result<Vec<(&RestBand, f64)>, CalibrationError> {
    let mut joints = Vec::with_capacity(input.rest.len());
    for band in &input.rest {
        let ln_lr = ln_lr(band.pictures, band.best_score, band.cohort)?;
        joints.push((band, enrolled + band.prior.ln() + ln_lr));
    }
    joints.sort_by(|(a, x), (b, y)| {
        y.total_cmp(x).then(a.prior.total_cmp(&b.prior)).then(a.people.cmp(&b.people))
    });
    Ok(joints)
}

fn check(input: &PosteriorInput) -> Result<(), PosteriorError> {
    let PosteriorInput { frames: _, candidates, rest, prior_not_enrolled, impostor_inflation } = input;
    if candidates.len() > CANDIDATES_MAX || rest.len() > REST_BANDS_MAX {
        return Err(PosteriorError::TooMany);
    }
    if !(prior_not_enrolled.value() > 0.0 && prior_not_enrolled.value() < 1.0) {
        return Err(PosteriorError::NotEnrolled);
    }
    if !(impostor_inflation.is_finite() && *impostor_inflation >= 1.0) {
        return Err(PosteriorError::Inflation);
    }
    let mut payers: Vec<PayerId> = candidates.iter().map(|c| c.payer).collect();
    payers.sort_unstable();
    if let Some(pair) = payers.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PosteriorError::Duplicate(pair[0]));
    }
    if rest.iter().any(|band| band.people == 0) {
        return Err(PosteriorError::EmptyBand);
    }
    let priors = candidates.iter().map(|c| c.prior).chain(rest.iter().map(|band| band.prior));
    // A subnormal number is an underflow of the caller's, not a prior.
    let each_sound = priors.clone().all(|p| p.is_normal() && p > 0.0);
    if !each_sound || priors.sum::<f64>() > 1.0 + PRIOR_SLACK {
        return Err(PosteriorError::Prior);
    }
    Ok(())
}
