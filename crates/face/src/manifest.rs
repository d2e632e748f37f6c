//! The model manifest: which files, by hash, and how each network wants its pixels.

use serde::Deserialize;
use types::Digest;

/// The manifest Surety is built with.
const EMBEDDED: &str = include_str!("../../../models/manifest.toml");

/// The networks of one set-up. Read from TOML; `models/manifest.toml` in the repository is the commented example.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Every file, in the order written.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
}

/// One file. Keys that only matter for fetching it (`pypi`, `upstream`, `licence`) are not read here.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelFile {
    /// Its name in the model folder; never a path.
    pub name: String,
    /// Length in bytes, for whoever fetches it; the hash decides.
    pub bytes: u64,
    /// What its content must hash to.
    pub sha256: Digest,
    /// Whether [`FaceModels::load`](crate::FaceModels::load) fails without it.
    pub required: bool,
    /// What it is for and how it is driven.
    #[serde(flatten)]
    pub network: NetworkSpec,
}

/// `role` and `[file.model]` together. Unknown keys in the model table are an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "role", content = "model", rename_all = "lowercase")]
pub enum NetworkSpec {
    /// Finds faces and landmarks.
    Detector(DetectorSpec),
    /// Makes templates.
    Embedder(EmbedderSpec),
    /// Tells skin from paper and screens.
    Liveness(LivenessSpec),
}

/// How pixels enter a network: `(value - mean) * scale` for values 0..=255.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixels {
    /// The order of the planes.
    pub channels: Channels,
    /// Subtracted first.
    pub mean: f32,
    /// Multiplied second.
    pub scale: f32,
}

/// Order of the colour planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first, as `OpenCV` has it.
    Bgr,
}

/// A detector with the outputs of YuNet: `cls`, `obj`, `bbox` and `kps` at strides 8, 16 and 32.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSpec {
    /// Name of the input, `[1, 3, height, width]` with sides divisible by 32.
    pub input: String,
    /// Normalisation.
    pub pixels: Pixels,
    /// Larger pictures are reduced to this before detection.
    pub longest_side: usize,
    /// The side of the square the file declares as its input, where the graph takes any size all the same.
    pub declared_side: Option<usize>,
}

/// An embedder of faces aligned to 112x112, the `ArcFace` way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderSpec {
    /// Name of the input, `[1, 3, 112, 112]`.
    pub input: String,
    /// Name of the output, `[1, dimension]`, of any length: it is normalised here.
    pub output: String,
    /// Normalisation.
    pub pixels: Pixels,
    /// Numbers in a template.
    pub dimension: usize,
}

/// A classifier of the face and its surroundings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivenessSpec {
    /// Name of the input, `[1, 3, side, side]`.
    pub input: String,
    /// Name of the output: one logit per class.
    pub output: String,
    /// Normalisation.
    pub pixels: Pixels,
    /// How many times the face box the network sees.
    pub window: f32,
    /// Pixels of the input, both ways.
    pub side: usize,
    /// The class that means a living face.
    pub live_class: usize,
}

/// The manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or not this schema.
    #[error("the model manifest cannot be read: {0}")]
    Syntax(String),
    /// A name that would leave the model folder.
    #[error("the model manifest names the file {0:?}; a plain file name is needed")]
    NotAFileName(String),
    /// There must be one detector and one embedder.
    #[error("the model manifest must name exactly one {role}, and names {found}")]
    Count {
        /// Which role.
        role: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A number no network can have.
    #[error("the model manifest gives {file} an impossible {field}")]
    Impossible {
        /// Which file.
        file: String,
        /// Which key.
        field: &'static str,
    },
}

/// Sides and dimensions above this are a slip of the pen.
const EXTENT_MAX: usize = 4096;

impl Manifest {
    /// The manifest Surety is built with.
    ///
    /// # Errors
    /// As [`Manifest::parse`]; a test holds that there is none.
    pub fn embedded() -> Result<Self, ManifestError> {
        Self::parse(EMBEDDED)
    }

    /// Reads and checks a manifest: afterwards there is exactly one detector and one embedder, and every
    /// number is possible.
    ///
    /// # Errors
    /// [`ManifestError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(error.message().to_owned()))?;
        let (mut detectors, mut embedders) = (0, 0);
        for file in &manifest.files {
            file.check()?;
            match file.network {
                NetworkSpec::Detector(_) => detectors += 1,
                NetworkSpec::Embedder(_) => embedders += 1,
                NetworkSpec::Liveness(_) => {}
            }
        }
        for (role, found) in [("detector", detectors), ("embedder", embedders)] {
            if found != 1 {
                return Err(ManifestError::Count { role, found });
            }
        }
        Ok(manifest)
    }
}

impl ModelFile {
    fn check(&self) -> Result<(), ManifestError> {
        if self.name.is_empty() || self.name.starts_with('.') || self.name.contains(['/', '\\', ':', '\0']) {
            return Err(ManifestError::NotAFileName(self.name.clone()));
        }
        let impossible = |field| ManifestError::Impossible { file: self.name.clone(), field };
        match &self.network {
            NetworkSpec::Detector(spec) => {
                if !(32..=EXTENT_MAX).contains(&spec.longest_side) {
                    return Err(impossible("longest_side"));
                }
            }
            NetworkSpec::Embedder(spec) => {
                if !(1..=EXTENT_MAX).contains(&spec.dimension) {
                    return Err(impossible("dimension"));
                }
            }
            NetworkSpec::Liveness(spec) => {
                if !(1..=EXTENT_MAX).contains(&spec.side) {
                    return Err(impossible("side"));
                }
                if !(1.0..=16.0).contains(&spec.window) {
                    return Err(impossible("window"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_manifest_is_sound() {
        let manifest = Manifest::embedded().unwrap();
        assert_eq!(manifest.files.len(), 4);
        assert!(manifest.files.iter().all(|f| f.required != matches!(f.network, NetworkSpec::Liveness(_))));
    }

    #[test]
    fn nonsense_is_named() {
        let refused = |from: &str, to: &str| Manifest::parse(&EMBEDDED.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(refused("[[file]]", "[[file"), ManifestError::Syntax(_)));
        assert!(matches!(refused("longest_side", "longest_sid"), ManifestError::Syntax(_)));
        assert!(matches!(refused("8f2383", "8f238"), ManifestError::Syntax(_)));
        assert!(matches!(
            refused("name = \"face_detection", "name = \"../face_detection"),
            ManifestError::NotAFileName(_)
        ));
        assert_eq!(
            refused("dimension = 128", "dimension = 0").to_string(),
            "the model manifest gives face_recognition_sface_2021dec.onnx an impossible dimension"
        );
        assert_eq!(
            Manifest::parse("file = []").unwrap_err(),
            ManifestError::Count { role: "detector", found: 0 }
        );
    }
}
