//! `surety calibrate --gallery` on synthetic accounts.

use std::path::Path;
use std::process::{Command, Output};

use scenario::{Server, Start};
use serde_json::Value;

use super::{argument, default_policy};
use crate::database::Dump;
use crate::fixture::{models, start};

fn surety(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_surety")).args(arguments).output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    run
}

fn seed(data: &str, accounts: &str) {
    let models = models();
    let models = models.to_str().unwrap();
    assert!(surety(&["seed", "--data", data, "--models", models, "--accounts", accounts]).status.success());
}

fn refused(run: &Output, part: &str) {
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said.contains(part), "{said}");
}

#[test]
fn a_deployment_recalibrates_from_its_own_gallery() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // On SQLite, whatever the tests run on.
    let how = Start { database: None, ..start(folder.path(), &models()) };
    let (data, out) = (how.data.to_str().unwrap().to_owned(), path("own-1.json"));
    seed(&data, "30");
    let calibrate = ["calibrate", "--gallery", "--data", &data, "--id", "own-1", "--out", &out];
    refused(&surety(&calibrate), "the gallery has 30 people, and 400 at least are needed");
    assert!(!Path::new(&out).exists());
    refused(&surety(&["calibrate", "--gallery", "--id", "own-1", "--out", &out]), "--data");
    refused(&surety(&["calibrate", "--id", "own-1", "--out", &out]), "--set");

    seed(&data, "420");
    let policy = path("policy.toml");
    let north = "\n[[cohorts]]\nname = \"north\"\nsouth = 44.0\nnorth = 50.0\nwest = 120.0\neast = 130.0\n";
    std::fs::write(&policy, default_policy() + north).unwrap();
    let few = [&calibrate[..], &["--policy", &policy]].concat();
    refused(&surety(&few), "the cohort north has ");

    let run = surety(&calibrate);
    assert!(run.status.success());
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("450 people are enrolled, 450 are compared"), "{said}");
    assert!(said.contains("for 5 pictures against 3 frames: the strangers"), "everybody has two: {said}");
    let made: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    let about = &made["provenance"];
    assert_eq!((&about["people"], &about["builds_on"]), (&450.into(), &"sface-lfw-dev-2".into()));
    assert_eq!(about["set"], "own gallery; owners as in sface-lfw-dev-2");
    // Directions in 128 dimensions that share a twentieth: 1.5 % of pairs score above 0.25.
    let knots = made["models"][0]["knots"].as_array().unwrap();
    let rate = knots.iter().find(|knot| knot[0] == 0.25).unwrap()[2].as_f64().unwrap().exp();
    assert!((0.005..0.05).contains(&rate), "{rate}");

    // It decides after a start that names it, and the look at the templates stands in the records.
    let server = Server::start(&Start { more: argument(Path::new(&out)), ..how }).unwrap();
    let health: Value = server.client().get("/health").unwrap();
    assert_eq!(health["calibration"]["id"], "own-1");
    let events = Dump::of(&server);
    let looks: Vec<&String> =
        events.table("events").iter().filter(|row| row.contains("templates_compared")).collect();
    assert_eq!(looks.len(), 3, "also of those who were too few: {looks:?}");
    assert!(looks[2].contains("\\\"people\\\":450") && looks[2].contains("operator"), "{}", looks[2]);
}
