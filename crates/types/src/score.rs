//! Similarity scores and probabilities.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Cosine similarity of two templates, in -1..=1. Says nothing by itself: only a calibration of the
/// same model and fusion turns it into a likelihood.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(f64);

impl Score {
    /// Clamped to -1..=1, which rounding can leave by an ulp; a value that is not a number counts as -1,
    /// the score that matches nobody.
    #[must_use]
    pub fn new(value: f64) -> Self {
        if value.is_nan() { Self(-1.0) } else { Self(value.clamp(-1.0, 1.0)) }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.0)
    }
}

/// A probability, in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl Probability {
    /// Impossible.
    pub const ZERO: Self = Self(0.0);
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// `None` outside 0..=1 or for a value that is not a number.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The probability of the other side, from the natural logarithm of the odds of this one: `1 / (1 + odds)`,
    /// without a difference of nearly equal numbers. Never 0: the smallest positive number stands for anything
    /// below it. Odds that are not a number count as none at all: 1.
    #[must_use]
    pub fn against(ln_odds: f64) -> Self {
        if ln_odds.is_nan() {
            return Self::ONE;
        }
        let p = if ln_odds > 0.0 {
            let inverse = (-ln_odds).exp();
            inverse / (1.0 + inverse)
        } else {
            1.0 / (1.0 + ln_odds.exp())
        };
        Self::new(p.max(f64::MIN_POSITIVE)).unwrap_or(Self::ONE)
    }

    /// `1 in N`, the way people read small probabilities: 1e-6 is 1 in 1,000,000.
    #[must_use]
    pub fn one_in(self) -> String {
        if self.0 <= 0.0 {
            return "none".to_owned();
        }
        let n = (1.0 / self.0).round();
        if n >= 1e15 {
            return format!("1 in {n:.1e}");
        }
        let digits = format!("{n:.0}");
        let mut grouped = String::with_capacity(digits.len().saturating_mul(2));
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("1 in {grouped}")
    }
}

impl TryFrom<f64> for Probability {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, &'static str> {
        Self::new(value).ok_or("a probability lies between 0 and 1")
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> Self {
        p.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_probabilities_as_people_read_them() {
        let one_in = |p: f64| Probability::new(p).unwrap().one_in();
        assert_eq!(one_in(1e-6), "1 in 1,000,000");
        assert_eq!(one_in(0.5), "1 in 2");
        assert_eq!(one_in(1.0), "1 in 1");
        assert_eq!(one_in(0.0), "none");
        assert_eq!(one_in(1.0 / 123_456.0), "1 in 123,456");
        assert_eq!(one_in(1e-18), "1 in 1.0e18");
        assert_eq!(Probability::against(f64::NAN), Probability::ONE);
        assert_eq!(Probability::against(0.0).one_in(), "1 in 2");
        assert!((Probability::against(40.0).value() / (-40.0_f64).exp() - 1.0).abs() < 1e-12);
        assert!(Probability::against(1e9).value() > 0.0);
        assert_eq!(Probability::new(1.1), None);
        assert_eq!(Probability::new(f64::NAN), None);
        assert!((Score::new(f64::NAN).value() + 1.0).abs() < 1e-12);
    }
}
