//! Scores to probabilities.

use serde::{Deserialize, Serialize};

/// Most steps of Newton's method; some five are needed.
const STEPS_MAX: usize = 100;
/// A step that gains less is the last.
const GAIN_MIN: f64 = 1e-10;

/// Log-odds `slope * x + offset` of a score `x`: Platt's sigmoid (Platt 1999), with the numerically stable method of
/// Lin, Lin and Weng (2007).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    slope: f64,
    offset: f64,
}

impl Platt {
    /// Fits scores that were not learned from. `None` unless both labels occur and higher scores are likelier a yes.
    #[must_use]
    pub fn fit(scored: &[(f64, bool)]) -> Option<Self> {
        let yes = scored.iter().filter(|(_, label)| *label).count() as f64;
        let no = scored.len() as f64 - yes;
        if yes == 0.0 || no == 0.0 {
            return None;
        }
        // Targets a little inside of 0 and 1, as if one of each more had been seen.
        let target = |label: bool| if label { (yes + 1.0) / (yes + 2.0) } else { 1.0 / (no + 2.0) };
        let loss = |fit: &Self| {
            let each = |(score, label): &(f64, bool)| {
                let odds = fit.log_odds(*score);
                odds.max(0.0) + (-odds.abs()).exp().ln_1p() - target(*label) * odds
            };
            scored.iter().map(each).sum::<f64>()
        };
        let mut fit = Self { slope: 1.0, offset: 0.0 };
        let mut now = loss(&fit);
        for _ in 0..STEPS_MAX {
            let Some((slope, offset)) = fit.newton(scored, target) else { break };
            let mut length = 1.0;
            let next = loop {
                let next = Self { slope: fit.slope - length * slope, offset: fit.offset - length * offset };
                let after = loss(&next);
                if after < now {
                    break Some((next, after));
                }
                length /= 2.0;
                if length < 1e-10 {
                    break None;
                }
            };
            let Some((next, after)) = next else { break };
            let gain = now - after;
            (fit, now) = (next, after);
            if gain < GAIN_MIN * now.abs() {
                break;
            }
        }
        (fit.slope > 0.0 && fit.offset.is_finite()).then_some(fit)
    }

    fn newton(&self, scored: &[(f64, bool)], target: impl Fn(bool) -> f64) -> Option<(f64, f64)> {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (1e-12, 0.0, 1e-12, 0.0, 0.0);
        for (score, label) in scored {
            let p = 1.0 / (1.0 + (-self.log_odds(*score)).exp());
            let (first, second) = (p - target(*label), p * (1.0 - p));
            (ga, gb) = (ga + first * score, gb + first);
            (aa, ab, bb) = (aa + second * score * score, ab + second * score, bb + second);
        }
        let determinant = aa * bb - ab * ab;
        let step = ((bb * ga - ab * gb) / determinant, (aa * gb - ab * ga) / determinant);
        (step.0.is_finite() && step.1.is_finite()).then_some(step)
    }

    /// The log-odds of a yes.
    #[must_use]
    pub fn log_odds(&self, score: f64) -> f64 {
        self.slope * score + self.offset
    }

    /// The probability of a yes.
    #[must_use]
    pub fn probability(&self, score: f64) -> f64 {
        1.0 / (1.0 + (-self.log_odds(score)).exp())
    }
}
