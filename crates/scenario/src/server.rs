//! The `surety` binary as a child process.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Client, Phones, Secrets};

/// Models load in seconds, a large gallery in some more.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// After SIGTERM a server finishes what it is doing.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const LISTENING: &str = "listening on ";
/// How much of the server's log an error quotes.
const TAIL_LINES: usize = 20;
/// What such an end leaves out.
const DEBUG: &str = "\"level\":\"DEBUG\"";

/// What to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// The binary.
    pub surety: PathBuf,
    /// The data folder; made by the server when it is missing.
    pub data: PathBuf,
    /// A PostgreSQL database; none for SQLite in the data folder.
    pub database: Option<String>,
    /// The models.
    pub models: PathBuf,
    /// The policy file; none for the one inside the binary.
    pub policy: Option<PathBuf>,
    /// Where messages to payers are pushed; none pushes nothing.
    pub push_gateway: Option<String>,
    /// The master key by way of the environment; none for the file in the data folder.
    pub master_keys: Option<String>,
    /// How text messages leave.
    pub sms: Sms,
    /// Where to listen: `127.0.0.1:0` takes any free port.
    pub listen: String,
    /// Everything else, as it is typed.
    pub more: Vec<String>,
    /// Where the server's log goes.
    pub log: PathBuf,
    /// What is logged, as `tracing` directives; none for what the server logs by itself.
    pub log_filter: Option<&'static str>,
}

/// How a server sends text messages.
#[derive(Clone, Debug, Default)]
pub enum Sms {
    /// Into a folder beside the data folder: [`Server::phones`].
    #[default]
    Spool,
    /// To this address.
    Gateway(String),
    /// Not at all.
    Nowhere,
}

/// A running server; stopped when dropped. Then nothing may stand in its log that its clients sent or got and no log
/// may hold: that is a fault of the server's, and panics.
pub struct Server {
    child: Child,
    base_url: String,
    admin_key: String,
    data: PathBuf,
    database: Option<String>,
    log: PathBuf,
    secrets: Secrets,
}

impl Server {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When it does not start in time, or ends first; with the end of its log.
    pub fn start(start: &Start) -> Result<Self> {
        let log =
            File::create(&start.log).with_context(|| format!("cannot write {}", start.log.display()))?;
        let mut command = Command::new(&start.surety);
        command.arg("serve").arg("--data").arg(&start.data).arg("--models").arg(&start.models);
        command.arg("--listen").arg(&start.listen);
        name_database(&mut command, start.database.as_deref());
        if let Some(policy) = &start.policy {
            command.arg("--policy").arg(policy);
        }
        if let Some(url) = &start.push_gateway {
            command.arg("--push-gateway").arg(url);
        }
        if let Some(keys) = &start.master_keys {
            command.env("SURETY_MASTER_KEY", keys);
        }
        let spool = start.data.with_extension("sms");
        match &start.sms {
            Sms::Spool => {
                std::fs::create_dir_all(&spool)
                    .with_context(|| format!("cannot make {}", spool.display()))?;
                command.arg("--sms-spool").arg(&spool);
            }
            Sms::Gateway(url) => {
                command.arg("--sms-gateway").arg(url);
            }
            Sms::Nowhere => {}
        }
        if let Some(filter) = start.log_filter {
            command.arg("--log").arg(filter);
        }
        let mut child = command
            .args(&start.more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", start.surety.display()))?;
        let stdout = child.stdout.take().expect("stdout is piped two lines above");
        // From here on `Drop` stops the child whatever happens.
        let mut server = Self {
            child,
            base_url: String::new(),
            admin_key: String::new(),
            data: start.data.clone(),
            database: start.database.clone(),
            log: start.log.clone(),
            secrets: Secrets::default(),
        };
        server.base_url = server.wait_until_listening(stdout)?;
        let key = start.data.join("staff.key");
        let key = std::fs::read_to_string(&key).with_context(|| format!("cannot read {}", key.display()))?;
        key.trim().clone_into(&mut server.admin_key);
        server.secrets.note("the administrator's key", &server.admin_key);
        for name in ["master.key", "push.key"] {
            // Not every installation has every key.
            if let Ok(keys) = std::fs::read_to_string(start.data.join(name)) {
                keys.split_whitespace().for_each(|key| server.secrets.note("a key of the installation", key));
            }
        }
        Ok(server)
    }

    fn wait_until_listening(&mut self, stdout: ChildStdout) -> Result<String> {
        let (found, address) = mpsc::channel();
        thread::spawn(move || {
            // Read to the end, so that the server never blocks on a full pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix(LISTENING) {
                    // The waiting side may have given up.
                    found.send(address.trim().to_owned()).ok();
                }
            }
        });
        address.recv_timeout(START_TIMEOUT).map_err(|gone| {
            let why = match gone {
                mpsc::RecvTimeoutError::Timeout => "did not listen in time",
                mpsc::RecvTimeoutError::Disconnected => "ended before it listened",
            };
            anyhow!("the server {why}. The end of its log:\n{}", self.log_tail())
        })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The number of the process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Everybody's phones, where the server spools text messages.
    #[must_use]
    pub fn phones(&self) -> Phones {
        Phones::new(&self.data.with_extension("sms"))
    }

    /// The PostgreSQL database, if it is one.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The bearer key of the first administrator, from `staff.key`.
    #[must_use]
    pub fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// A client without a key.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.base_url).noting(&self.secrets)
    }

    /// The last lines of the server's log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Waits until the server ends by itself, for instance by a signal of the terminal it runs in.
    ///
    /// # Errors
    /// When the operating system cannot tell, or the server failed.
    pub fn leave_running(mut self) -> Result<()> {
        let status = self.child.wait().context("cannot wait for the server")?;
        // A signal is how it is meant to end.
        if status.code().is_some_and(|code| code != 0) {
            bail!("the server ended with {status}. The end of its log:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Ends the server as a power cut would: no warning, nothing finished.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn cut_power(mut self) -> Result<()> {
        self.child.kill().context("cannot kill the server")?;
        self.child.wait().context("cannot wait for the server")?;
        Ok(())
    }

    /// Stops the server as an operator would, and starts one in its place.
    ///
    /// # Errors
    /// As [`Server::start`]; the server has stopped then.
    pub fn restart(&mut self, start: &Start) -> Result<()> {
        self.stop()?;
        // The next one begins its log anew.
        self.secrets.assert_absent_from(&self.log);
        *self = Self::start(start)?;
        Ok(())
    }

    /// Stops the server as an operator would, until it is restarted.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn pause(&mut self) -> Result<()> {
        self.stop()
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
            let asked = Instant::now();
            while asked.elapsed() < STOP_TIMEOUT {
                if self.child.try_wait()?.is_some() {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a child that the operating system does not let go.
        self.stop().ok();
        // Of two failures the first says more.
        if !thread::panicking() {
            self.secrets.assert_absent_from(&self.log);
        }
    }
}

/// Adds `accounts` synthetic accounts to a data folder, and its database if that is another place, whose server is
/// not running.
///
/// # Errors
/// When the command fails; with what it said.
pub fn seed(
    surety: &Path,
    (data, database): (&Path, Option<&str>),
    models: &Path,
    accounts: u32,
) -> Result<()> {
    let mut command = Command::new(surety);
    command.arg("seed").arg("--data").arg(data).arg("--models").arg(models);
    name_database(&mut command, database);
    command.arg("--accounts").arg(accounts.to_string());
    run(&mut command).map(drop)
}

/// Lets the books be proved; the table that the command prints.
///
/// # Errors
/// When they are not right; with what the command said.
pub fn verify(surety: &Path, data: &Path, database: Option<&str>) -> Result<String> {
    let mut command = Command::new(surety);
    command.arg("verify").arg("--data").arg(data);
    name_database(&mut command, database);
    run(&mut command)
}

/// What the environment says of a database is not meant for us.
fn name_database(command: &mut Command, database: Option<&str>) {
    command.env_remove("SURETY_DATABASE").env_remove("SURETY_MASTER_KEY").env_remove("SURETY_GALLERY");
    if let Some(url) = database {
        command.arg("--database").arg(url);
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}\n{stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

fn tail(log: &Path) -> String {
    let Ok(file) = File::open(log) else { return String::new() };
    let mut last = VecDeque::new();
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    for line in lines.filter(|line| !line.contains(DEBUG)) {
        if last.len() == TAIL_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}
