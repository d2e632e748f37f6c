//! `surety demo`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use scenario::{Address, Credential, Device, Event, Report, Settings, TerminalState, play};

use super::{complain, say};

const STORY: &str = include_str!("../../../../scenarios/the-2025-case.feature");
const POLICIES: [(&str, &str); 2] = [
    ("default.toml", include_str!("../../../../policy/default.toml")),
    ("legacy-last4.toml", include_str!("../../../../policy/legacy-last4.toml")),
];
/// Says that a folder was made by the demonstration, so that the next one may replace it.
const MARK: &str = "made-by-surety-demo";

/// Make a small world and play the story of January 2025 in it, under the old rules and under Surety's.
///
/// Three shops in three cities, ten people enrolled from their photographs, and many synthetic accounts. Each
/// scenario gets a server of its own on a fresh database; the last server stays until Ctrl-C.
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the worlds are made. A folder of an earlier demonstration is replaced.
    #[arg(long, value_name = "FOLDER", default_value = "var/demo")]
    data: PathBuf,
    /// The folder with the model files.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder with the sample photographs.
    #[arg(long, value_name = "FOLDER", default_value = "var/samples")]
    samples: PathBuf,
    /// Where the server listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// How many synthetic accounts; the story says 100,000.
    #[arg(long, value_name = "N")]
    accounts: Option<u32>,
    /// End after the story, with status 0 only if every step ended as it must.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Result<ExitCode> {
        prepare(&self.data)?;
        let policies = self.data.join("policies");
        fs::create_dir(&policies).with_context(|| format!("creating {}", policies.display()))?;
        for (name, text) in POLICIES {
            fs::write(policies.join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let settings = Settings {
            surety: std::env::current_exe().context("finding the surety program")?,
            models: self.models,
            samples: self.samples,
            policies,
            folder: self.data,
            new_database: None,
            listen: if self.once { "127.0.0.1:0".to_owned() } else { self.listen.to_string() },
            accounts_override: self.accounts,
        };
        let report = play(STORY, &settings, &mut tell).context("the story did not end as it must")?;
        summarise(&report)?;
        if !self.once {
            stay(report, &settings.folder)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An empty folder of our own.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        if !folder.join(MARK).exists() {
            bail!(
                "{} exists and was not made by a demonstration; name another folder with --data",
                folder.display()
            );
        }
        fs::remove_dir_all(folder)
            .with_context(|| format!("removing the demonstration in {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::write(folder.join(MARK), "").with_context(|| format!("marking {}", folder.display()))
}

/// The story on standard output, as it happens. A reader who went away misses only the words.
fn tell(event: Event<'_>) {
    let line = match event {
        Event::Feature { name, description } => {
            let told: Vec<&str> = description.lines().map(str::trim).collect();
            format!("{name}\n{}\n{}", "=".repeat(name.len()), told.join("\n"))
        }
        Event::Scenario { name } => format!("\n{name}\n{}", "-".repeat(name.len())),
        Event::Step { keyword, text } => format!("  {keyword} {text}"),
        Event::Outcome { text } => format!("        {text}"),
    };
    if let Err(error) = say(&line) {
        complain(&format!("surety: {error:#}"));
    }
}

fn summarise(report: &Report) -> Result<()> {
    say("\nEvery step ended as it must:")?;
    for played in &report.scenarios {
        say(&format!("  {:<44}{:>4} steps {:>7.1} s", played.name, played.steps, played.took.as_secs_f64()))?;
    }
    Ok(())
}

fn stay(report: Report, folder: &Path) -> Result<()> {
    let Some(server) = report.server else { return Ok(()) };
    let keys = folder.join("keys.txt");
    let lines: Vec<String> = report.addresses.iter().map(|who| line(who, folder)).collect::<Result<_>>()?;
    fs::write(&keys, lines.join("\n")).with_context(|| format!("writing {}", keys.display()))?;
    let url = server.base_url().to_owned();
    say(&format!("\nThe server of the last scenario stays at {url}"))?;
    say(&format!("  what it can do   {url}/openapi.json"))?;
    say(&format!("  how it is        {url}/health and {url}/metrics"))?;
    say(&format!("  its data         {}", server.data().display()))?;
    say(&format!("  everybody's keys {}", keys.display()))?;
    let terminal = report.addresses.iter().find_map(|who| match &who.credential {
        Credential::Device(device) => Some((pem_file(folder, &who.name), device)),
        Credential::Bearer(_) => None,
    });
    if let Some((pem, device)) = terminal {
        let id = device.key.id.map(|id| id.to_string()).unwrap_or_default();
        say("A terminal signs what it sends; this prints how one asks who it is:")?;
        let program = std::env::current_exe().context("finding the surety program")?;
        say(&format!("  eval curl $({} sign-request --key '{}' \\", program.display(), pem.display()))?;
        say(&format!("      --key-id {id} GET {url}/v1/terminals/{})", device.terminal_id))?;
        say("And this is how it has an order paid by whoever stands there (docs/terminals.md):")?;
        say(&format!("  {} terminal pay --server {url} --key '{}' \\", program.display(), pem.display()))?;
        say(&format!(
            "      --state '{}' --order ORDER --pictures PICTURE...",
            pem.with_extension("json").display()
        ))?;
    }
    say("Ctrl-C stops it.")?;
    server.leave_running()
}

/// How somebody shows who it is: a bearer key, or the file with a terminal's private key and the id it has.
fn line(who: &Address, folder: &Path) -> Result<String> {
    let shown = match &who.credential {
        Credential::Bearer(key) => key.clone(),
        Credential::Device(device) => {
            let Device { terminal_id, key } = &**device;
            let pem = pem_file(folder, &who.name);
            write_secret(&pem, &key.private.to_pem())?;
            if let Some(key_id) = key.id {
                let counter = scenario::plain_report().counter;
                TerminalState { terminal_id: *terminal_id, key_id, counter }
                    .write(&pem.with_extension("json"))?;
            }
            let id = key.id.map(|id| id.to_string()).unwrap_or_default();
            format!("{id} signs with {}", pem.display())
        }
    };
    Ok(format!("{:<10}{:<24}{shown}", who.role, who.name))
}

fn pem_file(folder: &Path, name: &str) -> PathBuf {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    folder.join(format!("terminal-{}.pem", name.to_lowercase()))
}

/// Readable by nobody else.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("creating {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
