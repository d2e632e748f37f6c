//! One server, from `initdb` to the last file removed.

use std::env;
use std::fs::{self, OpenOptions, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::watchdog::Watchdog;

const SUPERUSER: &str = "surety";
const DATABASE: &str = "postgres";
const START_TIME_MAX: Duration = Duration::from_secs(60);
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
const PORTS_TRIED_MAX: u32 = 20;
const LOG_LINES_TOLD: usize = 30;
/// Linux gives away ports from 32768 on to whoever connects somewhere.
const PORT_MIN: u16 = 12_000;
const PORTS: u16 = 20_000;

/// A running server, stopped and removed when it is dropped or when this process ends.
pub struct PgServer {
    bin: PathBuf,
    account: Account,
    port: u16,
    postgres: Option<Child>,
    // In the order in which they are dropped.
    watchdog: Watchdog,
    folder: TempDir,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Launched {
    Ready,
    PortTaken,
}

impl PgServer {
    /// Makes a new server and returns when it takes connections.
    pub fn start(binaries: &Binaries) -> Result<Self> {
        let account = Account::for_this_process();
        let bin = binaries.in_reach_of(account)?;
        let folder = tempfile::Builder::new()
            .prefix("surety-postgres-server-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("making a folder for a PostgreSQL server")?;
        account.give(folder.path())?;
        let watchdog = Watchdog::start(folder.path(), account)?;
        let mut server = Self { bin, account, port: 0, postgres: None, watchdog, folder };
        server.initialise()?;
        for _ in 0..PORTS_TRIED_MAX {
            server.port = free_port()?;
            if server.launch()? == Launched::Ready {
                return Ok(server);
            }
        }
        bail!("{PORTS_TRIED_MAX} ports were taken by others just before PostgreSQL could have them")
    }

    /// The one server that all tests of this process share, started by whoever asks first. It is stopped when the
    /// process ends. Tests keep apart by a database each; who wants to stop or kill it starts one of his own.
    pub fn shared(binaries: &Binaries) -> Result<&'static Self> {
        static SHARED: OnceLock<Result<PgServer, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start(binaries).map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|said| anyhow!("the shared PostgreSQL server did not start: {said}"))
    }

    /// Of the database `postgres`, as the superuser.
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// It stays the same when the server is restarted.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data and its log lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `None` while it is stopped.
    pub fn process_id(&self) -> Option<u32> {
        self.postgres.as_ref().map(Child::id)
    }

    /// Makes an empty database and returns its URL.
    pub fn create_database(&self, name: &str) -> Result<String> {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        ensure!(
            plain && (1..=63).contains(&name.len()),
            "`{name}` is no name for a database: 1 to 63 of a to z, 0 to 9 and _"
        );
        // Nobody can be connected to `template0`, so that any number of them can be made at once.
        self.psql(DATABASE, &format!("CREATE DATABASE \"{name}\" TEMPLATE template0"))
            .with_context(|| format!("making the database `{name}`"))?;
        Ok(self.url_of(name))
    }

    /// Runs SQL in one of its databases, and returns what it answers: a row a line, its values divided by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = self.client("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        answer_of(command)
    }

    /// Runs `pgbench` against the database `postgres`, or the one `arguments` end with, and returns its report.
    pub fn pgbench(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.client("pgbench");
        command.args(arguments);
        answer_of(command)
    }

    /// Stops it in good order. Open connections are cut off and what they have not committed is undone.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    /// Stops it as a crash would: the next start recovers from the write-ahead log.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::QUIT)
    }

    /// Starts it again on the same port and data, after stopping it if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        let deadline = Instant::now() + START_TIME_MAX;
        while self.launch()? == Launched::PortTaken {
            ensure!(Instant::now() < deadline, "somebody else has taken port {}", self.port);
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn initialise(&self) -> Result<()> {
        let mut command = self.program("initdb");
        // What is lost when the machine fails now is an empty server.
        command.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust"]);
        command.args(["--username", SUPERUSER, "--pgdata"]).arg(self.data());
        self.prepare(&mut command)?;
        answer_of(command).with_context(|| {
            format!("making a server in {} (TMPDIR names another place)", self.folder.path().display())
        })?;
        Ok(())
    }

    fn launch(&mut self) -> Result<Launched> {
        let log = self.folder.path().join("log");
        let file = OpenOptions::new().create(true).append(true).open(&log).context("opening a log")?;
        let begins_at = file.metadata().context("looking at a log")?.len();
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            "fsync=on",
            "synchronous_commit=on",
            "logging_collector=off",
            "log_destination=stderr",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(file.try_clone().context("sharing a log")?).stderr(file);
        self.prepare(&mut command)?;
        let mut child = command.spawn().context("starting `postgres`")?;
        let failure = match self.wait_until_ready(&mut child) {
            Ok(()) => {
                self.postgres = Some(child);
                return Ok(Launched::Ready);
            }
            Err(error) => error,
        };
        child.kill().context("stopping a server that did not start")?;
        child.wait().context("waiting for a server that did not start")?;
        let words = fs::read(&log).context("reading a log")?;
        let begins_at = usize::try_from(begins_at).context("a log that is too large")?;
        let words = String::from_utf8_lossy(words.get(begins_at..).unwrap_or_default()).into_owned();
        if words.contains("could not bind IPv4 address") {
            return Ok(Launched::PortTaken);
        }
        Err(failure
            .context(format!("PostgreSQL did not start; its last words:\n{}\nWhy", last_lines(&words))))
    }

    /// Goes by the word `ready` in the last line of its lock file, as `pg_ctl` does.
    fn wait_until_ready(&self, child: &mut Child) -> Result<()> {
        let deadline = Instant::now() + START_TIME_MAX;
        let lock = self.data().join("postmaster.pid");
        let process = child.id().to_string();
        loop {
            if let Some(status) = child.try_wait().context("looking at `postgres`")? {
                bail!("it ended ({status})");
            }
            let text = fs::read_to_string(&lock).unwrap_or_default();
            let mut lines = text.lines().map(str::trim);
            if lines.next() == Some(process.as_str()) && lines.nth(6) == Some("ready") {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "it was not ready after {} s", START_TIME_MAX.as_secs());
            thread::sleep(PAUSE);
        }
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut child) = self.postgres.take() else { return Ok(()) };
        let ended = |child: &mut Child| child.try_wait().context("looking at `postgres`");
        if ended(&mut child)?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&child), signal).context("stopping `postgres`")?;
        let deadline = Instant::now() + STOP_TIME_MAX;
        while ended(&mut child)?.is_none() {
            if Instant::now() >= deadline {
                child.kill().context("killing `postgres`")?;
                child.wait().context("waiting for `postgres`")?;
                bail!("PostgreSQL did not stop within {} s and was killed", STOP_TIME_MAX.as_secs());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// A client of this server, with nothing of the environment that could lead it elsewhere.
    fn client(&self, program: &str) -> Command {
        let mut command = self.program(program);
        command.envs([("PGHOST", "127.0.0.1"), ("PGUSER", SUPERUSER), ("PGDATABASE", DATABASE)]);
        command.env("PGPORT", self.port.to_string());
        command
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("PG") {
                command.env_remove(variable);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    fn prepare(&self, command: &mut Command) -> Result<()> {
        command.current_dir(self.folder.path());
        self.account.take_on(command);
        self.watchdog.guard(command)
    }
}

impl Drop for PgServer {
    fn drop(&mut self) {
        // What is left after a failure here, the watchdog ends when it is dropped next.
        self.stop().ok();
        fs::remove_dir_all(self.folder.path()).ok();
    }
}

/// A port nobody has at this moment.
fn free_port() -> Result<u16> {
    for _ in 0..PORTS_TRIED_MAX {
        let given = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("asking for a port")?;
        let port = PORT_MIN + given.local_addr().context("asking for a port")?.port() % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("{PORTS_TRIED_MAX} ports were asked for, and all were taken")
}

fn answer_of(mut command: Command) -> Result<String> {
    let name = PathBuf::from(command.get_program());
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting `{name}`"))?;
    ensure!(
        output.status.success(),
        "`{name}` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` answered something that is not text"))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_TOLD)..].join("\n")
}
