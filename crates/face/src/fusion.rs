//! A fused judgement of liveness: the networks' answers and the cues of all frames of a capture, weighed as captures of
//! the operator's own cameras teach it.
//!
//! For each attack species there is a head, a logistic regression of that species against living faces. With odds
//! `exp(h_s)` for each species, a living face has probability `1 / (1 + sum exp(h_s))`: a multinomial regression in
//! the parts of Begg and Gray (1984). Both sides weigh the same in fitting, so the number is a score that a policy
//! bounds, not the chance of fraud at a till.
//!
//! A model belongs to the very networks and cues it was fitted to, and is refused with others.

mod fit;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use types::Digest;

pub use fit::{Example, FitError, choose_penalty, fit_heads};

use crate::cues::{CUES_VERSION, LivenessCues, Motion, PictureCues};
use crate::evidence::FrameEvidence;

/// The first and so far only form of the file.
const FORMAT: u32 = 1;
const FEATURES_MAX: usize = 200;
const SPECIES_MAX: usize = 20;
/// Features further from the mean than so many deviations count as that far: a cue that ran away decides nothing alone.
const FAR: f64 = 6.0;

/// A fused judgement, as `surety train-liveness` writes it. Read with [`LivenessModel::parse`], which checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivenessModel {
    format: u32,
    /// Its name in records.
    pub id: String,
    /// What it was made of.
    pub provenance: TrainedOn,
    cues: u32,
    networks: Vec<Digest>,
    features: Vec<Feature>,
    heads: Vec<Head>,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainedOn {
    /// What captures these are, in the operator's words.
    pub set: String,
    /// People whose captures it was fitted to.
    pub subjects: u64,
    /// Captures of living faces and of each species it was fitted to.
    pub captures: BTreeMap<String, u64>,
    /// The cameras, where they were told apart.
    pub devices: Vec<String>,
    /// Strength of the penalty on weights that cross-validation chose.
    pub penalty: f64,
    /// The day it was made, as `2026-11-23`.
    pub made_on: String,
    /// How.
    pub command: String,
}

/// One number of a capture, and how it is brought to a common scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// As [`capture_features`] names it.
    pub name: String,
    /// Mean over the captures it was fitted to.
    pub mean: f64,
    /// Their standard deviation, above 0.
    pub deviation: f64,
}

/// One species against living faces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The attack species.
    pub species: String,
    /// Log odds of an average capture.
    pub intercept: f64,
    /// For each feature, in their order.
    pub weights: Vec<f64>,
}

/// What a model says about a capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LivenessJudgement {
    /// Of a living face, 0 to 1. What cannot be judged is 0.
    pub live: f64,
    /// Of each attack species.
    pub species: BTreeMap<String, f64>,
}

/// A model that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LivenessModelError {
    /// Not JSON, or not of this form.
    #[error("the liveness model cannot be read: {0}")]
    Syntax(String),
    /// A number or a list that no training gives.
    #[error("the liveness model's {0} cannot be right; train it anew")]
    Impossible(&'static str),
    /// It was fitted to other networks.
    #[error(
        "the liveness model was fitted to other networks than those of the manifest in use; train one with these"
    )]
    OtherNetworks,
    /// It was fitted to cues that measured something else.
    #[error(
        "the liveness model was fitted to cues of version {found}, and this Surety has version {CUES_VERSION}; train it anew"
    )]
    OtherCues {
        /// The version in the file.
        found: u32,
    },
}

impl LivenessModel {
    /// Puts a model together, and checks it as one that was read.
    ///
    /// # Errors
    /// [`LivenessModelError::Impossible`].
    pub fn new(
        id: String,
        provenance: TrainedOn,
        networks: Vec<Digest>,
        (features, heads): (Vec<Feature>, Vec<Head>),
    ) -> Result<Self, LivenessModelError> {
        let model = Self { format: FORMAT, id, provenance, cues: CUES_VERSION, networks, features, heads };
        model.check()?;
        Ok(model)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`LivenessModelError`] says what is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, LivenessModelError> {
        let model: Self =
            serde_json::from_str(text).map_err(|error| LivenessModelError::Syntax(error.to_string()))?;
        model.check()?;
        Ok(model)
    }

    /// As a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Is it one for these networks, in this order?
    ///
    /// # Errors
    /// [`LivenessModelError::OtherNetworks`].
    pub fn fits(&self, networks: &[Digest]) -> Result<(), LivenessModelError> {
        if self.networks == networks { Ok(()) } else { Err(LivenessModelError::OtherNetworks) }
    }

    /// Judges a capture; none where its frames have no cues, because no network is installed. What is no number is no
    /// living face.
    #[must_use]
    pub fn judge(&self, frames: &[&FrameEvidence]) -> Option<LivenessJudgement> {
        let found: BTreeMap<String, Option<f64>> = capture_features(frames)?.into_iter().collect();
        let scaled: Vec<f64> = self
            .features
            .iter()
            .map(|feature| match found.get(&feature.name) {
                // What a single frame cannot show counts as neither for nor against.
                Some(None) => 0.0,
                Some(Some(value)) => ((value - feature.mean) / feature.deviation).clamp(-FAR, FAR),
                None => f64::NAN,
            })
            .collect();
        Some(judgement(&self.heads, &scaled))
    }

    fn check(&self) -> Result<(), LivenessModelError> {
        let Self { format, id, provenance, cues, networks, features, heads } = self;
        let require =
            |sound: bool, what| if sound { Ok(()) } else { Err(LivenessModelError::Impossible(what)) };
        require(*format == FORMAT, "format")?;
        if *cues != CUES_VERSION {
            return Err(LivenessModelError::OtherCues { found: *cues });
        }
        require(!id.is_empty() && id.len() <= 100, "id")?;
        require(provenance.penalty > 0.0 && provenance.penalty.is_finite(), "penalty")?;
        require(!networks.is_empty() && networks.len() <= 20, "list of networks")?;
        require((1..=FEATURES_MAX).contains(&features.len()), "list of features")?;
        let names: BTreeSet<&str> = features.iter().map(|f| f.name.as_str()).collect();
        let plain = |f: &Feature| f.mean.is_finite() && f.deviation.is_finite() && f.deviation > 0.0;
        require(names.len() == features.len() && features.iter().all(plain), "list of features")?;
        require(features.iter().all(|f| is_feature(&f.name)), "list of features")?;
        require((1..=SPECIES_MAX).contains(&heads.len()), "list of heads")?;
        let species: BTreeSet<&str> = heads.iter().map(|h| h.species.as_str()).collect();
        require(species.len() == heads.len() && !species.contains("live"), "list of heads")?;
        for head in heads {
            let numbers = head.weights.iter().chain([&head.intercept]).all(|w| w.is_finite());
            require(numbers && head.weights.len() == features.len(), "weights")?;
        }
        Ok(())
    }
}

/// From features at a common scale to probabilities.
pub(crate) fn judgement(heads: &[Head], scaled: &[f64]) -> LivenessJudgement {
    let log_odds: Vec<f64> = heads
        .iter()
        .map(|head| {
            let sum: f64 = head.weights.iter().zip(scaled).map(|(weight, value)| weight * value).sum();
            // So that no power overflows.
            (head.intercept + sum).clamp(-500.0, 500.0)
        })
        .collect();
    let all = 1.0 + log_odds.iter().map(|h| h.exp()).sum::<f64>();
    let sound = |p: f64| if p.is_finite() { p } else { 0.0 };
    let species = heads.iter().zip(&log_odds).map(|(head, h)| (head.species.clone(), sound(h.exp() / all)));
    LivenessJudgement { live: sound(1.0 / all), species: species.collect() }
}

/// All that a capture gives, by name, in a fixed order; none where a frame has no cues. A value is none where one frame
/// alone cannot show it. Of each frame's measures the mean counts, of its liveness the least as well: one frame of a
/// photograph among living ones is enough to deceive.
#[must_use]
pub fn capture_features(frames: &[&FrameEvidence]) -> Option<Vec<(String, Option<f64>)>> {
    let cues: Vec<&LivenessCues> = frames.iter().map(|frame| frame.cues.as_ref()).collect::<Option<_>>()?;
    let first = cues.first()?;
    let mut features = Vec::new();
    for (network, classes) in first.networks.iter().enumerate() {
        for class in 0..classes.len() {
            let value = |cues: &&LivenessCues| {
                let value = cues.networks.get(network).and_then(|classes| classes.get(class));
                value.map_or(f64::NAN, |value| f64::from(*value))
            };
            features.push((format!("network{network}.class{class}"), Some(mean(cues.iter().map(value)))));
        }
    }
    let least = frames.iter().map(|frame| frame.liveness.map_or(f64::NAN, types::Probability::value));
    let least = least.fold(1.0_f64, |least, p| if p.is_nan() { p } else { least.min(p) });
    features.push(("least_liveness".to_owned(), Some((least.max(1e-6) / (1.0 - least).max(1e-6)).ln())));
    for (at, (name, _)) in first.picture.named().iter().enumerate() {
        let value = mean(cues.iter().map(|cues| f64::from(cues.picture.named()[at].1)));
        features.push(((*name).to_owned(), Some(value)));
    }
    let motions: Vec<&Motion> = cues.iter().filter_map(|cues| cues.motion.as_ref()).collect();
    for (at, (name, _)) in Motion::default().named().iter().enumerate() {
        let values = motions.iter().map(|motion| f64::from(motion.named()[at].1));
        features.push(((*name).to_owned(), (!motions.is_empty()).then(|| mean(values))));
    }
    Some(features)
}

/// Can [`capture_features`] give it, with some networks?
fn is_feature(name: &str) -> bool {
    let measured = PictureCues::default().named().map(|(name, _)| name);
    let moved = Motion::default().named().map(|(name, _)| name);
    let of_network = || {
        let (network, class) = name.strip_prefix("network")?.split_once(".class")?;
        Some(network.parse::<u8>().is_ok() && class.parse::<u8>().is_ok())
    };
    name == "least_liveness"
        || measured.contains(&name)
        || moved.contains(&name)
        || of_network().unwrap_or(false)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests;
