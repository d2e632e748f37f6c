//! The subcommands.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::{Engine, GalleryPlace, Installation, Model, Options, Texts};
use store::Store;
use zeroize::Zeroizing;

use crate::clock;
use networks::Loaded;

mod bench;
mod calibrate;
mod captures;
mod demo;
mod enrol;
mod eval;
mod eval_pad;
mod history;
mod listening;
mod networks;
mod reconcile;
mod renew_operator_key;
mod retire_models;
mod rotate;
mod seed;
mod serve;
mod sign_request;
mod terminal;
mod train;
mod train_liveness;
mod verify;

/// Face payments that know how sure they are.
///
/// A payer looks at a terminal and pays. Surety knows how sure it is of who that was, stops payments that don't
/// add up, and when somebody is debited wrongly it finds out what happened and pays the money back at once.
#[derive(Parser)]
#[command(name = "surety", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Surety {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // Each has its words where its arguments are; words here would hide the longer half of them.
    Serve(Box<serve::Serve>),
    Demo(demo::Demo),
    Enrol(enrol::Enrol),
    Verify(verify::Verify),
    Reconcile(reconcile::Reconcile),
    RotateMasterKey(rotate::RotateMasterKey),
    RenewOperatorKey(renew_operator_key::RenewOperatorKey),
    RetireModels(retire_models::RetireModels),
    Seed(seed::Seed),
    SignRequest(sign_request::SignRequest),
    Terminal(terminal::Terminal),
    Calibrate(calibrate::Calibrate),
    Eval(eval::Eval),
    EvalPad(eval_pad::EvalPad),
    TrainLiveness(train_liveness::TrainLiveness),
    Train(train::Train),
    /// Print the OpenAPI document of the HTTP interface.
    Openapi,
    /// Print the register of processing: which personal data there is, why, who sees it, how long, how it ends.
    Register,
    /// Print what is known of a payment before it is decided: the features that rules and the risk model use.
    Features,
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// Where things lie.
#[derive(Args)]
struct Folders {
    /// The data folder: database, sealed captures, keys. Created on the first start.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The folder with the model files that `cargo xtask models` fetched.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    #[command(flatten)]
    networks: networks::Networks,
    /// A policy file instead of the built-in default.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    master: Master,
    /// A folder for sealed captures that several processes share, instead of the data folder's own.
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
    /// Also push messages to payers to this address, signed with the secret in `push.key` of the data folder.
    #[arg(long, value_name = "URL")]
    push_gateway: Option<String>,
    /// Send text messages by posting them to this address, signed with the secret in `sms.key` of the data folder.
    /// Without this or a spool folder nobody can open an account or log in.
    #[arg(long, value_name = "URL", conflicts_with = "sms_spool")]
    sms_gateway: Option<String>,
    /// Send text messages by putting them into this folder as files, as SMS Server Tools 3 takes them.
    #[arg(long, value_name = "FOLDER")]
    sms_spool: Option<PathBuf>,
    /// Where faces are searched. `postgresql` needs a PostgreSQL database with pgvector and a policy whose digits choose
    /// whom to search, and then no face is held in this process's memory. Give all processes of a database the same.
    #[arg(long, value_name = "PLACE", value_enum, default_value_t, env = "SURETY_GALLERY")]
    gallery: Gallery,
}

/// Where faces are searched.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Gallery {
    /// In this process.
    #[default]
    Memory,
    /// In the database.
    Postgresql,
}

impl From<Gallery> for GalleryPlace {
    fn from(gallery: Gallery) -> Self {
        match gallery {
            Gallery::Memory => Self::Memory,
            Gallery::Postgresql => Self::Postgresql,
        }
    }
}

/// Where the books are.
#[derive(Args)]
struct Database {
    /// A PostgreSQL database (`postgres://user@host/name`) instead of SQLite in the data folder. Several processes may
    /// share it, each with a data folder of its own that holds a copy of the same `master.key`.
    #[arg(long = "database", value_name = "URL", env = "SURETY_DATABASE", hide_env_values = true)]
    url: Option<String>,
}

/// Where the master key is, if not in the data folder.
#[derive(Args)]
struct Master {
    /// The master key instead of `master.key` in the data folder: 64 hexadecimal digits; several generations are
    /// separated by commas, newest first. Set the variable: a command line is seen by everybody on the machine.
    #[arg(long = "master-key", value_name = "KEYS", env = "SURETY_MASTER_KEY", hide_env_values = true)]
    keys: Option<String>,
}

impl Database {
    /// The database of an installation that exists.
    fn open(&self, data: &Path) -> Result<Store> {
        if let Some(url) = &self.url {
            return Store::connect(url);
        }
        let path = data.join("surety.db");
        ensure!(
            path.exists(),
            "there is no database at {}; name the data folder of an installation",
            path.display()
        );
        Store::open(&path)
    }
}

impl Folders {
    /// The engine on the data folder, and the lock that keeps other processes out.
    fn open(&self) -> Result<(Installation, Engine)> {
        let Loaded { faces, calibration, successor } = self.networks.load(&self.models)?;
        let policy = Installation::policy_text(self.policy.as_deref())?;
        let installation = Installation::open(&self.data)?;
        let options = Options {
            policy: &policy,
            database: self.database.url.as_deref(),
            captures: self.captures.as_deref(),
            push_gateway: self.push_gateway.as_deref(),
            master_keys: self.master.keys.as_deref(),
            texts: self.texts()?,
            calibration: calibration.as_deref(),
            successor: successor
                .as_ref()
                .map(|(faces, calibration)| Model { faces, calibration: calibration.as_str() }),
            gallery: self.gallery.into(),
        };
        let engine = clock::with_context(|ctx| installation.engine(faces, &options, ctx))?;
        Ok((installation, engine))
    }
}

impl Folders {
    /// How text messages leave. A spool folder that is not there would swallow every code.
    fn texts(&self) -> Result<Option<Texts<'_>>> {
        if let Some(folder) = &self.sms_spool {
            ensure!(folder.is_dir(), "--sms-spool names no folder: {}", folder.display());
            return Ok(Some(Texts::Spool(folder)));
        }
        Ok(self.sms_gateway.as_deref().map(Texts::Gateway))
    }
}

impl Surety {
    /// Runs the subcommand.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Demo(demo) => demo.run(),
            Command::Enrol(enrol) => enrol.run(),
            Command::Verify(verify) => verify.run(),
            Command::Reconcile(reconcile) => Ok(reconcile.run()),
            Command::RotateMasterKey(rotate) => rotate.run(),
            Command::RenewOperatorKey(renew) => renew.run(),
            Command::RetireModels(retire) => retire.run(),
            Command::Seed(seed) => seed.run(),
            Command::SignRequest(request) => request.run(),
            Command::Terminal(terminal) => terminal.run(),
            Command::Calibrate(calibrate) => calibrate.run(),
            Command::Eval(eval) => eval.run(),
            Command::EvalPad(eval) => eval.run(),
            Command::TrainLiveness(train) => train.run(),
            Command::Train(train) => train.run(),
            Command::Openapi => {
                say(&crate::http::openapi().to_pretty_json().context("writing the OpenAPI document")?)?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Register => {
                say(engine::register_page().trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Features => {
                say(risk::features::features_page().trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Bench(bench) => bench.run(),
        }
    }
}

/// A line of what the user asked for, on standard output.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing to standard output")
}

/// A line about trouble, on standard error. There is nobody left to tell when that fails.
pub(crate) fn complain(line: &str) {
    let _unheard = writeln!(std::io::stderr().lock(), "{line}");
}

/// The text of a calibration file.
fn read_calibration(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading the calibration {}", path.display()))
}

/// A picture file.
fn read_picture(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    std::fs::read(path).map(Zeroizing::new).with_context(|| format!("reading the picture {}", path.display()))
}
