//! `surety train` and `surety features`, on a made-up town in which one terminal went bad.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use risk::RiskModel;
use types::Timestamp;

use crate::fixture::workspace;

const COLUMNS: &str = "at,utc_offset_minutes,amount_minor,payer,terminal,merchant,city,latitude,longitude,home_latitude,\
                       home_longitude,wrong,known_at";
const DAY: i64 = 86_400;

fn surety(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_surety")).args(arguments).output().unwrap()
}

/// Fifty days of payments. Large ones are wrong, and so is all that is paid at one terminal from the tenth day on; a day
/// later that is known.
fn town(line: impl Fn(usize, String) -> String) -> String {
    let mut text = format!("{COLUMNS}\n");
    for number in 0..3_000_usize {
        let drawn = number.wrapping_mul(2_654_435_761) >> 7;
        let seconds = 1_767_571_200 + i64::try_from(number).unwrap() * 50 * DAY / 3_000;
        let (large, terminal) = (drawn % 40 == 0, drawn / 64 % 12);
        let wrong = large || (terminal == 3 && number > 600);
        let amount = if large { 80_000 } else { 900 + drawn % 2_000 };
        let stamp = |seconds| Timestamp::from_second(seconds).unwrap();
        let row = format!(
            "{},480,{amount},p{},t{terminal},m1,上海,31.2,121.4,,,{},{}",
            stamp(seconds),
            drawn / 1_024 % 30,
            if wrong { "yes" } else { "no" },
            stamp(seconds + DAY)
        );
        writeln!(text, "{}", line(number, row)).unwrap();
    }
    text
}

fn train(data: &Path, out: &Path) -> (Output, String) {
    let [data, out] = [data, out].map(|path| path.to_str().unwrap());
    let run = surety(&[
        "train",
        "--data",
        data,
        "--out",
        out,
        "--set",
        "a made-up town",
        "--delay-days",
        "1",
        "--learned-days",
        "20",
        "--seeds",
        "2",
        "--trees",
        "20",
    ]);
    let said = String::from_utf8([&run.stdout[..], &run.stderr[..]].concat()).unwrap();
    (run, said)
}

#[test]
fn a_model_is_trained_from_a_file_of_payments() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["town.csv", "model.json"].map(|name| folder.path().join(name));
    fs::write(&data, town(|_, row| row)).unwrap();
    let (run, said) = train(&data, &out);
    assert!(run.status.success(), "{said}");
    let text = fs::read_to_string(&out).unwrap();
    let model = RiskModel::read(&text).unwrap();
    let from = model.provenance();
    assert_eq!((from.data.as_str(), from.delay_days, from.trees.len()), ("a made-up town", 1, 2));
    assert_eq!(from.validation.until + DAY, from.held_out.from);
    assert!(from.worth.auc_roc > 0.9, "{:?}", from.worth);
    // Neither the names of files nor of people go into the model.
    for word in [folder.path().to_str().unwrap(), "town.csv", "\"p1\""] {
        assert!(!text.contains(word), "{word}");
    }

    let card = fs::read_to_string(out.with_extension("md")).unwrap();
    assert!(card.contains("a made-up town") && card.contains("不得用于"), "{card}");
    // The same payments give the same model.
    let again = folder.path().join("again.json");
    assert!(train(&data, &again).0.status.success());
    assert!(fs::read_to_string(&again).unwrap() == text);
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["town.csv", "model.json"].map(|name| folder.path().join(name));
    let broken: [(&str, &str, &str, &str); 7] = [
        ("payment 8", ",480,", ",9999,", "utc_offset_minutes is more than a day"),
        ("payment 8", ",31.2,", ",91.2,", "latitude must lie in"),
        ("payment 8", ",121.4,,,", ",121.4,31.0,,", "a home has a latitude and a longitude"),
        ("payment 8", ",no,", ",maybe,", "say yes or no"),
        ("payment 8", ",no,2026", ",no,2025", "known_at lies before the payment"),
        ("town.csv", ",m1,", ",", "found record with 12 fields"),
        ("town.csv", ",480,", ",eight,", "invalid digit"),
    ];
    for (place, from, to, why) in broken {
        fs::write(&data, town(|number, row| if number == 7 { row.replace(from, to) } else { row })).unwrap();
        let (run, said) = train(&data, &out);
        assert!(!run.status.success() && said.contains(place) && said.contains(why), "{why}: {said}");
    }
    fs::write(&data, town(|_, row| row.replace(",yes,", ",no,"))).unwrap();
    let (run, said) = train(&data, &out);
    assert!(!run.status.success() && said.contains("0 of them wrong"), "{said}");
    fs::write(&data, format!("{COLUMNS}\n")).unwrap();
    assert!(train(&data, &out).1.contains("holds no payments"));
    assert!(train(&folder.path().join("nothing.csv"), &out).1.contains("nothing.csv"));
    assert!(train(&data, &out.with_extension("md")).1.contains("another ending than .md"));
    assert!(!out.exists());
}

/// An outcome that nobody knows teaches nothing, and is no error.
#[test]
fn unknown_outcomes_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [data, out] = ["town.csv", "model.json"].map(|name| folder.path().join(name));
    let blank = |number: usize, row: String| {
        if !number.is_multiple_of(3) {
            return row;
        }
        let (line, _known_at) = row.rsplit_once(',').unwrap();
        format!("{},,", line.rsplit_once(',').unwrap().0)
    };
    fs::write(&data, town(blank)).unwrap();
    let (run, said) = train(&data, &out);
    assert!(run.status.success(), "{said}");
    let model = RiskModel::read(&fs::read_to_string(&out).unwrap()).unwrap();
    // Two thirds of 60 payments a day.
    assert_eq!(model.provenance().held_out.payments, 7 * 40);
}

#[test]
fn the_committed_features_are_current() {
    let printed = surety(&["features"]);
    assert!(printed.status.success());
    let committed = fs::read(workspace().join("docs/features.md")).unwrap();
    assert!(
        printed.stdout == committed,
        "docs/features.md is old: run `cargo xtask codegen` and commit what it wrote"
    );
}
