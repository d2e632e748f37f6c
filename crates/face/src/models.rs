//! The loaded networks, and the way from a picture to evidence.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use types::{Digest, Template};

use crate::analysis::{failed, guarded};
use crate::cues::Glance;
use crate::evidence::{FaceBox, FaceEvidence, FrameEvidence, StageTimings};
use crate::lanes::Lanes;
use crate::manifest::{
    DetectorSpec, EmbedderSpec, LivenessSpec, Manifest, ManifestError, ModelFile, NetworkSpec,
};
use crate::picture::{Opened, Picture};
use crate::print::FacePrint;
use crate::quality::Geometry;
use crate::refusal::AnalyseError;
use crate::runtime::{Lane, Network, RuntimeError, free_sides};
use crate::{align, detect, liveness};

/// How many pictures are analysed at a time, and how long another one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Analyses at a time, each on one thread.
    pub lanes: NonZeroUsize,
    /// After this a waiting call ends with [`AnalyseError::Busy`].
    pub wait: Duration,
}

impl Default for Concurrency {
    /// A lane per core, two seconds.
    fn default() -> Self {
        let lanes = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { lanes, wait: Duration::from_secs(2) }
    }
}

/// The networks, loaded once and shared (`Arc<FaceModels>`): analysing takes `&self`.
pub struct FaceModels {
    pub(crate) detector: (DetectorSpec, Network),
    pub(crate) embedder: (EmbedderSpec, Network),
    pub(crate) liveness: Vec<(LivenessSpec, Network)>,
    liveness_ids: Vec<Digest>,
    pub(crate) model_id: Digest,
    pub(crate) lanes: Lanes<Lane>,
    pub(crate) wait: Duration,
}

/// The networks cannot be loaded. Says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The manifest itself.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A required file is not there.
    #[error("the model file {} is missing; run `cargo xtask models`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is there and cannot be read.
    #[error("the model file {} cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its content is not what the manifest promises.
    #[error(
        "the model file {} was altered: SHA-256 {expected} expected, {found} found; delete it and run `cargo xtask models`",
        path.display()
    )]
    Altered {
        /// Which file.
        path: PathBuf,
        /// From the manifest.
        expected: Digest,
        /// Of the file.
        found: Digest,
    },
    /// The right file by its hash, and it does not run as the manifest describes it.
    #[error("the model file {file} does not fit the manifest: {reason}")]
    Unfit {
        /// Which file.
        file: String,
        /// What the runtime or the trial run said.
        reason: String,
    },
}

impl FaceModels {
    /// Loads the networks of the manifest Surety is built with from the folder `dir`, each verified by its hash
    /// and tried once. Without the liveness files everything else works, and
    /// [`liveness_available`](Self::liveness_available) says so.
    ///
    /// # Errors
    /// [`LoadError`] names the file and what to do.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        Self::load_with(dir, &Manifest::embedded()?, Concurrency::default())
    }

    /// As [`FaceModels::load`], with an operator's own networks or limits.
    ///
    /// # Errors
    /// [`LoadError`] names the file and what to do.
    pub fn load_with(dir: &Path, manifest: &Manifest, concurrency: Concurrency) -> Result<Self, LoadError> {
        let (mut detector, mut embedder, mut liveness) = (None, None, Vec::new());
        let (mut liveness_is_whole, mut liveness_ids) = (true, Vec::new());
        for file in &manifest.files {
            let Some(mut bytes) = read_verified(dir, file)? else {
                liveness_is_whole = false;
                continue;
            };
            let refused = |error| unfit(&file.name, error);
            if let NetworkSpec::Detector(DetectorSpec { declared_side: Some(side), .. }) = &file.network {
                free_sides(&mut bytes, *side).map_err(refused)?;
            }
            let network =
                |input: &str, outputs: &[&str]| Network::load(bytes, input, outputs).map_err(refused);
            match &file.network {
                NetworkSpec::Detector(spec) => {
                    detector = Some((spec.clone(), network(&spec.input, &detect::OUTPUTS)?));
                }
                NetworkSpec::Embedder(spec) => {
                    embedder = Some((file.sha256, spec.clone(), network(&spec.input, &[&spec.output])?));
                }
                NetworkSpec::Liveness(spec) => {
                    liveness_ids.push(file.sha256);
                    liveness.push((spec.clone(), network(&spec.input, &[&spec.output])?));
                }
            }
        }
        // A pair with one half missing was never measured.
        if !liveness_is_whole {
            liveness.clear();
            liveness_ids.clear();
        }
        let detector = detector.ok_or(ManifestError::Count { role: "detector", found: 0 })?;
        let (model_id, spec, network) =
            embedder.ok_or(ManifestError::Count { role: "embedder", found: 0 })?;
        let lanes = Lanes::new((0..concurrency.lanes.get()).map(|_| Lane::new()).collect());
        let (embedder, wait) = ((spec, network), concurrency.wait);
        let models = Self { detector, embedder, liveness, liveness_ids, model_id, lanes, wait };
        models.try_out()?;
        Ok(models)
    }

    /// The embedder's hash. Templates, scores and calibrations of different models never mix.
    #[must_use]
    pub const fn model_id(&self) -> Digest {
        self.model_id
    }

    /// Numbers in a template.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.embedder.0.dimension
    }

    /// Whether frames get a passive liveness. Where not, policy demands a further factor.
    #[must_use]
    pub const fn liveness_available(&self) -> bool {
        !self.liveness.is_empty()
    }

    /// The hashes of the liveness networks, in the manifest's order; what was fitted to others does not fit these.
    #[must_use]
    pub fn liveness_ids(&self) -> &[Digest] {
        &self.liveness_ids
    }

    /// The face that a labelled picture is of: the one nearest the middle and large, whatever its quality and whoever
    /// stands beside. For measuring and calibrating with sets of labelled pictures, never for a payment.
    ///
    /// # Errors
    /// [`AnalyseError`], as [`FaceModels::analyse`]; of a frame only what makes a template impossible.
    pub fn analyse_labelled(&self, picture: &[u8]) -> Result<FaceEvidence, AnalyseError> {
        let opened = Opened::read(picture)?;
        let turn = self.lanes.turn();
        let lane = self.lanes.take(turn, self.wait).ok_or(AnalyseError::Busy { waited: self.wait })?;
        guarded(|| self.labelled(&lane, opened))
    }

    fn labelled(&self, lane: &Lane, opened: Opened<'_>) -> Result<FaceEvidence, AnalyseError> {
        let picture = opened.decode()?;
        let (spec, network) = &self.detector;
        let faces = detect::detect(network, lane, spec, &picture).map_err(failed("detection"))?;
        let nearness = |face: &detect::Detection| {
            let face = &face.face_box;
            let (x, y) = (face.x + face.width / 2.0, face.y + face.height / 2.0);
            #[expect(clippy::cast_precision_loss, reason = "pixels of a picture are far below 2^24")]
            let (width, height) = (picture.width as f32, picture.height as f32);
            face.area().sqrt() - (x - width / 2.0).hypot(y - height / 2.0)
        };
        let face = faces.iter().max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
        let face = face.ok_or(crate::FrameRefusal::NoFace)?;
        let crop = align::align(&picture, &face.landmarks).ok_or(crate::FrameRefusal::ExtremePose)?;
        let template = self.embed(lane, &crop).map_err(failed("embedding"))?;
        let frame = FrameEvidence {
            model: self.model_id,
            picture_px: [picture.width, picture.height],
            faces_seen: faces.len(),
            face_box: face.face_box,
            landmarks: face.landmarks,
            detection_score: face.score,
            quality: Geometry::of(face).with_light(&crop),
            liveness: None,
            cues: None,
        };
        let (print, glance) = (FacePrint::default(), Glance::default());
        Ok(FaceEvidence { frame, template, print, timings: StageTimings::default(), glance })
    }

    pub(crate) fn embed(&self, lane: &Lane, crop: &Picture) -> Result<Template, RuntimeError> {
        let (spec, network) = &self.embedder;
        let values = network.run(lane, crop.planes(lane.room(), spec.pixels, 1))?.pop().unwrap_or_default();
        if values.len() != spec.dimension {
            return Err(RuntimeError(format!(
                "the template has {} numbers where the manifest says {}",
                values.len(),
                spec.dimension
            )));
        }
        Template::normalised(values).map_err(|error| RuntimeError(error.to_string()))
    }

    /// Runs every network once on a plain grey picture, so that a manifest that does not fit is known at start.
    fn try_out(&self) -> Result<(), LoadError> {
        let Some(lane) = self.lanes.take(self.lanes.turn(), Duration::ZERO) else {
            return Ok(());
        };
        let grey = |side: usize| Picture { width: side, height: side, rgb: vec![127; side * side * 3] };
        let picture = grey(align::SIDE);
        let (spec, network) = &self.detector;
        detect::detect(network, &lane, spec, &picture).map_err(|error| unfit("detector", error))?;
        self.embed(&lane, &picture).map_err(|error| unfit("embedder", error))?;
        let face = FaceBox { x: 40.0, y: 40.0, width: 30.0, height: 30.0 };
        if self.liveness_available() {
            liveness::liveness(&self.liveness, &lane, &picture, &face)
                .map_err(|error| unfit("liveness", error))?;
        }
        Ok(())
    }
}

/// Says what was loaded.
impl fmt::Debug for FaceModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceModels")
            .field("model_id", &self.model_id)
            .field("dimension", &self.dimension())
            .field("liveness_available", &self.liveness_available())
            .finish_non_exhaustive()
    }
}

/// The file's bytes, or `None` when it is absent and may be.
fn read_verified(dir: &Path, file: &ModelFile) -> Result<Option<Vec<u8>>, LoadError> {
    let path = dir.join(&file.name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if file.required { Err(LoadError::Missing { path }) } else { Ok(None) };
        }
        Err(source) => return Err(LoadError::Unreadable { path, source }),
    };
    let found = Digest(Sha256::digest(&bytes).into());
    if found == file.sha256 {
        Ok(Some(bytes))
    } else {
        Err(LoadError::Altered { path, expected: file.sha256, found })
    }
}

fn unfit(file: &str, error: RuntimeError) -> LoadError {
    LoadError::Unfit { file: file.to_owned(), reason: error.0 }
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<FaceModels>();
};

#[cfg(test)]
mod tests;
