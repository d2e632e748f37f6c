//! A folder of people: pictures in, templates out, with two cores busy and what was done kept.
//!
//! The layout is that of Labeled Faces in the Wild: a folder a person, any pictures in it. Templates are kept in a
//! file beside the result, so that a run that was cut off goes on where it was; they are biometric data, the file is
//! readable by its owner only, and `--no-cache` keeps none.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use face::{AnalyseError, Concurrency, FaceEvidence, FaceModels, Manifest, NetworkSpec};
use identity::eval::Subject;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use types::{Digest, Template};

use crate::commands::networks::manifest_at;
use crate::commands::{complain, read_picture, say};

/// How pictures become templates.
#[derive(Args)]
pub(crate) struct Embedding {
    /// The folder with the model files that `cargo xtask models` fetched.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// A manifest of other networks (docs/embedders.md). Their files lie in the folder of models.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Refuse pictures that a terminal would refuse: several faces, too dark, turned away. Without it the face nearest
    /// the middle of each picture is taken, as sets of labelled pictures mean it.
    #[arg(long)]
    as_terminal: bool,
    /// Keep no templates. Without it they are kept in a file beside the result, so that a run that was cut off goes
    /// on where it was: biometric data, which you have to delete.
    #[arg(long)]
    no_cache: bool,
}

/// Everybody in a folder.
pub(crate) struct People {
    /// By name; people without a usable picture are left out.
    pub(crate) subjects: Vec<Subject>,
    /// For each subject, the pictures' file names, in the order of its templates.
    pub(crate) files: Vec<Vec<String>>,
    /// Pictures that gave no template, by reason.
    pub(crate) refused: BTreeMap<String, u64>,
    /// The embedding model.
    pub(crate) embedder: Digest,
}

/// What became of a picture; a line of the file of templates.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    picture: Digest,
    embedder: Digest,
    as_terminal: bool,
    outcome: Outcome,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Template { values: String, weight: f64 },
    Refused(String),
}

impl Embedding {
    /// Embeds every picture of a folder, or takes its template from the file beside `result`.
    pub(crate) fn people(&self, folder: &Path, result: &Path) -> Result<People> {
        let pictures = pictures_of(folder)?;
        let models = self.load()?;
        let cache = if self.no_cache { None } else { Some(Cache::open(result)?) };
        let embedder = Embedder { models: &models, as_terminal: self.as_terminal, cache };
        let done = embedder.embed_all(&pictures)?;
        People::sorted(&pictures, done, models.model_id())
    }

    /// The networks without liveness, which takes time and decides nothing here.
    fn load(&self) -> Result<FaceModels> {
        let mut manifest = match &self.manifest {
            Some(path) => manifest_at(path)?,
            None => Manifest::embedded().context("reading the manifest of models")?,
        };
        manifest.files.retain(|file| !matches!(file.network, NetworkSpec::Liveness(_)));
        FaceModels::load_with(&self.models, &manifest, Concurrency::default())
            .context("loading the models; `cargo xtask models` fetches them")
    }
}

/// Each person's pictures, by name.
fn pictures_of(folder: &Path) -> Result<Vec<(String, Vec<PathBuf>)>> {
    let mut people = Vec::new();
    for person in sorted_entries(folder)? {
        if person.is_dir() {
            let name = name_of(&person);
            let pictures: Vec<PathBuf> =
                sorted_entries(&person)?.into_iter().filter(|p| is_picture(p)).collect();
            people.push((name, pictures));
        }
    }
    ensure!(
        people.iter().any(|(_, pictures)| !pictures.is_empty()),
        "{} holds no folder of pictures; it needs one folder a person",
        folder.display()
    );
    Ok(people)
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
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

/// What makes templates.
struct Embedder<'a> {
    models: &'a FaceModels,
    as_terminal: bool,
    cache: Option<Cache>,
}

impl Embedder<'_> {
    /// One outcome a picture, in their order, on as many threads as the models take at a time.
    fn embed_all(&self, people: &[(String, Vec<PathBuf>)]) -> Result<Vec<Outcome>> {
        let paths: Vec<&PathBuf> = people.iter().flat_map(|(_, pictures)| pictures).collect();
        let bar = progress(paths.len() as u64, "pictures");
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<Option<Outcome>>> = Mutex::new(vec![None; paths.len()]);
        let work = || -> Result<()> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(at) else { return Ok(()) };
                let outcome = self.embed(path)?;
                found.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(outcome);
                bar.inc(1);
            }
        };
        thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> =
                (0..Concurrency::default().lanes.get()).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                worker.join().map_err(|_panic| anyhow::anyhow!("a worker panicked"))??;
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().map(|outcome| outcome.context("a picture was left out")).collect()
    }

    fn embed(&self, path: &Path) -> Result<Outcome> {
        let model = self.models.model_id();
        let bytes = read_picture(path)?;
        let picture = Digest(Sha256::digest(&*bytes).into());
        let as_terminal = self.as_terminal;
        if let Some(known) =
            self.cache.as_ref().and_then(|cache| cache.known.get(&(picture, model, as_terminal)))
        {
            return Ok(known.clone());
        }
        let analysed =
            if as_terminal { self.models.analyse(&bytes) } else { self.models.analyse_labelled(&bytes) };
        let outcome = match analysed {
            Ok(evidence) => Outcome::Template {
                values: STANDARD.encode(&*evidence.template.to_bytes()),
                weight: weight(&evidence),
            },
            Err(AnalyseError::Refused(refusal)) => Outcome::Refused(refusal.code().to_owned()),
            Err(
                error @ (AnalyseError::Busy { waited: _ } | AnalyseError::Failed { stage: _, reason: _ }),
            ) => {
                return Err(error).with_context(|| format!("analysing {}", path.display()));
            }
        };
        if let Some(cache) = &self.cache {
            cache.keep(&Line { picture, embedder: model, as_terminal, outcome: outcome.clone() })?;
        }
        Ok(outcome)
    }
}

/// How much a picture weighs where weights are tried: less when the head is turned or the detector unsure.
fn weight(evidence: &FaceEvidence) -> f64 {
    let turned = f64::from(evidence.frame.quality.yaw).abs().min(0.9);
    f64::from(evidence.frame.detection_score) * (1.0 - turned)
}

impl People {
    fn sorted(people: &[(String, Vec<PathBuf>)], done: Vec<Outcome>, embedder: Digest) -> Result<Self> {
        let mut all = Self { subjects: Vec::new(), files: Vec::new(), refused: BTreeMap::new(), embedder };
        let mut done = done.into_iter();
        for (name, pictures) in people {
            let mut subject = Subject { name: name.clone(), templates: Vec::new(), weights: Vec::new() };
            let mut files = Vec::new();
            for (path, outcome) in pictures.iter().zip(done.by_ref()) {
                match outcome {
                    Outcome::Template { values, weight } => {
                        subject.templates.push(template(&values)?);
                        subject.weights.push(weight);
                        files.push(name_of(path));
                    }
                    Outcome::Refused(code) => *all.refused.entry(code).or_default() += 1,
                }
            }
            if !files.is_empty() {
                all.subjects.push(subject);
                all.files.push(files);
            }
        }
        Ok(all)
    }

    /// A line on what was found.
    pub(crate) fn say(&self) -> Result<()> {
        let pictures: usize = self.files.iter().map(Vec::len).sum();
        let refused: Vec<String> = self.refused.iter().map(|(code, n)| format!("{n} {code}")).collect();
        let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
        say(&format!("{} people, {pictures} pictures; refused: {refused}", self.subjects.len()))
    }
}

fn template(values: &str) -> Result<Template> {
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(values).context("reading a kept template")?);
    Ok(Template::from_bytes(&bytes)?)
}

/// Templates of an earlier run, and those of this one.
struct Cache {
    path: PathBuf,
    /// By picture, model, and whether a terminal's rules were applied.
    known: HashMap<(Digest, Digest, bool), Outcome>,
    file: Mutex<File>,
}

impl Cache {
    /// A last line that was cut off is left out, and its picture embedded again.
    fn open(result: &Path) -> Result<Self> {
        let mut name = result.as_os_str().to_owned();
        name.push(".templates");
        let path = PathBuf::from(name);
        let mut known = HashMap::new();
        let mut whole = 0;
        if let Ok(file) = File::open(&path) {
            for line in BufReader::new(file).split(b'\n') {
                let line = line.with_context(|| format!("reading {}", path.display()))?;
                let Ok(Line { picture, embedder, as_terminal, outcome }) = serde_json::from_slice(&line)
                else {
                    break;
                };
                whole += line.len() as u64 + 1;
                known.insert((picture, embedder, as_terminal), outcome);
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
        complain(&format!(
            "templates are kept in {}: biometric data, readable by you alone; delete it when you are done, or use \
             --no-cache",
            path.display()
        ));
        Ok(Self { path, known, file: Mutex::new(file) })
    }

    fn keep(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line).context("writing a template")?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }
}

/// A bar on standard error, where somebody looks.
pub(crate) fn progress(steps: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style).with_message(what)
}

/// Writes a result: whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let Some(name) = path.file_name() else { bail!("{} names no file", path.display()) };
    let mut partial = name.to_owned();
    partial.push(".part");
    let partial = path.with_file_name(partial);
    let write = || fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    write().with_context(|| format!("writing {}", path.display()))
}
