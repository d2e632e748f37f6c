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

    /// `1 in N`, the way people read small probabilities: 1e-6 is 1 in 1,000,000.
    #[must_use]
    pub fn one_in(self) -> String {
        if self.0 <= 0.0 {
            return "none".to_owned();
        }
        let n = (1.0 / self.0).round();
        if n < 1e15 { format!("1 in {n:.0}") } else { format!("1 in {n:.1e}") }
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
