//! A folder of captures whose truth is known: pictures in, measures out, with two cores busy and what was done kept.
//!
//! ```text
//! FOLDER/live/SUBJECT/[DEVICE/]capture-1/1.jpg 2.jpg    a capture of several frames, in the order of their names
//! FOLDER/live/SUBJECT/[DEVICE/]picture.jpg              a capture of one frame
//! FOLDER/attack/SPECIES/SUBJECT/[DEVICE/]...            the same for each attack species
//! ```
//! A folder whose name begins with `capture` is one capture; any other below a subject is a device. Measures are kept
//! in a file beside the result, so that a run that was cut off goes on where it was. They are numbers about faces,
//! landmarks among them, and no pictures and no templates; the file is readable by its owner only.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use face::fusion::LivenessModel;
use face::{AnalyseError, CUES_VERSION, Concurrency, FaceModels, FrameEvidence, Manifest, link_frames};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use types::{Digest, Probability};

use super::calibrate::embedding::progress;
use super::networks::manifest_at;
use super::read_picture;

/// A capture of a terminal has so many frames at most.
const FRAMES_MAX: usize = 3;
/// An attack species of this name would be no attack.
const LIVE: &str = "live";

/// How captures are measured.
#[derive(Args)]
pub(super) struct Measuring {
    /// The folder with the model files that `cargo xtask models` fetched.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// A manifest of other networks (docs/embedders.md). Their files lie in the folder of models.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// One capture, and what became of it.
pub(super) struct Capture {
    pub(super) subject: String,
    pub(super) device: Option<String>,
    /// None for a living face.
    pub(super) species: Option<String>,
    pub(super) frames: Frames,
}

/// Its frames as measured, or the code with which the first unusable one was refused.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frames {
    Measured(Vec<FrameEvidence>),
    Refused(String),
}

/// Everything in a folder.
pub(super) struct Captures {
    pub(super) captures: Vec<Capture>,
    pub(super) networks: Vec<Digest>,
}

impl Captures {
    /// Captures whose frames could not be used, by reason.
    pub(super) fn refused(&self) -> BTreeMap<String, u64> {
        let mut refused = BTreeMap::new();
        for capture in &self.captures {
            if let Frames::Refused(code) = &capture.frames {
                *refused.entry(code.clone()).or_default() += 1;
            }
        }
        refused
    }
}

impl Capture {
    pub(super) fn kind(&self) -> &str {
        self.species.as_deref().unwrap_or(LIVE)
    }

    pub(super) fn measured(&self) -> Option<Vec<&FrameEvidence>> {
        match &self.frames {
            Frames::Measured(frames) => Some(frames.iter().collect()),
            Frames::Refused(_) => None,
        }
    }

    /// The stock rule: the frame that looks least alive, by the mean of the networks.
    pub(super) fn stock_score(&self) -> Option<f64> {
        let frames = self.measured()?;
        frames.iter().filter_map(|f| f.liveness).map(Probability::value).reduce(f64::min)
    }

    pub(super) fn score_by(&self, model: &LivenessModel) -> Option<f64> {
        model.judge(&self.measured()?).map(|judged| judged.live)
    }
}

/// Reads a liveness model.
pub(super) fn liveness_at(path: &Path) -> Result<LivenessModel> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    LivenessModel::parse(&text).with_context(|| format!("reading {}", path.display()))
}

impl Measuring {
    /// Measures every capture of a folder, or takes its measures from the file beside `result`.
    pub(super) fn captures(&self, folder: &Path, result: &Path) -> Result<Captures> {
        let found = find(folder)?;
        let manifest = match &self.manifest {
            Some(path) => manifest_at(path)?,
            None => Manifest::embedded().context("reading the manifest of models")?,
        };
        let models = FaceModels::load_with(&self.models, &manifest, Concurrency::default())
            .context("loading the models; `cargo xtask models` fetches them")?;
        ensure!(
            models.liveness_available(),
            "the liveness networks are not in {}; `cargo xtask models` fetches them",
            self.models.display()
        );
        let measured = measure_all(&models, &Kept::open(result)?, &found)?;
        let captures = found.into_iter().zip(measured).map(|(found, frames)| {
            let Found { subject, device, species, pictures: _ } = found;
            Capture { subject, device, species, frames }
        });
        Ok(Captures { captures: captures.collect(), networks: models.liveness_ids().to_vec() })
    }
}

/// A capture's place in the folder.
struct Found {
    subject: String,
    device: Option<String>,
    species: Option<String>,
    pictures: Vec<PathBuf>,
}

fn find(folder: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let live = folder.join(LIVE);
    ensure!(
        live.is_dir(),
        "{} holds no folder `live`; living faces go to live/SUBJECT/, attacks to attack/SPECIES/SUBJECT/",
        folder.display()
    );
    of_subjects(&live, None, &mut found)?;
    let attacks = folder.join("attack");
    if attacks.is_dir() {
        for species in entries(&attacks)?.into_iter().filter(|path| path.is_dir()) {
            let name = name_of(&species);
            ensure!(name != LIVE, "an attack species cannot be called `live`: {}", species.display());
            of_subjects(&species, Some(&name), &mut found)?;
        }
    }
    ensure!(!found.is_empty(), "{} holds no captures", folder.display());
    Ok(found)
}

fn of_subjects(folder: &Path, species: Option<&str>, found: &mut Vec<Found>) -> Result<()> {
    for path in entries(folder)? {
        if !path.is_dir() {
            ensure!(!is_picture(&path), "{} belongs into a folder of its subject", path.display());
            continue;
        }
        let subject = name_of(&path);
        of_device(&path, (&subject, None, species), found)?;
    }
    Ok(())
}

fn of_device(
    folder: &Path,
    (subject, device, species): (&str, Option<&str>, Option<&str>),
    found: &mut Vec<Found>,
) -> Result<()> {
    for path in entries(folder)? {
        let name = name_of(&path);
        let pictures = if path.is_dir() && name.starts_with("capture") {
            entries(&path)?.into_iter().filter(|picture| is_picture(picture)).collect()
        } else if path.is_dir() {
            ensure!(device.is_none(), "{}: a folder of a capture is called capture...", path.display());
            of_device(&path, (subject, Some(&name), species), found)?;
            continue;
        } else if is_picture(&path) {
            vec![path.clone()]
        } else {
            continue;
        };
        ensure!(
            (1..=FRAMES_MAX).contains(&pictures.len()),
            "{} holds {} pictures; a capture has 1 to {FRAMES_MAX}",
            path.display(),
            pictures.len()
        );
        found.push(Found {
            subject: subject.to_owned(),
            device: device.map(str::to_owned),
            species: species.map(str::to_owned),
            pictures,
        });
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading the folder {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("jpg" | "jpeg" | "png"))
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// One outcome a capture, in their order, on as many threads as the models take at a time.
fn measure_all(models: &FaceModels, kept: &Kept, found: &[Found]) -> Result<Vec<Frames>> {
    let bar = progress(found.len() as u64, "captures");
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Frames>>> = Mutex::new(vec![None; found.len()]);
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(capture) = found.get(at) else { return Ok(()) };
            let frames = measure(models, kept, &capture.pictures)?;
            done.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(frames);
            bar.inc(1);
        }
    };
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..Concurrency::default().lanes.get()).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().map_err(|_panic| anyhow!("a worker panicked"))??;
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter().map(|frames| frames.context("a capture was left out")).collect()
}

fn measure(models: &FaceModels, kept: &Kept, pictures: &[PathBuf]) -> Result<Frames> {
    let bytes = pictures.iter().map(|path| read_picture(path)).collect::<Result<Vec<_>>>()?;
    let mut hash = Sha256::new();
    hash.update(CUES_VERSION.to_be_bytes());
    for network in models.liveness_ids() {
        hash.update(network.0);
    }
    for picture in &bytes {
        hash.update(Sha256::digest(&**picture));
    }
    let id = Digest(hash.finalize().into());
    if let Some(known) = kept.known.get(&id) {
        return Ok(known.clone());
    }
    let mut seen = Vec::with_capacity(bytes.len());
    let mut refused = None;
    for (picture, path) in bytes.iter().zip(pictures) {
        match models.analyse(picture) {
            Ok(evidence) => seen.push(evidence),
            Err(AnalyseError::Refused(refusal)) => {
                refused = Some(refusal.code().to_owned());
                break;
            }
            Err(
                error @ (AnalyseError::Busy { waited: _ } | AnalyseError::Failed { stage: _, reason: _ }),
            ) => {
                return Err(error).with_context(|| format!("analysing {}", path.display()));
            }
        }
    }
    link_frames(&mut seen);
    let frames = match refused {
        Some(code) => Frames::Refused(code),
        None => Frames::Measured(seen.into_iter().map(|evidence| evidence.frame).collect()),
    };
    kept.keep(&Line { capture: id, frames: frames.clone() })?;
    Ok(frames)
}

/// What became of a capture; a line of the file of measures.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Hash of the networks, the cues' version, and the pictures.
    capture: Digest,
    frames: Frames,
}

/// Measures of an earlier run, and those of this one.
struct Kept {
    path: PathBuf,
    known: HashMap<Digest, Frames>,
    file: Mutex<File>,
}

impl Kept {
    /// A last line that was cut off is left out, and its capture measured again.
    fn open(result: &Path) -> Result<Self> {
        let Some(mut name) = result.file_name().map(std::ffi::OsStr::to_owned) else {
            bail!("{} names no file", result.display());
        };
        name.push(".measures");
        let path = result.with_file_name(name);
        let (mut known, mut whole) = (HashMap::new(), 0);
        if path.exists() {
            let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
                let Ok(Line { capture, frames }) = serde_json::from_slice(line) else { break };
                whole += line.len() as u64;
                known.insert(capture, frames);
            }
        }
        let open = || -> std::io::Result<File> {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            if file.metadata()?.len() > whole {
                file.set_len(whole)?;
            }
            Ok(file)
        };
        let file = open().with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path, known, file: Mutex::new(file) })
    }

    fn keep(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line).context("writing measures")?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }
}
