//! How likely a payment is wrong, learned from payments of which it became known.
//!
//! The model adds a probability with reasons to what rules say. It never approves anything by itself: what a score does is
//! the policy's. A file holds everything that a replay needs, and where the model comes from.

mod card;
mod fit;

use boosting::{Forest, Platt};
use serde::{Deserialize, Serialize};

use crate::features::{CATALOGUE, CATALOGUE_VERSION, Feature};

pub use fit::{Example, FitError, Origin, Part, Plan, fit};

/// The version of the file. Another one is refused.
const FORMAT: u32 = 1;
/// Forests in a model, at most.
const FORESTS_MAX: usize = 32;

/// A trained model: the mean of some forests, brought to probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskModel {
    provenance: Provenance,
    calibration: Platt,
    forests: Vec<Forest>,
}

/// Where a model comes from, and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The day it was made on, in UTC.
    pub made_on: String,
    /// The command that made it.
    pub command: String,
    /// Which payments, in words.
    pub data: String,
    /// So many days before the held-out payments nothing was learned from: their outcome was not known yet.
    pub delay_days: u32,
    /// Learned from.
    pub learned: Period,
    /// Growing ended by them, and scores were brought to probabilities by them.
    pub validation: Period,
    /// Neither; measured on.
    pub held_out: Period,
    /// How it was grown.
    pub growth: Growth,
    /// Trees in each forest.
    pub trees: Vec<usize>,
    /// What it is worth on the held-out payments.
    pub worth: Worth,
    /// The ten features that moved the score most, with their mean contribution in log-odds, either way.
    pub important: Vec<(String, f64)>,
}

/// Which payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first second, since 1970-01-01T00:00:00Z.
    pub from: i64,
    /// The second after the last.
    pub until: i64,
    /// How many payments.
    pub payments: usize,
    /// How many of them were wrong.
    pub wrong: usize,
}

/// How forests are grown; the words are those of [`boosting::Settings`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// Forests, each with its own seed; the model is their mean.
    pub seeds: u32,
    /// Most trees of each.
    pub trees: usize,
    /// Levels of splits.
    pub depth: usize,
    /// What each tree's word is worth.
    pub learning_rate: f64,
    /// The least sum of second derivatives in a leaf.
    pub cover_min: f64,
    /// The share of rows each tree sees.
    pub row_share: f64,
    /// The share of columns each tree may split on.
    pub column_share: f64,
    /// Trees without a better validation after which the growing ends.
    pub patience: usize,
}

/// Chosen on validation weeks of the Fraud Detection Handbook's stream; see decision 19.
impl Default for Growth {
    fn default() -> Self {
        Self {
            seeds: 3,
            trees: 150,
            depth: 7,
            learning_rate: 0.05,
            cover_min: 4.0,
            row_share: 0.7,
            column_share: 0.3,
            patience: 30,
        }
    }
}

/// What a model is worth on payments it has not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worth {
    /// The chance that a wrong payment scores more than a right one.
    pub auc_roc: f64,
    /// The mean precision at each wrong payment.
    pub average_precision: f64,
    /// The mean negative logarithm of the probability given to what happened, in nats.
    pub log_loss: f64,
    /// The same of always saying the share of wrong payments among those learned from.
    pub log_loss_of_nothing: f64,
    /// What was said beside what happened, by rising probability.
    pub bands: Vec<Band>,
}

/// Payments whose probability lay in a band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// At least.
    pub from: f64,
    /// Below.
    pub until: f64,
    /// The mean probability that was said; 0 of no payments.
    pub said: f64,
    /// How many, and how many were wrong.
    pub payments: usize,
    /// How many of them were wrong.
    pub wrong: usize,
}

/// The file is not a model that this program can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not what a model's file looks like.
    #[error("this is no risk model: {0}")]
    NoModel(String),
    /// Another version of the file.
    #[error(
        "the risk model's file has version {found}, and this program reads version {FORMAT}: train it again with `surety train`"
    )]
    Format {
        /// The file's.
        found: u32,
    },
    /// It was learned from other features.
    #[error(
        "the risk model was trained on version {found} of the features, and this program computes version \
         {CATALOGUE_VERSION}: train it again with `surety train`"
    )]
    Catalogue {
        /// The file's.
        found: u32,
    },
    /// The version is right and the names are not: the file was changed by hand.
    #[error(
        "feature {place} of the risk model is {found:?} where this program has {expected:?}: train it again with `surety train`"
    )]
    Feature {
        /// Counted from 0.
        place: usize,
        /// The file's.
        found: String,
        /// The catalogue's.
        expected: &'static str,
    },
    /// No forest, too many, or one of another width.
    #[error("the risk model holds no usable forests")]
    Forests,
}

/// What a feature did to a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Which, with its words in Chinese and English.
    pub feature: &'static Feature,
    /// What it was; NaN where it is not known.
    pub value: f32,
    /// What it added to the log-odds.
    pub log_odds: f64,
}

/// Why a score is what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The log-odds of a payment of which nothing is known.
    pub base: f64,
    /// Of every feature, the largest first, whichever way it moved the score.
    pub contributions: Vec<Contribution>,
}

/// Which features a file was made with; read before anything else of it is.
#[derive(Serialize, Deserialize)]
struct Named {
    version: u32,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    format: u32,
    catalogue: Named,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    catalogue: Named,
    provenance: Provenance,
    calibration: Platt,
    forests: Vec<Forest>,
}

impl RiskModel {
    /// Reads a model's file.
    ///
    /// # Errors
    /// [`ModelError`]: not a model, or one of another version of the file or of the features.
    pub fn read(text: &str) -> Result<Self, ModelError> {
        let no_model = |error: serde_json::Error| ModelError::NoModel(error.to_string());
        let Head { format, catalogue } = serde_json::from_str(text).map_err(no_model)?;
        if format != FORMAT {
            return Err(ModelError::Format { found: format });
        }
        if catalogue.version != CATALOGUE_VERSION {
            return Err(ModelError::Catalogue { found: catalogue.version });
        }
        let named = catalogue.features.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (place, (found, feature)) in named.zip(&CATALOGUE).enumerate() {
            if found != feature.name {
                return Err(ModelError::Feature { place, found: found.to_owned(), expected: feature.name });
            }
        }
        let File { format: _, catalogue, provenance, calibration, forests } =
            serde_json::from_str(text).map_err(no_model)?;
        let fits = forests.iter().all(|forest| forest.features() == CATALOGUE.len());
        let many = (1..=FORESTS_MAX).contains(&forests.len());
        if !many || !fits || catalogue.features.len() != CATALOGUE.len() {
            return Err(ModelError::Forests);
        }
        Ok(Self { provenance, calibration, forests })
    }

    /// The text of its file.
    ///
    /// # Panics
    /// Never: a model holds nothing that JSON cannot.
    #[must_use]
    pub fn to_text(&self) -> String {
        let features = CATALOGUE.iter().map(|feature| feature.name.to_owned()).collect();
        let file = File {
            format: FORMAT,
            catalogue: Named { version: CATALOGUE_VERSION, features },
            provenance: self.provenance.clone(),
            calibration: self.calibration,
            forests: self.forests.clone(),
        };
        serde_json::to_string(&file).expect("numbers and texts are JSON")
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// A page for people: what it was made of, what it is worth, what it must not be used for. Markdown, Chinese and
    /// English headings.
    #[must_use]
    pub fn card(&self) -> String {
        card::card(&self.provenance)
    }

    /// The probability that a payment with these features is wrong, above 0 and below 1.
    ///
    /// # Panics
    /// When the row is not one of [`crate::features::features`].
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f64 {
        self.calibration.probability(raw(&self.forests, row))
    }

    /// The logarithm of the odds that it is.
    ///
    /// # Panics
    /// As [`RiskModel::score`].
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        self.calibration.log_odds(raw(&self.forests, row))
    }

    /// What each feature added to [`RiskModel::log_odds`]: exact SHAP values. Together with the base they are the
    /// log-odds, up to rounding. Takes some hundred times as long as the score.
    ///
    /// # Panics
    /// As [`RiskModel::score`].
    #[must_use]
    pub fn explain(&self, row: &[f32]) -> Explanation {
        let share = 1.0 / self.forests.len() as f64;
        let offset = self.calibration.log_odds(0.0);
        let slope = self.calibration.log_odds(1.0) - offset;
        let (mut base, mut sums) = (0.0, vec![0.0; CATALOGUE.len()]);
        for forest in &self.forests {
            let (expected, by_feature) = forest.contributions(row);
            base += share * expected;
            sums.iter_mut().zip(by_feature).for_each(|(sum, added)| *sum += share * added);
        }
        let each = CATALOGUE.iter().zip(row).zip(sums);
        let mut contributions: Vec<Contribution> = each
            .map(|((feature, value), sum)| Contribution { feature, value: *value, log_odds: slope * sum })
            .collect();
        // Stable, so that equal ones stay in the catalogue's order.
        contributions.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
        Explanation { base: slope * base + offset, contributions }
    }
}

/// The mean of the forests' log-odds.
fn raw(forests: &[Forest], row: &[f32]) -> f64 {
    forests.iter().map(|forest| forest.log_odds(row)).sum::<f64>() / forests.len() as f64
}

#[cfg(test)]
mod tests;
