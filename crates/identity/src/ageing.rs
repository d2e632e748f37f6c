//! Faces change: captures of payments that the payer confirmed renew a template, and nobody can walk it over to another
//! face.
//!
//! The guard is that each capture is compared with what was **enrolled**, never with the template that earlier captures
//! renewed. With unit vectors v whose scalar product with the enrolled mean a is at least s each, and weights w,
//! <sum(w v), a> >= s sum(w) >= s |sum(w v)|: however many captures are added, the template's score against the enrolled
//! mean never falls below s. And the captures together weigh at most half as much as the enrolment.

use types::{Probability, Score, Template, TemplateError};

use crate::model::ScoreModel;

/// All captures together, against the pictures of the enrolment together.
const SHARE: f64 = 0.5;

/// What a capture must be to renew a template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ageing {
    /// Strangers reach its score against the enrolled pictures at most this often, by the upper band.
    pub fmr_max: Probability,
    /// How many captures a template keeps; the newest stay.
    pub captures_max: u32,
}

impl Ageing {
    /// May a capture with this score against the enrolled mean renew the template? `model` is that of as many pictures
    /// as were enrolled and frames as the capture has.
    #[must_use]
    pub fn admits(&self, model: &ScoreModel, score: Score) -> bool {
        model.fmr(score) <= self.fmr_max
    }

    /// What each capture weighs beside enrolled parts of these weights.
    #[must_use]
    pub fn weight(&self, enrolled: impl IntoIterator<Item = f64>) -> f64 {
        SHARE * enrolled.into_iter().sum::<f64>() / f64::from(self.captures_max.max(1))
    }

    /// The mean of enrolled parts with their weights, and of captures.
    ///
    /// # Errors
    /// [`TemplateError`] where there is nothing to fuse, or templates of different models were mixed.
    pub fn renewed(
        &self,
        enrolled: &[(&Template, f64)],
        captures: &[&Template],
    ) -> Result<Template, TemplateError> {
        let each = self.weight(enrolled.iter().map(|(_, weight)| *weight));
        let captures = captures.iter().map(|template| (*template, each));
        Template::fuse_weighted(enrolled.iter().copied().chain(captures))
    }
}
