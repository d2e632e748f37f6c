//! A server does what it promises, and leaves nothing behind. The tests need `cargo xtask postgres`.

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgserver::{Binaries, PgServer};

/// Tells the test program, started by one of its own tests, to be the process that holds a server.
const HOLDS: &str = "PGSERVER_TEST_HOLDS";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in the workspace")
}

fn binaries() -> Binaries {
    Binaries::find(workspace()).unwrap_or_else(|error| panic!("{error:#}"))
}

fn server() -> PgServer {
    PgServer::start(&binaries()).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A process that ended but that nobody has asked about is gone as well.
fn lives(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

fn wait_until_gone(process: u32, folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while lives(process) || folder.exists() {
        assert!(Instant::now() < deadline, "process {process} or {} is left", folder.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_starts_and_is_durable() {
    let server = server();
    assert_eq!(server.url(), format!("postgres://surety@127.0.0.1:{}/postgres", server.port()));
    let settings = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), \
                    current_setting('max_connections'), current_setting('listen_addresses'), \
                    current_setting('server_encoding'), current_setting('lc_collate', true), current_user";
    let answer = server.psql("postgres", settings).unwrap();
    assert!(answer.starts_with("on|on|100|127.0.0.1|UTF8|"), "{answer}");
    assert!(answer.ends_with("|surety\n"), "{answer}");
    assert!(TcpListener::bind(("127.0.0.1", server.port())).is_err(), "the port is its own");
}

#[test]
fn two_databases_do_not_see_each_other() {
    let server = server();
    let url = server.create_database("one").unwrap();
    assert_eq!(url, format!("postgres://surety@127.0.0.1:{}/one", server.port()));
    server.create_database("two").unwrap();
    server.psql("one", "CREATE TABLE things (name text); INSERT INTO things VALUES ('a')").unwrap();
    assert_eq!(server.psql("one", "SELECT name FROM things").unwrap(), "a\n");
    let error = server.psql("two", "SELECT name FROM things").expect_err("there is no such table");
    assert!(format!("{error:#}").contains("does not exist"), "{error:#}");

    let error = server.create_database("one").expect_err("the name is taken");
    assert!(format!("{error:#}").contains("already exists"), "{error:#}");
    server.create_database("one\"; DROP DATABASE two; --").expect_err("that is no name");
}

#[test]
fn databases_can_be_made_at_once() {
    let server = PgServer::shared(&binaries()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || server.create_database(&format!("at_once_{number}")).unwrap());
        }
    });
    let port = PgServer::shared(&binaries()).unwrap().port();
    assert_eq!(port, server.port(), "there is one for all");
}

#[test]
fn a_restart_keeps_what_was_committed() {
    let mut server = server();
    let port = server.port();
    server.psql("postgres", "CREATE TABLE things (name text); INSERT INTO things VALUES ('a')").unwrap();
    server.stop().unwrap();
    assert_eq!(server.process_id(), None);
    let error = server.psql("postgres", "SELECT 1").expect_err("it is stopped");
    assert!(format!("{error:#}").contains("Connection refused"), "{error:#}");
    server.stop().expect("stopping twice does nothing");

    server.restart().unwrap();
    server.psql("postgres", "INSERT INTO things VALUES ('b')").unwrap();
    server.restart().expect("one that runs is stopped first");
    server.psql("postgres", "INSERT INTO things VALUES ('c')").unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(server.psql("postgres", "SELECT name FROM things ORDER BY name").unwrap(), "a\nb\nc\n");
    let log = fs::read_to_string(server.folder().join("log")).unwrap();
    assert!(log.contains("automatic recovery in progress"), "the kill was a crash:\n{log}");
}

#[test]
fn a_restart_waits_for_its_port() {
    let mut server = server();
    server.stop().unwrap();
    let other = TcpListener::bind(("127.0.0.1", server.port())).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            drop(other);
        });
        server.restart().unwrap();
    });
    assert_eq!(server.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

/// As root's workspace may be: then `nobody`, who has to run root's server, cannot start programs in it.
#[test]
fn programs_out_of_reach_are_copied() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["tools", "var/postgres"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(workspace().join(folder).join(".")).arg(root.path().join(folder));
        assert!(copy.status().unwrap().success());
    }
    fs::set_permissions(root.path(), Permissions::from_mode(0o700)).unwrap();
    let server = PgServer::start(&Binaries::find(root.path()).unwrap()).unwrap();
    assert_eq!(server.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

#[test]
fn missing_programs_are_told_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    if env::var_os("SURETY_POSTGRES_BIN").is_none() {
        let error = Binaries::find(root.path()).expect_err("there is nothing");
        assert!(format!("{error:#}").contains("run `cargo xtask postgres`"), "{error:#}");
    }
}

#[test]
fn pgbench_reports() {
    let server = server();
    server.pgbench(&["-i", "-q", "-s", "1"]).unwrap();
    let report = server.pgbench(&["-c", "2", "-t", "20"]).unwrap();
    assert!(report.contains("number of transactions actually processed: 40/40"), "{report}");
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = server();
    let (process, folder) = (server.process_id().expect("it runs"), server.folder().to_path_buf());
    assert!(lives(process) && folder.exists());
    drop(server);
    assert!(!lives(process), "its process is gone at once");
    assert!(!folder.exists(), "its folder is gone at once");
}

#[test]
fn a_killed_parent_leaves_nothing() {
    if let Some(how) = env::var_os(HOLDS) {
        return hold(how == "until killed");
    }
    let (mut parent, process, folder) = parent("until killed");
    assert!(lives(process) && folder.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until_gone(process, &folder);
}

#[test]
fn a_shared_server_ends_with_its_process() {
    let (mut parent, process, folder) = parent("until its end");
    assert!(parent.wait().unwrap().success());
    wait_until_gone(process, &folder);
}

/// What the process started by [`parent`] does: says which server it has, and goes.
fn hold(until_killed: bool) {
    let server = PgServer::shared(&binaries()).expect("it starts");
    let (process, folder) = (server.process_id().expect("it runs"), server.folder().display());
    writeln!(std::io::stdout(), "\nholds {process} {folder}").expect("the test listens");
    if until_killed {
        std::io::stdin().read_exact(&mut [0]).expect("the test never writes");
    }
}

/// A process that holds a server, that server's process and its folder.
fn parent(how: &str) -> (Child, u32, PathBuf) {
    let mut parent = Command::new(env::current_exe().expect("this program has a path"))
        .args(["--exact", "a_killed_parent_leaves_nothing", "--nocapture"])
        .env(HOLDS, how)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let words = BufReader::new(parent.stdout.as_mut().expect("it is piped"));
    let line = words.lines().map_while(Result::ok).find(|line| line.starts_with("holds "));
    let line = line.expect("it says which server it has");
    let mut words = line.split(' ').skip(1);
    let process = words.next().and_then(|word| word.parse().ok()).expect("a process id");
    (parent, process, words.next().expect("a folder").into())
}
