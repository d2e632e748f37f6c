//! `surety bench pay`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use engine::{
    Caller, CodePurpose, Context, CredentialKind, Engine, EnrolmentProof, Installation, NewDevice,
    NewMerchant, NewOrder, NewPayer, NewTerminal, Options, PhoneProof, Queue, Texts, Timings,
};
use face::{FaceModels, StageTimings};
use types::{Amount, Currency, Date, GeoPoint, Place, TransferId};
use zeroize::Zeroizing;

use super::super::{read_picture, say};
use super::ENDINGS;
use super::figures::{Bound, machine, quantile, target};
use super::terminal::open_terminal;
use crate::clock;

const REFERENCE: &str = include_str!("../../../../face/tests/golden/reference.py");
const ENROLLED_WITH: [&str; 2] = ["studio_portrait", "amateur_posture"];
const PAID_WITH: [&str; 2] = ["studio_posture", "amateur_selfie"];
/// Runs before the first that counts.
const WARM_UP: usize = 3;

/// Time from a capture received to its decision, split by stage, beside a Python pipeline (OpenCV, ONNX Runtime)
/// on the same pictures in the same run.
#[derive(Args)]
pub(crate) struct Pay {
    /// The folder with the model files.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder with the sample photographs.
    #[arg(long, value_name = "FOLDER", default_value = "var/samples")]
    samples: PathBuf,
    /// Synthetic accounts to search among.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    accounts: u32,
    /// Captures that count.
    #[arg(long, value_name = "N", default_value_t = 40)]
    runs: usize,
    /// A Python with onnxruntime, numpy and opencv-python-headless; `cargo xtask bench pay` makes one.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
}

/// One account before one terminal.
struct Stand {
    engine: Engine,
    merchant: engine::MerchantCaller,
    terminal: engine::TerminalCaller,
    terminal_id: types::TerminalId,
}

impl Pay {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = std::env::temp_dir().join(format!("surety-bench-pay-{}", std::process::id()));
        let done = self.measure(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        done?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, folder: &Path) -> Result<()> {
        let person = self.samples.join("P010");
        let pictures = |names: [&str; 2]| names.map(|name| person.join(format!("{name}.jpg")));
        let paid_with = pictures(PAID_WITH);
        let read =
            |paths: &[PathBuf]| paths.iter().map(|path| read_picture(path)).collect::<Result<Vec<_>>>();
        let frames = read(&paid_with)?;
        let stand = self.stand(folder, &read(&pictures(ENROLLED_WITH))?)?;
        let mut all = Vec::new();
        for turn in 0..WARM_UP + self.runs {
            let (whole, timings) = stand.pay(turn, &frames)?;
            if turn >= WARM_UP {
                all.push((whole, timings));
            }
        }
        say(&format!(
            "captures of {} frames ({} KiB), {} faces searched, {} runs, {}",
            frames.len(),
            frames.iter().map(|frame| frame.len()).sum::<usize>() / 1024,
            stand.engine.health()?.enrolled,
            all.len(),
            machine()?,
        ))?;
        let reference =
            self.python.as_deref().map(|python| self.reference(python, folder, &paid_with)).transpose()?;
        report(&all, reference.as_ref())
    }

    fn stand(&self, folder: &Path, pictures: &[Zeroizing<Vec<u8>>]) -> Result<Stand> {
        let faces = FaceModels::load(&self.models);
        let faces = Arc::new(faces.context("loading the models; `cargo xtask models` fetches them")?);
        let policy = Installation::policy_text(None)?;
        let installation = Installation::open(folder)?;
        let engine = clock::with_context(|ctx| {
            installation.engine(
                faces,
                &Options {
                    policy: &policy,
                    database: None,
                    captures: None,
                    push_gateway: None,
                    master_keys: None,
                    gallery: engine::GalleryPlace::Memory,
                    // Nothing is put there: no sender runs, and the code is read from the outbox.
                    texts: Some(Texts::Spool(folder)),
                    calibration: None,
                    successor: None,
                },
                ctx,
            )
        })?;
        clock::with_context(|ctx| engine.seed(ctx, (self.accounts, ENDINGS), |_| ()))?;
        let staff = fs::read_to_string(folder.join("staff.key")).context("reading the staff key")?;
        let staff = super::on_duty(&engine, &staff)?;
        let point = GeoPoint::new(23.1291, 113.2644)?;
        let place = Place { city: "Guangzhou".into(), address: "8 Yuexiu Road".into(), point };
        let (terminal_id, terminal, merchant) = clock::with_context(|ctx| {
            let new = NewMerchant { name: "Bench".into(), city: "Guangzhou".into() };
            let (merchant, merchant_key) = engine.register_merchant(ctx, &staff, new)?;
            let new = NewTerminal { merchant, label: "1".into(), place: place.clone() };
            let (id, terminal) = open_terminal(&engine, ctx, &staff, new)?;
            Ok::<_, anyhow::Error>((
                id,
                terminal,
                engine.authenticate(clock::now(), &merchant_key, CredentialKind::Bearer)?.merchant()?,
            ))
        })?;
        clock::with_context(|ctx| {
            let phone = "+8613800138024".parse()?;
            let language = engine::Language::En;
            let sent = engine.send_code(ctx, &phone, CodePurpose::Register, language)?;
            let new = NewPayer {
                proof: PhoneProof { challenge: sent.challenge, code: Zeroizing::new(texted(&engine, ctx)?) },
                name: "Chen Fang".into(),
                birth_date: Date::constant(1987, 6, 23),
                pin: Zeroizing::new("582913".into()),
                language,
                home: place,
                device: NewDevice { label: "bench".into(), kind: CredentialKind::Bearer },
            };
            let opened = engine.register_payer(ctx, &new)?;
            let payer = opened.payer;
            let device = match engine.authenticate(clock::now(), &opened.secret, CredentialKind::Bearer)? {
                Caller::Payer(device) => device,
                Caller::Staff(_) | Caller::Merchant(_) | Caller::Terminal(_) => {
                    unreachable!("a payer's own key")
                }
            };
            let money = (TransferId::generate(ctx.now, ctx.random), Amount::new(100_000_000, Currency::CNY));
            engine.top_up(ctx, &staff, payer, money)?;
            engine.consent(ctx, device, engine::consent_version())?;
            let enrolment = engine.enrol(ctx, device, pictures)?;
            let (_, messages) = engine.messages(device)?;
            let code = messages.iter().find_map(|m| m.args.get("code")?.as_str()).context("no code came")?;
            let proof = EnrolmentProof { code: code.to_owned(), pin: None, passkey: None };
            engine.confirm_enrolment(ctx, device, enrolment.id, &proof)?;
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(Stand { engine, merchant, terminal, terminal_id })
    }

    /// Median milliseconds of the Python pipeline, by stage.
    fn reference(&self, python: &Path, folder: &Path, pictures: &[PathBuf]) -> Result<serde_json::Value> {
        let script = folder.join("reference.py");
        fs::write(&script, REFERENCE).context("writing the reference script")?;
        let output = Command::new(python).arg(&script).arg("bench").arg(&self.models).args(pictures).output();
        let output = output.with_context(|| format!("running {}", python.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the Python pipeline failed; it needs onnxruntime, numpy and opencv-python-headless:\n{errors}"
        );
        let printed: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("reading the reference's figures")?;
        Ok(printed["median_ms"].clone())
    }
}

impl Stand {
    /// From the frames in memory to the decision in the database. Each order is new, and of another amount: the same one
    /// twice would be asked about.
    fn pay(&self, turn: usize, frames: &[Zeroizing<Vec<u8>>]) -> Result<(Duration, Timings)> {
        clock::with_context(|ctx| {
            let new = NewOrder {
                out_trade_no: format!("bench-{turn}"),
                terminal: self.terminal_id,
                amount: Amount::new(100 + i64::try_from(turn)?, Currency::CNY),
                description: "bench".into(),
                capture_later: false,
            };
            let (order, _) = self.engine.create_order(ctx, self.merchant, new)?;
            let session = self.engine.open_session(ctx, self.terminal, order.id)?;
            let start = Instant::now();
            let (_, timings) = self.engine.capture(
                ctx,
                self.terminal,
                (session.id, &session.nonce),
                engine::Taken { pictures: frames, moves: None },
            )?;
            Ok((start.elapsed(), timings))
        })
    }
}

fn report(all: &[(Duration, Timings)], reference: Option<&serde_json::Value>) -> Result<()> {
    let frame = |stage: fn(&StageTimings) -> Duration| -> Vec<Duration> {
        all.iter().flat_map(|(_, timings)| timings.frames.iter().map(stage)).collect()
    };
    let capture = |stage: fn(&Timings) -> Duration| -> Vec<Duration> {
        all.iter().map(|(_, timings)| stage(timings)).collect()
    };
    let whole: Vec<Duration> = all.iter().map(|(whole, _)| *whole).collect();
    let rows: [(&str, &str, Vec<Duration>); 11] = [
        ("a frame", "decode", frame(|f| f.decode)),
        ("a frame", "detect", frame(|f| f.detect)),
        ("a frame", "align", frame(|f| f.align)),
        ("a frame", "embed", frame(|f| f.embed)),
        ("a frame", "liveness", frame(|f| f.liveness)),
        ("a frame", "total", frame(|f| f.total() - f.wait)),
        ("a capture", "search", capture(|c| c.search)),
        ("a capture", "posterior", capture(|c| c.posterior)),
        ("a capture", "seal", capture(|c| c.seal)),
        ("a capture", "commit", capture(|c| c.commit)),
        ("a capture", "received to decision", whole),
    ];
    say(&format!("{:<12}{:<24}{:>10}{:>10}{:>16}", "", "ms", "p50", "p99", "Python p50"))?;
    for (of, name, times) in &rows {
        let python = reference.filter(|_| *of == "a frame").and_then(|r| r[*name].as_f64());
        let python = python.map_or_else(String::new, |ms| format!("{ms:.1}"));
        say(&format!(
            "{of:<12}{name:<24}{:>10.1}{:>10.1}{python:>16}",
            milliseconds(times, 0.5),
            milliseconds(times, 0.99)
        ))?;
    }
    let Some(python) = reference.and_then(|r| r["total"].as_f64()) else {
        return say("no Python pipeline was named, so nothing is compared; `cargo xtask bench pay` does");
    };
    let frames = all.first().map_or(1, |(_, timings)| timings.frames.len());
    let sequential = python * f64::from(u32::try_from(frames)?);
    let decided = milliseconds(&rows[10].2, 0.5) / sequential;
    let each = milliseconds(&rows[5].2, 0.5) / python;
    target(
        "a capture to its decision, over the Python pipeline's time for its frames one after the other",
        decided,
        Bound::AtMost(1.0),
    )?;
    target("one frame on one thread, over the Python pipeline's", each, Bound::AtMost(1.0))
}

/// The `q`-quantile in milliseconds; not a number for no times.
fn milliseconds(times: &[Duration], q: f64) -> f64 {
    quantile(&mut times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect::<Vec<f64>>(), q)
}

/// The code that a text in the outbox holds.
fn texted(engine: &Engine, ctx: &Context<'_>) -> Result<String> {
    let lease = engine.lease_due(ctx, Queue::Texts)?.context("no text waits")?;
    let delivery = lease.deliveries.first().context("no text waits")?;
    let text = engine.open_text(ctx.now, delivery)?.context("the text is over")?;
    let code = text.text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6);
    Ok(code.context("a text without a code")?.to_owned())
}
