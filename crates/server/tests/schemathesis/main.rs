//! The interface against Schemathesis, which makes requests out of the OpenAPI document: as nobody, and with a key of
//! every role, each on a fresh server with one of everything. `cargo xtask schemathesis` fetches the program and
//! starts this.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/database.rs"]
mod database;
#[expect(dead_code, reason = "the other tests use more of it")]
#[path = "../it/fixture.rs"]
mod fixture;
mod signer;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use scenario::Client;

use crate::fixture::{Fixture, Setup, workspace};

/// Answers the document has to promise. Left out is what the document cannot say: whether a well-formed request is
/// also right (`positive_data_acceptance`), and what becomes of what was made (`use_after_free` and the like), since
/// nothing of money is ever deleted.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      unsupported_method,ignored_auth";

#[derive(Parser)]
struct Arguments {
    /// The program.
    program: PathBuf,
    /// How many requests are made out of the document for each operation, and by each caller, at most.
    #[arg(long, default_value_t = 25)]
    examples: u32,
    /// How long each caller goes on at most.
    #[arg(long, default_value_t = 35)]
    seconds: u32,
    /// What the requests are drawn from.
    #[arg(long, default_value_t = 20_250_112)]
    seed: u64,
    /// Only this caller.
    #[arg(long)]
    role: Option<String>,
}

/// Who calls, and what the fixture calls with for them: nothing, a bearer key, or signatures.
type Caller = (&'static str, fn(&Fixture) -> &Client);
const CALLERS: [Caller; 6] = [
    ("nobody", |fixture| &fixture.anybody),
    ("admin", |fixture| &fixture.admin),
    ("staff", |fixture| &fixture.staff),
    ("merchant", |fixture| &fixture.merchant),
    ("terminal", |fixture| &fixture.terminal),
    ("payer", |fixture| &fixture.payer),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = |(name, _): &Caller| arguments.role.as_deref().is_none_or(|role| role == *name);
    let (mut passed, mut failed) = (0, 0);
    for (name, client) in CALLERS.into_iter().filter(wanted) {
        let fixture = Fixture::with(&Setup { policy: Some(patient_policy()), ..Setup::default() });
        let started = Instant::now();
        let fine = run(&arguments, &fixture, name, client(&fixture));
        // A server that fell over, or books that are wrong, would be the worst finding.
        fixture.assert_alive(name);
        fixture.verify();
        println!(
            "schemathesis as {name}: {} ({:.0} s)",
            if fine { "ok" } else { "FAILED" },
            started.elapsed().as_secs_f64()
        );
        if fine { passed += 1 } else { failed += 1 }
    }
    println!("schemathesis, seed {}: {passed} callers passed, {failed} failed", arguments.seed);
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Arguments, fixture: &Fixture, name: &str, client: &Client) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, known_ids(fixture)).unwrap();
    let output = folder.path().join("output.txt");
    let base_url = if client.signs() {
        format!("http://{}", signer::start(client))
    } else {
        client.base_url().to_owned()
    };
    let mut command = Command::new(&arguments.program);
    command
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(format!("{base_url}/openapi.json"))
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--checks",
            CHECKS,
            "--continue-on-failure",
            "--no-color",
        ])
        .args(["--generation-database", "none", "--warnings", "off", "--request-timeout", "20"])
        .args([
            "--max-examples",
            &arguments.examples.to_string(),
            "--max-time",
            &arguments.seconds.to_string(),
        ])
        .args(["--seed", &arguments.seed.to_string()])
        .current_dir(folder.path())
        .stdout(std::fs::File::create(&output).unwrap());
    if let Some(key) = client.key() {
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
    } else if client.signs() {
        command.args(["--header", &format!("Authorization: {}", signer::SIGN)]);
    }
    let status =
        command.status().unwrap_or_else(|error| panic!("starting {}: {error}", arguments.program.display()));
    let said = std::fs::read_to_string(&output).unwrap();
    if !status.success() {
        println!("{said}\nschemathesis as {name} ended with {status}\n{}", fixture.server.log_tail());
    } else {
        println!("{}", summary(&said));
    }
    status.success()
}

/// The default, but for rates: thousands of requests of one address would soon only be told to come later.
fn patient_policy() -> String {
    let policy = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let (rest, rates) = policy.split_once("\n[rates]\n").expect("there are rates");
    let (rates, more) =
        rates.split_once("\n[").map_or((rates, String::new()), |(rates, more)| (rates, format!("[{more}")));
    let names = rates.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    let rates: Vec<String> =
        names.map(|name| format!("{name} = {{ per_minute = 6000000, burst = 1000000 }}")).collect();
    format!("{rest}\n[rates]\n{}\n{more}", rates.join("\n"))
}

/// What stands in paths: things that exist, or hardly any request would come further than "no such thing".
fn known_ids(fixture: &Fixture) -> String {
    let ids = [
        ("merchant_id", fixture.merchant_id.to_string()),
        ("payer_id", fixture.payer_id.to_string()),
        ("order_id", fixture.open.order_id.to_string()),
        ("session_id", fixture.open.session.session_id.to_string()),
        ("enrolment_id", fixture.enrolment_id.to_string()),
        ("payment_id", fixture.payment_id.to_string()),
        ("dispute_id", fixture.dispute_id.to_string()),
    ];
    let lines = ids.map(|(name, id)| format!("\"path.{name}\" = \"{id}\"\n"));
    format!("[parameters]\n{}", lines.concat())
}

/// The lines that say how much was tried.
fn summary(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.contains("SUMMARY"));
    lines.skip(1).filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}
