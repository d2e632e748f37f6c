//! `surety calibrate` and `surety eval` on the sample people, who do not exist.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::workspace;

fn surety(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_surety")).args(arguments).output().unwrap();
    println!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    run
}

fn path(of: &Path) -> &str {
    of.to_str().unwrap()
}

/// Three people with two pictures each, as Labeled Faces in the Wild names them.
fn people(folder: &Path) {
    for person in ["P001", "P003", "P005"] {
        fs::create_dir_all(folder.join(person)).unwrap();
        for (n, name) in [(1, "studio_portrait"), (2, "amateur_selfie")] {
            let from = workspace().join(format!("var/samples/{person}/{name}.jpg"));
            fs::copy(from, folder.join(format!("{person}/{person}_000{n}.jpg"))).unwrap();
        }
    }
    fs::write(folder.join("P005/P005_0003.jpg"), b"no picture").unwrap();
}

#[test]
fn a_folder_of_people_is_evaluated_and_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let (set, out) = (folder.path().join("set"), folder.path().join("out"));
    people(&set);
    let pairs = folder.path().join("pairs.txt");
    let first = "P001 1 2\nP003 1 2\nP001 1 P003 1\nP001 2 P005 1";
    let second = "P005 1 2\nP001 2 1\nP003 1 P005 2\nP003 2 P005 3";
    fs::write(&pairs, format!("2\t2\n{first}\n{second}\n")).unwrap();
    let models = workspace().join("var/models");
    let calibration = workspace().join("policy/calibration/sface-lfw-dev-2.json");
    let arguments = [
        "eval",
        path(&set),
        "--out",
        path(&out),
        "--models",
        path(&models),
        "--calibration",
        path(&calibration),
        "--everybody",
        "--pictures-max",
        "1",
        "--galleries",
        "2",
        "--pairs",
        path(&pairs),
    ];
    assert!(surety(&arguments).status.success());
    let text = fs::read_to_string(out.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["calibration"]["id"], "sface-lfw-dev-2");
    assert_eq!(report["refused_pictures"]["not_a_picture"], 1);
    assert_eq!((&report["people"], &report["pictures"]), (&3.into(), &6.into()));
    assert_eq!(report["verification"]["equal_error_rate"], 0.0);
    // The pair with the broken picture is none of one person, so that counting it as two people is right.
    assert_eq!(report["folds"]["unusable"], 1);
    assert_eq!(report["folds"]["all"]["accuracy"], 1.0);
    let search = &report["galleries"][0]["search"];
    assert_eq!((&search["enrolled"], &search["by_posterior"]["rank_one"]["value"]), (&2.into(), &1.0.into()));
    assert_eq!(search["policy"][0]["wrong_debit"]["value"], 0.0);
    for plot in ["errors.svg", "reliability.svg", "outcomes.svg"] {
        let svg = fs::read_to_string(out.join(plot)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{plot}");
    }
    let table = fs::read_to_string(out.join("galleries.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 2 * 2 * 3, "{table}");
    // Templates are the owner's alone, and a run that was cut off in the middle of a line goes on.
    let kept = out.join("report.json.templates");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = fs::read_to_string(&kept).unwrap();
    assert_eq!(lines.lines().count(), 7);
    fs::write(&kept, &lines[..lines.len() / 2]).unwrap();
    assert!(surety(&arguments).status.success());
    assert_eq!(fs::read_to_string(out.join("report.json")).unwrap(), text);
    assert_eq!(fs::read_to_string(&kept).unwrap().lines().count(), 7);
}

#[test]
fn too_few_people_make_no_calibration_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (set, out) = (folder.path().join("set"), folder.path().join("own.json"));
    people(&set);
    let models = workspace().join("var/models");
    let arguments = [
        "calibrate",
        path(&set),
        "--out",
        path(&out),
        "--models",
        path(&models),
        "--id",
        "own-1",
        "--set",
        "people who do not exist",
        "--no-cache",
        "--as-terminal",
    ];
    let run = surety(&arguments);
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("do not suffice for a calibration"), "{said}");
    assert!(!out.exists() && fs::read_dir(folder.path()).unwrap().count() == 1);
    fs::remove_dir_all(&set).unwrap();
    let run = surety(&arguments);
    assert!(String::from_utf8_lossy(&run.stderr).contains("reading the folder"));
}
