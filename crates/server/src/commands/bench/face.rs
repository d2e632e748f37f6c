//! `surety bench face`.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use face::{Concurrency, EMBEDDER_MULTIPLICATIONS, FaceEvidence, FaceModels, Manifest, peak_multiplications};
use serde::Deserialize;
use types::Template;
use zeroize::Zeroizing;

use super::super::{read_picture, say};
use super::figures::{Bound, machine, quantile, target};

const REFERENCE: &str = include_str!("../../../../face/tests/golden/reference.py");
/// Three frames of one capture: near, far, and out of the hand.
const FRAMES: [&str; 3] = ["studio_portrait", "studio_posture", "amateur_selfie"];
/// Captures before the first that counts.
const WARM_UP: usize = 3;
const STAGES: [&str; 5] = ["decode", "detect", "align", "embed", "liveness"];

/// Time from the frames of a capture to their evidence, by stage, on one thread and on two, beside the same pipeline
/// in Python on the same pictures in the same run.
#[derive(Args)]
pub(crate) struct Face {
    /// The folder with the model files.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder with the sample photographs.
    #[arg(long, value_name = "FOLDER", default_value = "var/samples")]
    samples: PathBuf,
    /// Captures that count, on each number of threads.
    #[arg(long, value_name = "N", default_value_t = 30)]
    runs: usize,
    /// A Python with onnxruntime, numpy and opencv-python-headless; `cargo xtask bench face` makes one.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// What a number of threads gave.
struct Measured {
    /// Milliseconds of each stage of [`STAGES`], of every frame.
    stages: [Vec<f64>; 5],
    /// Milliseconds of each capture, alone.
    captures: Vec<f64>,
    /// Captures a second, when as many are at hand as there are threads.
    throughput: f64,
    evidence: Vec<FaceEvidence>,
}

/// What `reference.py capture` prints.
#[derive(Deserialize)]
struct Reference {
    onnxruntime: Pipeline,
    opencv: Pipeline,
    peak_kib: f64,
}

#[derive(Deserialize)]
struct Pipeline {
    stages: std::collections::BTreeMap<String, Quantiles>,
    /// One frame after the other.
    alone: Quantiles,
    /// On two threads.
    together: Quantiles,
    frames: Vec<Seen>,
}

#[derive(Deserialize, Clone, Copy)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

#[derive(Deserialize)]
struct Seen {
    #[serde(rename = "box")]
    face_box: [f32; 4],
    embedding: Vec<f32>,
    liveness: f64,
}

impl Face {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let paths = FRAMES.map(|name| self.samples.join("P010").join(format!("{name}.jpg")));
        let frames = paths.iter().map(|path| read_picture(path)).collect::<Result<Vec<_>>>()?;
        let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
        say(&format!(
            "captures of {} frames ({} KiB), {} runs, {}",
            frames.len(),
            bytes / 1024,
            self.runs,
            machine()?
        ))?;
        // The other pipeline before and after, so that neither has the quieter machine.
        let before = self.python.as_ref().map(|python| self.reference(python, &paths)).transpose()?;
        let alone = self.measure(&frames, NonZeroUsize::MIN)?;
        let together = self.measure(&frames, NonZeroUsize::MIN.saturating_add(1))?;
        let after = self.python.as_ref().map(|python| self.reference(python, &paths)).transpose()?;
        ours(&alone, &together)?;
        multiplications(&alone)?;
        ensure_same(&alone.evidence, &together.evidence)?;
        match before.zip(after) {
            Some((before, after)) => compared(&alone, &together, [&before, &after])?,
            None => say("no Python was named, so nothing is compared; `cargo xtask bench face` does")?,
        }
        say(
            "not compared: InsightFace and deepface; their weights are in no package registry, and InsightFace's are \
             for non-commercial use only",
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, frames: &[Zeroizing<Vec<u8>>], lanes: NonZeroUsize) -> Result<Measured> {
        let limits = Concurrency { lanes, wait: Duration::from_secs(60) };
        let models = FaceModels::load_with(&self.models, &Manifest::embedded()?, limits)
            .context("loading the models; `cargo xtask models` fetches them")?;
        let frames: Vec<&[u8]> = frames.iter().map(|frame| frame.as_slice()).collect();
        let capture = || -> Result<Vec<FaceEvidence>> {
            let seen: Result<Vec<_>, _> = models.analyse_all(&frames).into_iter().collect();
            Ok(seen?)
        };
        let mut stages: [Vec<f64>; 5] = std::array::from_fn(|_stage| Vec::new());
        let (mut captures, mut evidence) = (Vec::new(), Vec::new());
        for turn in 0..WARM_UP + self.runs {
            let start = Instant::now();
            evidence = capture()?;
            if turn < WARM_UP {
                continue;
            }
            captures.push(milliseconds(start.elapsed()));
            for frame in &evidence {
                let t = frame.timings;
                for (all, one) in stages.iter_mut().zip([t.decode, t.detect, t.align, t.embed, t.liveness]) {
                    all.push(milliseconds(one));
                }
            }
        }
        let start = Instant::now();
        let each = self.runs.div_ceil(lanes.get());
        thread::scope(|scope| {
            let tills: Vec<_> = (0..lanes.get())
                .map(|_| scope.spawn(|| (0..each).try_for_each(|_| capture().map(drop))))
                .collect();
            tills.into_iter().try_for_each(|till| till.join().map_err(|_panic| anyhow!("a till panicked"))?)
        })?;
        let done = f64::from(u32::try_from(each * lanes.get())?);
        Ok(Measured { stages, captures, throughput: done / start.elapsed().as_secs_f64(), evidence })
    }

    fn reference(&self, python: &PathBuf, pictures: &[PathBuf]) -> Result<Reference> {
        let folder = std::env::temp_dir().join(format!("surety-bench-face-{}", std::process::id()));
        fs::create_dir_all(&folder).context("making a folder for the reference script")?;
        let script = folder.join("reference.py");
        fs::write(&script, REFERENCE).context("writing the reference script")?;
        let output =
            Command::new(python).arg(&script).arg("capture").arg(&self.models).args(pictures).output();
        fs::remove_dir_all(&folder).context("removing the reference script")?;
        let output = output.with_context(|| format!("running {}", python.display()))?;
        ensure!(
            output.status.success(),
            "the Python pipeline failed; it needs onnxruntime, numpy and opencv-python-headless:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("reading the reference's figures")
    }
}

fn ours(alone: &Measured, together: &Measured) -> Result<()> {
    say(&format!("{:<26}{:>10}{:>10}{:>14}{:>10}", "ms", "p50", "p99", "2 threads p50", "p99"))?;
    let row = |name: &str, one: &[f64], two: &[f64]| {
        let [a, b, c, d] = [(one, 0.5), (one, 0.99), (two, 0.5), (two, 0.99)].map(|(of, q)| q_of(of, q));
        say(&format!("{name:<26}{a:>10.1}{b:>10.1}{c:>14.1}{d:>10.1}"))
    };
    for (name, (one, two)) in STAGES.iter().zip(alone.stages.iter().zip(&together.stages)) {
        row(&format!("a frame: {name}"), one, two)?;
    }
    row("a capture, to evidence", &alone.captures, &together.captures)?;
    say(&format!(
        "captures a second: {:.1} on one thread, {:.1} on two; peak memory {:.0} MiB (with both set-ups loaded one after the other)",
        alone.throughput,
        together.throughput,
        peak_memory_kib()? / 1024.0
    ))
}

fn multiplications(alone: &Measured) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = EMBEDDER_MULTIPLICATIONS as f64;
    let (peak, reached) = (peak_multiplications(), count / (q_of(&alone.stages[3], 0.5) / 1_000.0));
    say(&format!(
        "the embedder multiplies {:.1} thousand million times a second; one thread's peak is {:.1}",
        reached / 1e9,
        peak / 1e9
    ))?;
    target("of the peak multiply rate, the embedder reaches", reached / peak, Bound::AtLeast(0.5))
}

/// One analysis gives the same whatever runs beside it.
fn ensure_same(one: &[FaceEvidence], other: &[FaceEvidence]) -> Result<()> {
    let same = one.iter().zip(other).all(|(a, b)| a.frame == b.frame && a.template == b.template);
    ensure!(same && one.len() == other.len(), "two threads gave other evidence than one");
    say("evidence on two threads equals that on one, bit by bit")
}

fn compared(alone: &Measured, together: &Measured, references: [&Reference; 2]) -> Result<()> {
    let [first, second] = references;
    let pairs = [
        ("OpenCV (FaceDetectorYN, FaceRecognizerSF)", &first.opencv, &second.opencv),
        ("ONNX Runtime, the same steps as here", &first.onnxruntime, &second.onnxruntime),
    ];
    let mean = |a: f64, b: f64| f64::midpoint(a, b);
    let (ours_alone, ours_together) = (q_of(&alone.captures, 0.5), q_of(&together.captures, 0.5));
    let mut fastest = f64::MAX;
    for (name, a, b) in pairs {
        let stages: Vec<String> = STAGES
            .iter()
            .map(|stage| {
                let of = |p: &Pipeline| p.stages.get(*stage).map_or(f64::NAN, |q| q.p50);
                format!("{stage} {:.1}", mean(of(a), of(b)))
            })
            .collect();
        let (one, two) = (mean(a.alone.p50, b.alone.p50), mean(a.together.p50, b.together.p50));
        say(&format!("Python, {name}: {}", stages.join(", ")))?;
        say(&format!(
            "  a capture {one:.1} ms on one thread (p99 {:.1}), {two:.1} on two; here {:.2} and {:.2} of that",
            a.alone.p99.max(b.alone.p99),
            ours_alone / one,
            ours_together / two,
        ))?;
        agreement(&alone.evidence, &a.frames)?;
        fastest = fastest.min(one);
    }
    say(&format!("  peak memory of the Python process, both pipelines: {:.0} MiB", first.peak_kib / 1024.0))?;
    target(
        "a capture on one thread, over the faster Python's on one",
        ours_alone / fastest,
        Bound::AtMost(1.0),
    )?;
    target(
        "a capture on two threads, over the faster Python's on one",
        ours_together / fastest,
        Bound::AtMost(0.55),
    )
}

/// How far results are apart, the worst of the frames.
fn agreement(ours: &[FaceEvidence], theirs: &[Seen]) -> Result<()> {
    ensure!(ours.len() == theirs.len(), "the Python pipeline saw another number of frames");
    let (mut cosine, mut edge, mut live) = (1.0_f64, 0.0_f32, 0.0_f64);
    for (own, other) in ours.iter().zip(theirs) {
        let template = Template::normalised(other.embedding.clone()).map_err(anyhow::Error::new)?;
        cosine = cosine.min(own.template.similarity(&template).value());
        let b = own.frame.face_box;
        for (a, b) in [b.x, b.y, b.width, b.height].iter().zip(other.face_box) {
            edge = edge.max((a - b).abs() / own.frame.face_box.width);
        }
        let liveness = own.frame.liveness.context("no liveness; are its models installed?")?;
        live = live.max((liveness.value() - other.liveness).abs());
    }
    say(&format!(
        "  results: cosine of the templates {cosine:.4} or more, boxes within {:.2} % of a face's width, liveness within {live:.3}",
        edge * 100.0
    ))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn q_of(of: &[f64], q: f64) -> f64 {
    quantile(&mut of.to_vec(), q)
}

/// The most memory this process has had, as the kernel counts it.
fn peak_memory_kib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("reading this process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    line.trim().trim_end_matches("kB").trim().parse().context("reading VmHWM")
}
