//! The real server as a process that can be killed at any moment, and `surety verify` on its data.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use scenario::{Client, Secrets};

/// Loading the models takes a second; a busy machine needs some more.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const LISTENING: &str = "listening on ";

pub(crate) const SURETY: &str = env!("CARGO_BIN_EXE_surety");

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// How the server is started.
#[derive(Clone)]
pub(crate) struct Start {
    /// The program; another than ours is a shell script that starts it under a limit.
    pub(crate) program: PathBuf,
    pub(crate) data: PathBuf,
    /// A PostgreSQL database instead of the SQLite file.
    pub(crate) database: Option<String>,
    pub(crate) policy: Option<PathBuf>,
    /// Everything else, as it is typed.
    pub(crate) more: Vec<String>,
    pub(crate) log: PathBuf,
}

impl Start {
    /// A server whose data, policy and log lie in `folder`.
    pub(crate) fn below(folder: &Path) -> Self {
        Self {
            program: SURETY.into(),
            data: folder.join("data"),
            database: None,
            policy: Some(folder.join("policy.toml")),
            more: Vec::new(),
            log: folder.join("server.log"),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--data").arg(&self.data).args(["--listen", "127.0.0.1:0"]);
        command.arg("--models").arg(workspace().join("var/models"));
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        if let Some(policy) = &self.policy {
            command.arg("--policy").arg(policy);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        command.args(&self.more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command
    }

    /// Starts it and does not wait.
    pub(crate) fn launch(&self) -> Process {
        let mut child = self.command().spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
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
        Process {
            child,
            address,
            log: self.log.clone(),
            data: self.data.clone(),
            secrets: Secrets::default(),
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(&self) -> Server {
        self.launch().listening()
    }

    /// Starts it and expects that it ends by itself with a failure; returns what it wrote.
    pub(crate) fn refused(&self) -> String {
        let output = self.command().stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success(), "the server was expected to refuse");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Proves the books, and shows what is wrong when something is.
    pub(crate) fn verify(&self) {
        let mut command = Command::new(SURETY);
        command.arg("verify").arg("--data").arg(&self.data);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "surety verify: {}\n{said}{complaint}", output.status);
        assert!(said.contains("ok") && !said.contains("WRONG"), "surety verify said:\n{said}");
    }
}

/// A process that was started; killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: mpsc::Receiver<String>,
    log: PathBuf,
    data: PathBuf,
    secrets: Secrets,
}

impl Process {
    fn listening(self) -> Server {
        let Ok(address) = self.address.recv_timeout(START_TIMEOUT) else {
            panic!("the server did not listen; its log ends with\n{}", self.log_tail());
        };
        let staff = std::fs::read_to_string(self.data.join("staff.key"));
        let staff = staff.map(|key| key.trim().to_owned()).unwrap_or_default();
        let client = Client::new(address).noting(&self.secrets);
        Server { process: self, access: Access { client, staff } }
    }

    /// No warning, nothing finished.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"INFO\"")).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        self.child.kill().ok();
        self.child.wait().ok();
        if !thread::panicking() {
            self.secrets.assert_absent_from(&self.log);
        }
    }
}

/// A server that listens.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) access: Access,
}

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Access {
    client: Client,
    staff: String,
}

impl Access {
    /// Without a key.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn staff(&self) -> Client {
        assert!(!self.staff.is_empty(), "the data folder has no staff.key");
        self.client.with_key(&self.staff)
    }
}
