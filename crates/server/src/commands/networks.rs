//! Which networks look at faces, and what their scores mean: those that come with Surety, or an operator's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use face::{Concurrency, FaceModels, Manifest};

/// An operator's own networks.
#[derive(Args)]
pub(super) struct Networks {
    /// A manifest of other networks (docs/embedders.md). Their files lie in the folder of models.
    #[arg(long, value_name = "FILE", requires = "calibration")]
    manifest: Option<PathBuf>,
    /// What scores mean, as `surety calibrate` writes it, instead of the calibration that comes with Surety.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// The manifest of networks that are to replace those in use. While the server runs, every face gets a template of
    /// theirs as well; then start with it as --manifest.
    #[arg(long, value_name = "FILE", requires = "next_calibration")]
    next_manifest: Option<PathBuf>,
    /// The calibration of the networks that are to replace those in use.
    #[arg(long, value_name = "FILE", requires = "next_manifest")]
    next_calibration: Option<PathBuf>,
}

/// What was loaded.
pub(super) struct Loaded {
    pub(super) faces: Arc<FaceModels>,
    /// The text of a calibration; none: the one that comes with Surety.
    pub(super) calibration: Option<String>,
    /// What is to replace them, with the text of its calibration.
    pub(super) successor: Option<(Arc<FaceModels>, String)>,
}

impl Networks {
    pub(super) fn load(&self, folder: &Path) -> Result<Loaded> {
        let faces = match &self.manifest {
            Some(path) => networks(folder, path)?,
            None => Arc::new(
                FaceModels::load(folder).context("loading the models; `cargo xtask models` fetches them")?,
            ),
        };
        let calibration = self.calibration.as_deref().map(calibration_at).transpose()?;
        let next = self.next_manifest.as_deref().zip(self.next_calibration.as_deref());
        let next = next.map(|(manifest, text)| {
            Ok::<_, anyhow::Error>((networks(folder, manifest)?, calibration_at(text)?))
        });
        Ok(Loaded { faces, calibration, successor: next.transpose()? })
    }
}

fn networks(folder: &Path, manifest: &Path) -> Result<Arc<FaceModels>> {
    let faces = FaceModels::load_with(folder, &manifest_at(manifest)?, Concurrency::default());
    Ok(Arc::new(faces.context("loading the networks of the manifest")?))
}

/// An operator's own manifest.
pub(super) fn manifest_at(path: &Path) -> Result<Manifest> {
    let text =
        fs::read_to_string(path).with_context(|| format!("reading the manifest {}", path.display()))?;
    Manifest::parse(&text).with_context(|| format!("reading the manifest {}", path.display()))
}

fn calibration_at(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading the calibration {}", path.display()))
}
