//! `surety eval-pad` and `surety train-liveness` on simulated captures of the sample people, who do not exist. What is
//! fitted here is fitted to a simulator, and thrown away.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use scenario::{Simulated, simulated};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, Setup, capture, models, samples};

const POSES: [&str; 2] = ["studio_portrait", "amateur_selfie"];
const SEEDS: u64 = 2;

/// One simulated capture.
struct Shot {
    person: usize,
    kind: &'static str,
    bytes: Vec<u8>,
}

/// Ten people, four captures of each kind, made once.
static SHOTS: LazyLock<Vec<Shot>> = LazyLock::new(|| {
    let shots = |person: usize| {
        let mut shots = Vec::new();
        for (pose, name) in POSES.iter().enumerate() {
            let jpeg = vec![fs::read(samples().join(format!("P{person:03}/{name}.jpg"))).unwrap()];
            let kinds = [
                ("live", Simulated::Living),
                ("print", Simulated::Print),
                ("replay", Simulated::CloseReplay),
            ];
            for (at, (kind, what)) in kinds.into_iter().enumerate() {
                for seed in 0..SEEDS {
                    let seed = seed + 100 * person as u64 + 10 * pose as u64 + 7_000 * at as u64;
                    shots.push(Shot { person, kind, bytes: simulated(what, &jpeg, seed).unwrap() });
                }
            }
        }
        shots
    };
    std::thread::scope(|scope| {
        let halves =
            [1..=5, 6..=10].map(|people| scope.spawn(move || people.flat_map(shots).collect::<Vec<_>>()));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    })
});

/// The folder of a kind, as the commands want it.
fn folder_of(set: &Path, kind: &str) -> PathBuf {
    if kind == "live" { set.join("live") } else { set.join("attack").join(kind) }
}

/// Writes the captures, each under the kind that `label` says.
fn write(set: &Path, label: impl Fn(usize, &Shot) -> &'static str) {
    for (number, shot) in SHOTS.iter().enumerate() {
        let person = folder_of(set, label(number, shot)).join(format!("person-{}", shot.person));
        fs::create_dir_all(&person).unwrap();
        fs::write(person.join(format!("{number}.png")), &shot.bytes).unwrap();
    }
}

fn surety(arguments: &[&str]) -> (Output, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_surety")).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    println!("{said}");
    (run, said)
}

fn path(of: &Path) -> &str {
    of.to_str().unwrap()
}

fn eval(set: &Path, out: &Path, more: &[&str]) -> (Output, String) {
    let models = models();
    surety(&[&["eval-pad", path(set), "--out", path(out), "--models", path(&models)], more].concat())
}

fn train(set: &Path, out: &Path, more: &[&str]) -> (Output, String) {
    let models = models();
    let known = ["--models", path(&models), "--id", "simulated-1", "--set", "simulated, of no use"];
    surety(&[&["train-liveness", path(set), "--out", path(out)], &known[..], more].concat())
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_fit_finds_what_the_simulator_did_and_nothing_in_shuffled_labels() {
    let folder = TempDir::new().unwrap();
    let (set, model) = (folder.path().join("set"), folder.path().join("model.json"));
    write(&set, |_, shot| shot.kind);
    let (run, said) = train(&set, &model, &["--captures-min", "20"]);
    assert!(run.status.success() && said.contains("it helps on people whom it has not seen"), "{said}");
    let trained = json(&model);
    assert_eq!(trained["provenance"]["subjects"], 5);
    assert_eq!(trained["heads"].as_array().unwrap().len(), 2);
    let out = folder.path().join("out");
    let (run, _) = eval(&set, &out, &["--liveness", path(&model)]);
    assert!(run.status.success());
    let report = json(&out.join("report.json"));
    let equal = |score: &str| report["scores"][score]["equal_error"][0]["rate"]["value"].as_f64().unwrap();
    assert!(equal("simulated-1") < equal("stock"), "{report}");
    assert!(report["difference"]["high"].as_f64().unwrap() < 0.0);

    // The same pictures, called what they are not: measured already, and nothing is found.
    let (other, nothing) = (folder.path().join("shuffled"), folder.path().join("nothing.json"));
    let kinds = ["live", "print", "replay"];
    // Each person has as many of each label, and each label as many of each kind.
    write(&other, |number, shot| kinds[(number % 12 + number % 12 / 6 + shot.person) % 3]);
    fs::copy(folder.path().join("model.json.measures"), folder.path().join("nothing.json.measures")).unwrap();
    let (run, said) = train(&other, &nothing, &["--captures-min", "20"]);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("it is not shown to help") || said.contains("it does harm"), "{said}");
    assert!(!nothing.exists());
    // On demand it is written all the same, and says what it is.
    let (run, said) = train(&other, &nothing, &["--captures-min", "20", "--unproven"]);
    assert!(run.status.success() && said.contains("UNPROVEN") && nothing.exists(), "{said}");
    takes_no_payment_that_the_model_takes_for_an_attack(&model);
}

/// The model decides in place of the stock rule, and what it said is on record.
fn takes_no_payment_that_the_model_takes_for_an_attack(model: &Path) {
    let mut wary = json(model);
    for head in wary["heads"].as_array_mut().unwrap() {
        head["intercept"] = 100.0.into();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("wary.json");
    fs::write(&file, wary.to_string()).unwrap();
    let more = vec!["--liveness".to_owned(), path(&file).to_owned()];
    let started = std::panic::catch_unwind(|| Fixture::with(&Setup { more, ..Setup::default() }));
    // The fixture pays by face on the way: a model that takes everything for an attack lets nobody.
    let error = started.err().expect("a payment went through");
    let said = error.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(said.contains("not_live"), "{said}");
    let more = vec!["--liveness".to_owned(), path(model).to_owned()];
    let fixture = Fixture::with(&Setup { more, ..Setup::default() });
    let path = format!("/v1/capture-sessions/{}/capture", fixture.open.session.session_id);
    let view: api::SessionView = fixture.terminal.post(&path, &capture(&fixture.open)).unwrap();
    println!("{view:?}");
}

#[test]
fn captures_are_evaluated_and_taken_up_again() {
    let folder = TempDir::new().unwrap();
    let (set, out) = (folder.path().join("set"), folder.path().join("out"));
    for shot in SHOTS.iter().filter(|shot| shot.person <= 2) {
        // Two devices, captures of two frames, and one that shows nothing.
        let device = folder_of(&set, shot.kind).join(format!("person-{}", shot.person)).join("till-7");
        let capture = device.join("capture-1");
        fs::create_dir_all(&capture).unwrap();
        let count = fs::read_dir(&capture).unwrap().count();
        let name = format!("{}.png", fs::read_dir(&device).unwrap().count() + count);
        fs::write(if count < 2 { capture.join(name) } else { device.join(name) }, &shot.bytes).unwrap();
    }
    fs::write(set.join("live/person-1/till-7/broken.png"), b"no picture").unwrap();
    let (run, said) = eval(&set, &out, &[]);
    assert!(run.status.success(), "{said}");
    let text = fs::read_to_string(out.join("report.json")).unwrap();
    let report = json(&out.join("report.json"));
    let stock = &report["scores"]["stock"];
    assert_eq!(report["refused_captures"]["not_a_picture"], 1);
    let live = &stock["answered"][0];
    assert_eq!((&live["kind"], &live["captures"], &live["subjects"]), (&"live".into(), &7.into(), &2.into()));
    assert!((live["share"]["value"].as_f64().unwrap() - 1.0 / 7.0).abs() < 1e-9);
    assert_eq!(stock["at"][0]["threshold"], 0.3);
    assert_eq!(stock["at"][0]["species"][1]["species"], "replay");
    let interval = &stock["at"][1]["bpcer"];
    assert!(interval["low"].as_f64().unwrap() <= interval["value"].as_f64().unwrap());
    assert!(
        interval["high"].as_f64().unwrap() > interval["value"].as_f64().unwrap(),
        "two people show little"
    );
    assert!(report["devices"]["till-7"]["stock"].is_object());
    for plot in ["det-stock.svg", "scores-stock.svg"] {
        let svg = fs::read_to_string(out.join(plot)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{plot}");
    }
    let table = fs::read_to_string(out.join("errors.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 2 * 5 + 3 + 3, "{table}");
    // A run that was cut off in the middle of a line goes on.
    let kept = out.join("report.json.measures");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = fs::read_to_string(&kept).unwrap();
    let measured = lines.lines().count();
    fs::write(&kept, &lines[..lines.len() / 2]).unwrap();
    assert!(eval(&set, &out, &[]).0.status.success());
    assert_eq!(fs::read_to_string(out.join("report.json")).unwrap(), text);
    assert_eq!(fs::read_to_string(&kept).unwrap().lines().count(), measured);
    // Too little for a model, and it says what is missing.
    let model = folder.path().join("model.json");
    let (run, said) = train(&set, &model, &[]);
    assert_eq!(run.status.code(), Some(1));
    assert!(said.contains("too few captures for a liveness model") && !model.exists(), "{said}");
}

#[test]
fn folders_of_another_layout_are_refused() {
    let folder = TempDir::new().unwrap();
    let (set, out) = (folder.path().join("set"), folder.path().join("out"));
    let refused = |part: &str| {
        let (run, said) = eval(&set, &out, &[]);
        assert!(run.status.code() == Some(1) && said.contains(part), "{part}: {said}");
    };
    fs::create_dir_all(set.join("attack/print/person-1")).unwrap();
    refused("holds no folder `live`");
    fs::create_dir_all(set.join("live/person-1")).unwrap();
    refused("holds no captures");
    fs::write(set.join("live/1.png"), b"").unwrap();
    refused("belongs into a folder of its subject");
    fs::remove_file(set.join("live/1.png")).unwrap();
    let capture = set.join("live/person-1/capture-1");
    fs::create_dir_all(&capture).unwrap();
    refused("holds 0 pictures");
    for frame in 0..4 {
        fs::write(capture.join(format!("{frame}.png")), b"").unwrap();
    }
    refused("holds 4 pictures");
    fs::remove_dir_all(&capture).unwrap();
    fs::create_dir_all(set.join("live/person-1/till/week-1")).unwrap();
    refused("a folder of a capture is called capture");
    fs::remove_dir_all(set.join("live/person-1/till")).unwrap();
    fs::write(set.join("live/person-1/1.png"), b"no picture").unwrap();
    refused("at least one living face and one attack");
    fs::create_dir_all(set.join("attack/live/person-1")).unwrap();
    refused("cannot be called `live`");
}

#[test]
fn a_model_of_other_networks_is_not_used() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("other.json");
    let model = serde_json::json!({
        "format": 1, "id": "other", "cues": face::CUES_VERSION, "networks": ["00".repeat(32)],
        "provenance": {
            "set": "none", "subjects": 5, "captures": {}, "devices": [], "penalty": 1.0, "made_on": "2026-11-23",
            "command": "none",
        },
        "features": [{ "name": "moire_fine", "mean": 3.0, "deviation": 1.0 }],
        "heads": [{ "species": "replay", "intercept": 0.0, "weights": [1.0] }],
    });
    fs::write(&file, model.to_string()).unwrap();
    let mut start = crate::fixture::start(folder.path(), &models());
    start.more = vec!["--liveness".to_owned(), path(&file).to_owned()];
    let error = scenario::Server::start(&start).err().map(|error| format!("{error:#}")).unwrap();
    assert!(error.contains("fitted to other networks"), "{error}");
}
