//! A versioned calibration file: which model, which data, and one score model per fusion.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use types::Digest;

use crate::model::{Fusion, ScoreModel};

const VERSION: u32 = 1;

/// Where a calibration comes from; shown to whoever relies on it and recorded with every decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Names this calibration in records, as in `sface-lfw-dev-1`.
    pub id: String,
    /// SHA-256 of the embedding model's file: scores of any other model mean something else.
    pub embedder: Digest,
    /// What pictures these were, in words.
    pub set: String,
    /// People in the set.
    pub people: u64,
    /// Templates in the set.
    pub templates: u64,
    /// Comparisons of all fusions together.
    pub comparisons: u64,
    /// When it was made.
    pub made_on: Date,
    /// The command that makes it again.
    pub command: String,
}

/// The meaning of scores for one embedding model. Only valid ones exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawCalibration", into = "RawCalibration")]
pub struct Calibration {
    provenance: Provenance,
    models: Vec<ScoreModel>,
}

/// A calibration that cannot be used, or not for this.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The text is not a valid calibration; the source says where and why.
    #[error("the calibration file is not valid")]
    Invalid(#[source] serde_json::Error),
    /// The file was made for another version of this program.
    #[error("the calibration file has version {found}, this program reads version {VERSION}")]
    Version {
        /// What the file says.
        found: u32,
    },
    /// No name, no set or no command: a calibration without provenance is not evidence.
    #[error("the calibration's provenance is incomplete")]
    Provenance,
    /// No score model, or two for one fusion.
    #[error("a calibration needs one score model per fusion, and at least one")]
    Models,
    /// The scores were made by another embedding model.
    #[error("calibration {id} is for embedder {calibrated}, not for {asked}")]
    OtherModel {
        /// The calibration's name.
        id: String,
        /// The embedder it was made with.
        calibrated: Digest,
        /// The embedder that is in use.
        asked: Digest,
    },
    /// More pictures or frames were averaged than any score model covers.
    #[error(
        "no score model covers a mean of {} gallery pictures against a mean of {} probe frames",
        .0.gallery_pictures, .0.probe_frames
    )]
    FusionNotCovered(Fusion),
}

impl Calibration {
    /// A calibration from its parts.
    ///
    /// # Errors
    /// [`CalibrationError::Provenance`], [`CalibrationError::Models`].
    pub fn new(provenance: Provenance, mut models: Vec<ScoreModel>) -> Result<Self, CalibrationError> {
        let Provenance { id, embedder: _, set, people, templates, comparisons, made_on: _, command } =
            &provenance;
        let named = ![id, set, command].iter().any(|text| text.trim().is_empty());
        if !named || *people == 0 || templates < people || *comparisons == 0 {
            return Err(CalibrationError::Provenance);
        }
        models.sort_by_key(ScoreModel::fusion);
        if models.is_empty() || models.windows(2).any(|pair| pair[0].fusion() == pair[1].fusion()) {
            return Err(CalibrationError::Models);
        }
        Ok(Self { provenance, models })
    }

    /// Reads a calibration file and checks all of it.
    ///
    /// # Errors
    /// [`CalibrationError`] for anything that is not a whole, consistent calibration of this version.
    pub fn parse(text: &str) -> Result<Self, CalibrationError> {
        let raw: RawCalibration = serde_json::from_str(text).map_err(CalibrationError::Invalid)?;
        raw.try_into()
    }

    /// This calibration, if it belongs to the embedding model in use.
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`].
    pub fn for_model(&self, embedder: Digest) -> Result<&Self, CalibrationError> {
        if self.provenance.embedder == embedder {
            return Ok(self);
        }
        Err(CalibrationError::OtherModel {
            id: self.provenance.id.clone(),
            calibrated: self.provenance.embedder,
            asked: embedder,
        })
    }

    /// The score model for a fusion: the exact one, else the one with the fewest additional gallery pictures,
    /// then the fewest additional frames, that has **at least** as many of both.
    ///
    /// Averaging more pictures raises the scores of strangers too (a mean of unit vectors is shorter than one, and
    /// renormalising stretches it), so the next larger fusion overstates the false-match rate and understates the
    /// likelihood ratio: the safe direction. The next smaller one would do the opposite, and therefore a fusion
    /// larger than all calibrated ones is refused: fuse fewer pictures instead. For the same reason it is safe to
    /// count the correlated frames of one capture as different ones.
    ///
    /// # Errors
    /// [`CalibrationError::FusionNotCovered`].
    pub fn score_model(&self, fusion: Fusion) -> Result<&ScoreModel, CalibrationError> {
        let covers = |model: &&ScoreModel| {
            let has = model.fusion();
            has.gallery_pictures >= fusion.gallery_pictures && has.probe_frames >= fusion.probe_frames
        };
        let asked_for_some = fusion.gallery_pictures > 0 && fusion.probe_frames > 0;
        // Sorted by gallery pictures, then frames: the first that covers is the nearest.
        self.models
            .iter()
            .find(|model| asked_for_some && covers(model))
            .ok_or(CalibrationError::FusionNotCovered(fusion))
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// All score models, by gallery pictures, then probe frames.
    #[must_use]
    pub fn models(&self) -> &[ScoreModel] {
        &self.models
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalibration {
    version: u32,
    provenance: Provenance,
    models: Vec<ScoreModel>,
}

impl TryFrom<RawCalibration> for Calibration {
    type Error = CalibrationError;

    fn try_from(raw: RawCalibration) -> Result<Self, CalibrationError> {
        if raw.version != VERSION {
            return Err(CalibrationError::Version { found: raw.version });
        }
        Self::new(raw.provenance, raw.models)
    }
}

impl From<Calibration> for RawCalibration {
    fn from(calibration: Calibration) -> Self {
        let Calibration { provenance, models } = calibration;
        Self { version: VERSION, provenance, models }
    }
}
