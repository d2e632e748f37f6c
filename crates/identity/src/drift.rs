//! Do strangers at the terminals still score as strangers did when the calibration was made?
//!
//! Every approved payment compares a face with everybody who is *not* its owner. The best of those strangers' scores
//! is watched: under the calibration it reaches the threshold where the false-match rate is p / N, for N strangers,
//! with a probability of at most p, however much the N comparisons depend on each other. Should it do so more
//! often, the calibration is too bold here, or has become so: other people, another camera, another light.
//!
//! # Decisions
//! - *A sum of bets* (the Shiryaev-Roberts e-detector: Shin, Ramdas and Rinaldo 2023). Each payment multiplies what
//!   was won by the likelihood ratio of "strangers match m times as often" and a new bet of 1 begins at each payment.
//!   The sum minus the number of payments is a supermartingale while the calibration holds; hence an alarm at
//!   `payments_per_false_alarm` comes not earlier than after so many payments **on average**, exactly, for any number
//!   of looks and without a window to choose; and within n payments with a probability of at most
//!   n / `payments_per_false_alarm`.
//! - *One count a payment.* The thousands of comparisons of one face are not independent; payments of different
//!   people nearly are.
//! - *The upper band* is what is watched against, as it is what decides. So a deployment that is merely at the upper
//!   end of the band raises no alarm.

use serde::{Deserialize, Serialize};
use types::{PayerId, Probability, Score};

use crate::calibration::{Calibration, CalibrationError};
use crate::model::{Fusion, ScoreModel};
use crate::posterior::PosteriorInput;

/// How often the best stranger reaches the threshold of its payment, under the calibration.
const REACHED: f64 = 0.05;
/// How many times more often strangers may match: bets are laid on each in equal parts.
const FACTORS: [f64; 3] = [2.0, 4.0, 10.0];
/// Larger sums are cut, so that they stay finite; no alarm is that far away.
const SUM_MAX: f64 = 1e200;

/// The best of all strangers that one face was compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestStranger {
    /// How many strangers there were; at least 1.
    pub strangers: u64,
    /// The highest of their scores.
    pub score: Score,
}

/// The state of the watch over one score model. Small enough to be stored with every look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    sums: [f64; FACTORS.len()],
    payments_per_false_alarm: f64,
    /// Payments watched.
    pub payments: u64,
    /// Those of them in which a stranger reached the threshold.
    pub reached: u64,
    /// How many were to be expected at most.
    pub expected: f64,
}

/// What the watch says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// Nothing that chance would not bring.
    Quiet,
    /// Strangers match about so many times as often as the calibration's upper band says: recalibrate, and raise
    /// the inflation until then.
    TooBold {
        /// Best estimate, from all payments watched; the change may be younger and larger.
        times: f64,
    },
}

impl Drift {
    /// A watch that raises a false alarm once in so many payments on average, or less often. `None` unless that is
    /// a finite number of at least 1.
    #[must_use]
    pub fn new(payments_per_false_alarm: f64) -> Option<Self> {
        let sound = payments_per_false_alarm.is_finite() && payments_per_false_alarm >= 1.0;
        sound.then_some(Self {
            sums: [0.0; FACTORS.len()],
            payments_per_false_alarm,
            payments: 0,
            reached: 0,
            expected: 0.0,
        })
    }

    /// Takes one payment into account, and says what follows from all so far. Payments in which a score model has no
    /// threshold high enough (few strangers are never the reason) teach nothing and change nothing.
    pub fn observe(&mut self, model: &ScoreModel, best: BestStranger) -> Finding {
        let rate = Probability::new(REACHED / best.strangers.max(1) as f64).unwrap_or(Probability::ZERO);
        if let Some(threshold) = model.threshold(rate) {
            self.count(REACHED, best.score >= threshold);
        }
        self.finding()
    }

    /// Takes a recorded decision into account: everybody it compared who is not `known`, which are the payer and the
    /// payer's other accounts. A stranger is measured by the own number of pictures and cohort, each against
    /// the threshold of p / N, so that one of them reaches it with a probability of at most p whatever the mix; hence
    /// one watch serves all fusions. Those who are not named count among the N and reach nothing: they scored less than
    /// all who are.
    ///
    /// # Errors
    /// [`CalibrationError`], for an input that this calibration did not decide. Nothing has changed then.
    pub fn observe_decision(
        &mut self,
        calibration: &Calibration,
        input: &PosteriorInput,
        known: &[PayerId],
    ) -> Result<Finding, CalibrationError> {
        let named = || input.candidates.iter().filter(|candidate| !known.contains(&candidate.payer));
        let unnamed = input.rest.iter().map(|band| band.people).fold(0, u64::saturating_add);
        let strangers = (named().count() as u64).saturating_add(unnamed);
        let rate = Probability::new(REACHED / strangers.max(1) as f64).unwrap_or(Probability::ZERO);
        let (mut measured, mut reached) = (false, false);
        for stranger in named() {
            let fusion = Fusion { gallery_pictures: stranger.pictures, probe_frames: input.frames };
            if let Some(threshold) = calibration.score_model_of(stranger.cohort, fusion)?.threshold(rate) {
                measured = true;
                reached |= stranger.score >= threshold;
            }
        }
        if measured {
            self.count(REACHED, reached);
        }
        Ok(self.finding())
    }

    /// This watch with another rate of false alarms: what was won stays. `None` as for [`Drift::new`].
    #[must_use]
    pub fn alarming_once_in(self, payments_per_false_alarm: f64) -> Option<Self> {
        let Self { sums, payments_per_false_alarm: _, payments, reached, expected } = self;
        let new = Self::new(payments_per_false_alarm)?;
        Some(Self { sums, payments, reached, expected, ..new })
    }

    /// What follows from all so far.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let sum = self.sums.iter().sum::<f64>() / FACTORS.len() as f64;
        if sum < self.payments_per_false_alarm {
            return Finding::Quiet;
        }
        Finding::TooBold { times: self.times() }
    }

    /// About how many times as often as the calibration's upper band says strangers match; at least 1. From all
    /// payments watched, so the change may be younger and larger.
    #[must_use]
    pub fn times(&self) -> f64 {
        // From "none of N matched" back to the rate of one comparison.
        let share = (self.reached as f64 / self.payments.max(1) as f64).min(1.0 - 1e-9);
        let expected = self.expected / self.payments.max(1) as f64;
        let times = (-share).ln_1p() / (-expected).ln_1p();
        if times.is_finite() { times.max(1.0) } else { 1.0 }
    }

    /// One payment whose best stranger had a chance of at most `chance` to reach its threshold.
    fn count(&mut self, chance: f64, reached: bool) {
        self.payments += 1;
        self.reached += u64::from(reached);
        self.expected += chance;
        for (sum, factor) in self.sums.iter_mut().zip(FACTORS) {
            let often = 1.0 - (1.0 - chance).powf(factor);
            let bet = if reached { often / chance } else { (1.0 - often) / (1.0 - chance) };
            *sum = ((*sum + 1.0) * bet).min(SUM_MAX);
        }
    }
}
