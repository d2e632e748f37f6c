//! `surety terminal`: the reference terminal on a command line.

use std::fs::OpenOptions;
use std::io::{BufRead as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use api::Check;
use clap::{Args, Subcommand};
use scenario::{Client, DeviceKey, Ended, Till, video_frames};
use signing::PrivateKey;
use types::{GeoPoint, OrderId};
use url::Url;

use super::say;

/// Frames of a capture.
const FRAMES_MAX: usize = 3;

/// Be a terminal: join with an onboarding code, then have orders paid by the faces in pictures or a video.
///
/// It signs every request, counts its captures in the state file before it sends them, sends again what nobody answered,
/// asks what became of an attempt before it does anything else, and takes an order back whose end nobody knows.
///
/// `surety terminal join --server http://127.0.0.1:8470 --key till.pem --state till.json --code 123-456-...`
///
/// `surety terminal pay --server http://127.0.0.1:8470 --key till.pem --state till.json --order ord_... --pictures a.jpg b.jpg`
#[derive(Args)]
pub(crate) struct Terminal {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Join(Join),
    Pay(Box<Pay>),
}

/// What a terminal is.
#[derive(Args)]
struct Device {
    /// Where the server is, over HTTP.
    #[arg(long, value_name = "URL")]
    server: Url,
    /// The private key: a PEM file, which `join` makes if it is not there.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the terminal remembers: its ids and its counter. Never copy it to another device or back from a backup: two
    /// counters suspend the terminal.
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
}

/// Show the onboarding code and a fresh key; from then on this is the terminal's device.
#[derive(Args)]
struct Join {
    #[command(flatten)]
    device: Device,
    /// The onboarding code, with or without hyphens.
    #[arg(long, value_name = "CODE")]
    code: String,
    /// What is printed on the device.
    #[arg(long, value_name = "TEXT", default_value = "reference terminal")]
    serial: String,
}

/// Have an order paid. Ends with 0 when it is paid, with 1 when nobody was debited.
#[derive(Args)]
struct Pay {
    #[command(flatten)]
    device: Device,
    /// What is to be paid.
    #[arg(long, value_name = "ORDER")]
    order: OrderId,
    /// What the camera took: 1 to 3 JPEG or PNG files of the same person.
    #[arg(long, value_name = "FILE", num_args = 1..=FRAMES_MAX, required_unless_present = "video")]
    pictures: Vec<PathBuf>,
    /// An MJPEG video instead (JPEG pictures one after another, also inside of an AVI file); three of its pictures are
    /// sent. Turn other videos into one first, for example with `ffmpeg -i VIDEO -c:v mjpeg -f mjpeg FILE`.
    #[arg(long, value_name = "FILE", conflicts_with = "pictures")]
    video: Option<PathBuf>,
    /// An answer to what the terminal asks the payer, in order; without one it asks on standard input.
    #[arg(long = "answer", value_name = "TEXT")]
    answers: Vec<String>,
    /// Where the terminal is: latitude and longitude in degrees, as in 30.2460,120.1551.
    #[arg(long, value_name = "LAT,LON", allow_hyphen_values = true, value_parser = point)]
    point: Option<GeoPoint>,
    /// How far that may be off.
    #[arg(long, value_name = "METRES", requires = "point")]
    accuracy: Option<f64>,
    /// What the system calls the camera.
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
}

impl Terminal {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Join(join) => join.run(),
            What::Pay(pay) => pay.run(),
        }
    }
}

impl Device {
    fn client(&self) -> Result<Client> {
        ensure!(
            self.server.scheme() == "http",
            "this terminal speaks HTTP only; put a proxy beside it that speaks HTTPS to the server"
        );
        Ok(Client::new(self.server.as_str().trim_end_matches('/')))
    }
}

impl Join {
    fn run(&self) -> Result<ExitCode> {
        let Device { server: _, key, state } = &self.device;
        ensure!(!state.exists(), "{} is there: this device joined before", state.display());
        let mut device = if key.exists() { read_key(key)? } else { DeviceKey::generate() };
        if !key.exists() {
            write_key(key, &device)?;
        }
        let joined = Till::join(&self.device.client()?, &mut device, (&self.code, &self.serial), state)?;
        say(&format!("{} signs as {}", joined.terminal_id, joined.key_id))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Pay {
    fn run(self) -> Result<ExitCode> {
        let frames = self.frames()?;
        let Self { device, order, answers, point, accuracy, camera, pictures: _, video: _ } = self;
        let mut till = Till::open(&device.client()?, &read_key(&device.key)?, &device.state)?;
        (till.point, till.accuracy_m, till.camera) = (point, accuracy, camera);
        let mut given = answers.into_iter();
        let mut ask = |check: Check, repeated: bool| given.next().or_else(|| asked(check, repeated));
        match till.pay(order, &frames, &mut ask)? {
            Ended::Paid { payment_id, payer_name } => {
                say(&format!("paid by {payer_name}: {payment_id}"))?;
                Ok(ExitCode::SUCCESS)
            }
            Ended::Refused { code, detail } => {
                say(&format!("{code}: {detail}"))?;
                Ok(ExitCode::FAILURE)
            }
            Ended::Reversed => {
                say("no answer came: the order was taken back, nobody is debited")?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn frames(&self) -> Result<Vec<Vec<u8>>> {
        let read =
            |path: &PathBuf| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
        match &self.video {
            Some(video) => video_frames(&read(video)?, FRAMES_MAX)
                .with_context(|| format!("taking frames out of {}", video.display())),
            None => self.pictures.iter().map(read).collect(),
        }
    }
}

/// Asks whoever sits at standard input; nothing at its end.
fn asked(check: Check, repeated: bool) -> Option<String> {
    let what = match check {
        Check::LastFour => "the last four digits of the phone",
        Check::FullPhone => "the full phone number, as +8613...",
        Check::Pin => "the PIN",
        Check::OwnDevice => return None,
    };
    let again = if repeated { "This was just paid; a second time? " } else { "" };
    let mut out = std::io::stdout().lock();
    write!(out, "{again}Type {what}: ").and_then(|()| out.flush()).ok()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    let typed = line.trim();
    (!typed.is_empty()).then(|| typed.to_owned())
}

fn point(text: &str) -> Result<GeoPoint> {
    let Some((latitude, longitude)) = text.split_once(',') else {
        bail!("latitude and longitude with a comma between, as in 30.2460,120.1551");
    };
    Ok(GeoPoint::new(latitude.trim().parse()?, longitude.trim().parse()?)?)
}

fn read_key(path: &Path) -> Result<DeviceKey> {
    let pem = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let private = PrivateKey::from_pem(&pem).with_context(|| format!("reading {}", path.display()))?;
    Ok(DeviceKey { id: None, private })
}

/// Readable by nobody else.
fn write_key(path: &Path, key: &DeviceKey) -> Result<()> {
    let context = || format!("creating {}", path.display());
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(context)?;
    file.write_all(key.private.to_pem().as_bytes()).with_context(context)?;
    file.sync_all().with_context(context)
}
