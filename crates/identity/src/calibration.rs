//! A versioned calibration file: which model, which data, and for each cohort one score model per fusion.
//!
//! Version 1 knew no cohorts. It is still read, and means what it meant: recorded decisions are replayed with it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use types::Digest;

use crate::model::{Fusion, ScoreModel};

const VERSION: u32 = 2;
const VERSION_WITHOUT_COHORTS: u32 = 1;
/// Most cohorts besides the default one.
const COHORTS_MAX: usize = 64;

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
    /// The calibration whose owners it has, where only the strangers are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builds_on: Option<String>,
}

/// The meaning of scores for one embedding model. Only valid ones exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawCalibration", into = "RawCalibration")]
pub struct Calibration {
    provenance: Provenance,
    models: Vec<ScoreModel>,
    cohorts: Vec<CohortModels>,
}

/// One of a calibration's cohorts; the default is everybody who is in no other. Means something only together with
/// the calibration that gave it, as everything recorded with a decision does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cohort(u16);

/// A part of the population in which strangers resemble each other more than the whole population's do: the same
/// threshold was measured to give eight to nine times the false matches on another continent's faces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortModels {
    /// What policy calls it.
    pub name: String,
    /// From comparisons of people of this cohort with each other; one for each fusion of the default.
    pub models: Vec<ScoreModel>,
}

impl Cohort {
    /// Everybody who is in no other.
    pub const DEFAULT: Self = Self(0);

    /// Whether it is the default.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.0 == 0
    }
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
    /// A cohort without a name, with another's name, or without a model for each of the default's fusions and rows.
    #[error(
        "a cohort has a name of its own, which is not `default`, and a score model for each fusion of the default \
         with the same rows; there are {COHORTS_MAX} at most"
    )]
    Cohorts,
    /// The calibration has fewer cohorts than that: it was made for another one.
    #[error("the calibration has no such cohort")]
    NoSuchCohort,
    /// More pictures or frames were averaged than any score model covers.
    #[error(
        "no score model covers a mean of {} gallery pictures against a mean of {} probe frames",
        .0.gallery_pictures, .0.probe_frames
    )]
    FusionNotCovered(Fusion),
}

impl Calibration {
    /// A calibration from its parts, for a population that is one cohort.
    ///
    /// # Errors
    /// [`CalibrationError::Provenance`], [`CalibrationError::Models`].
    pub fn new(provenance: Provenance, mut models: Vec<ScoreModel>) -> Result<Self, CalibrationError> {
        let Provenance {
            id,
            embedder: _,
            set,
            people,
            templates,
            comparisons,
            made_on: _,
            command,
            builds_on: _,
        } = &provenance;
        let named = ![id, set, command].iter().any(|text| text.trim().is_empty());
        if !named || *people == 0 || templates < people || *comparisons == 0 {
            return Err(CalibrationError::Provenance);
        }
        sort_models(&mut models)?;
        Ok(Self { provenance, models, cohorts: Vec::new() })
    }

    /// This calibration with cohorts.
    ///
    /// Nobody knows to which cohort the stranger at a terminal belongs, and strangers of the candidate's own resemble
    /// her most. So a candidate's score is read by the more cautious of two models, row by row: her cohort's, and the
    /// default's.
    ///
    /// # Errors
    /// [`CalibrationError::Cohorts`], [`CalibrationError::Models`].
    pub fn with_cohorts(self, mut cohorts: Vec<CohortModels>) -> Result<Self, CalibrationError> {
        cohorts.sort_by(|a, b| a.name.cmp(&b.name));
        let unnamed = |c: &CohortModels| c.name.trim().is_empty() || c.name == "default";
        let twice = cohorts.windows(2).any(|pair| pair[0].name == pair[1].name);
        if twice || cohorts.len() > COHORTS_MAX || cohorts.iter().any(unnamed) {
            return Err(CalibrationError::Cohorts);
        }
        for cohort in &mut cohorts {
            sort_models(&mut cohort.models)?;
            if cohort.models.len() != self.models.len() {
                return Err(CalibrationError::Cohorts);
            }
            for (own, default) in cohort.models.iter_mut().zip(&self.models) {
                *own = own.no_bolder_than(default).ok_or(CalibrationError::Cohorts)?;
            }
        }
        Ok(Self { cohorts, ..self })
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

    /// The cohort that policy calls by this name.
    #[must_use]
    pub fn cohort(&self, name: &str) -> Option<Cohort> {
        let at = self.cohorts.iter().position(|cohort| cohort.name == name)?;
        u16::try_from(at + 1).ok().map(Cohort)
    }

    /// What a cohort is called here: `default` for everybody who is in no other. `None` for another calibration's.
    #[must_use]
    pub fn cohort_name(&self, cohort: Cohort) -> Option<&str> {
        match usize::from(cohort.0).checked_sub(1) {
            None => Some("default"),
            Some(at) => self.cohorts.get(at).map(|cohort| cohort.name.as_str()),
        }
    }

    /// All cohorts but the default, by name.
    #[must_use]
    pub fn cohorts(&self) -> &[CohortModels] {
        &self.cohorts
    }

    /// The default cohort's score model for a fusion; see [`Calibration::score_model_of`].
    ///
    /// # Errors
    /// [`CalibrationError::FusionNotCovered`].
    pub fn score_model(&self, fusion: Fusion) -> Result<&ScoreModel, CalibrationError> {
        self.score_model_of(Cohort::DEFAULT, fusion)
    }

    /// A cohort's score model for a fusion: the exact one, else the one with the fewest additional gallery pictures,
    /// then the fewest additional frames, that has **at least** as many of both.
    ///
    /// Averaging more pictures raises the scores of strangers too (a mean of unit vectors is shorter than one, and
    /// renormalising stretches it), so the next larger fusion overstates the false-match rate and understates the
    /// likelihood ratio: the safe direction. The next smaller one would do the opposite, and therefore a fusion
    /// larger than all calibrated ones is refused: fuse fewer pictures instead. For the same reason it is safe to
    /// count the correlated frames of one capture as different ones.
    ///
    /// # Errors
    /// [`CalibrationError::FusionNotCovered`], [`CalibrationError::NoSuchCohort`].
    pub fn score_model_of(&self, cohort: Cohort, fusion: Fusion) -> Result<&ScoreModel, CalibrationError> {
        let models = match usize::from(cohort.0).checked_sub(1) {
            None => &self.models,
            Some(at) => &self.cohorts.get(at).ok_or(CalibrationError::NoSuchCohort)?.models,
        };
        let covers = |model: &&ScoreModel| {
            let has = model.fusion();
            has.gallery_pictures >= fusion.gallery_pictures && has.probe_frames >= fusion.probe_frames
        };
        let asked_for_some = fusion.gallery_pictures > 0 && fusion.probe_frames > 0;
        // Sorted by gallery pictures, then frames: the first that covers is the nearest.
        models
            .iter()
            .find(|model| asked_for_some && covers(model))
            .ok_or(CalibrationError::FusionNotCovered(fusion))
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The file's text: one line for each row, so that a new calibration can be read as a difference.
    #[must_use]
    pub fn to_text(&self) -> String {
        let plain = serde_json::to_string(self).expect("numbers and words have a JSON form");
        let rows = plain.replace("],[", "],\n[").replace("\"knots\":[[", "\"knots\":[\n[");
        let models = rows.replace("]},{", "]},\n{").replace("\"models\":[", "\"models\":[\n");
        models.replace("\"provenance\"", "\n\"provenance\"") + "\n"
    }

    /// The default cohort's score models, by gallery pictures, then probe frames.
    #[must_use]
    pub fn models(&self) -> &[ScoreModel] {
        &self.models
    }
}

fn sort_models(models: &mut [ScoreModel]) -> Result<(), CalibrationError> {
    models.sort_by_key(ScoreModel::fusion);
    if models.is_empty() || models.windows(2).any(|pair| pair[0].fusion() == pair[1].fusion()) {
        return Err(CalibrationError::Models);
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalibration {
    version: u32,
    provenance: Provenance,
    models: Vec<ScoreModel>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cohorts: Vec<CohortModels>,
}

impl TryFrom<RawCalibration> for Calibration {
    type Error = CalibrationError;

    fn try_from(raw: RawCalibration) -> Result<Self, CalibrationError> {
        let RawCalibration { version, provenance, models, cohorts } = raw;
        let whole = Self::new(provenance, models);
        match version {
            VERSION => whole?.with_cohorts(cohorts),
            VERSION_WITHOUT_COHORTS if cohorts.is_empty() => whole,
            VERSION_WITHOUT_COHORTS => Err(CalibrationError::Cohorts),
            found => Err(CalibrationError::Version { found }),
        }
    }
}

impl From<Calibration> for RawCalibration {
    fn from(calibration: Calibration) -> Self {
        let Calibration { provenance, models, cohorts } = calibration;
        Self { version: VERSION, provenance, models, cohorts }
    }
}
