//! How templates are renewed.

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// Captures of payments that the payer confirmed become part of the template. A policy without this learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learning {
    /// So many days after the payment, if it was not disputed.
    pub after_days: u32,
    /// Strangers reach the capture's score against the enrolled pictures at most this often, by the upper band.
    pub fmr_max: f64,
    /// How many captures a template keeps; the newest stay.
    pub captures_max: u32,
}

impl Learning {
    pub(crate) fn check(self) -> Result<(), PolicyError> {
        let sensible = (1..=3_650).contains(&self.after_days)
            && self.fmr_max > 0.0
            && self.fmr_max < 1e-2
            && (1..=10).contains(&self.captures_max);
        let what = "learning.after_days is 1 to 3650, fmr_max above 0 and below 1e-2, captures_max 1 to 10";
        if sensible { Ok(()) } else { Err(PolicyError::Nonsense(what)) }
    }
}
