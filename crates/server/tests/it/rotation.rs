//! The master key is rotated while payments are taken, and killed half way, and nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use api::{EvidenceView, NewOrder, WebhookReply, Withdrawn};
use serde_json::json;

use crate::database::{Dump, on_postgres};
use crate::first_version::put_back;
use crate::fixture::{Fixture, attempt_at, models, new_order, pay, yuan};
use crate::money::put;
use crate::privacy::files;

fn rotation(fixture: &Fixture, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.env_remove("SURETY_DATABASE").env_remove("SURETY_MASTER_KEY").stdin(Stdio::null());
    command.arg("rotate-master-key").arg("--data").arg(fixture.server.data()).args(more);
    if let Some(url) = fixture.server.database() {
        command.args(["--database", url]);
    }
    command
}

#[track_caller]
fn told(output: &Output) -> String {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[track_caller]
fn rotate(fixture: &Fixture, more: &[&str]) -> String {
    told(&rotation(fixture, more).output().unwrap())
}

fn master_key(fixture: &Fixture) -> PathBuf {
    fixture.server.data().join("master.key")
}

fn generations(fixture: &Fixture) -> Vec<String> {
    fs::read_to_string(master_key(fixture)).unwrap().lines().map(str::to_owned).collect()
}

/// The generations that wrap something, or may.
fn in_use(fixture: &Fixture) -> BTreeSet<String> {
    let dump = Dump::of(&fixture.server);
    let columns = [
        ("payers", "contact_generation"),
        ("face_keys", "generation"),
        ("captures", "generation"),
        ("merchants", "webhook_generation"),
        ("installation", "generation"),
        ("master_generations", "id"),
    ];
    let mut found = BTreeSet::new();
    for (table, column) in columns {
        for row in dump.table(table) {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            found.extend(row[column].as_str().map(str::to_owned));
        }
    }
    found
}

/// The generations that wrap the keys of payers: several while a rotation is half way.
fn payers_under(fixture: &Fixture) -> BTreeSet<String> {
    let generation = |row: &String| {
        serde_json::from_str::<serde_json::Value>(row).unwrap()["contact_generation"].to_string()
    };
    Dump::of(&fixture.server).table("payers").iter().map(generation).collect()
}

/// One more payment, of an amount of its own.
fn pay_once(fixture: &Fixture, n: i64) {
    let order = NewOrder { amount: yuan(300 + n), ..new_order(fixture.terminal_id, &format!("r{n}")) };
    pay(&fixture.terminal, &attempt_at(&fixture.merchant, &fixture.terminal, &order));
}

/// Everything that is sealed is opened: webhook secret, template, contact, probe.
fn opens_everything(fixture: &mut Fixture, n: i64, master_keys: Option<&str>) {
    fixture.restart(master_keys).unwrap();
    pay_once(fixture, n);
    let path = format!("/v1/disputes/{}/gather", fixture.dispute_id);
    let gathered: EvidenceView = fixture.staff.post_empty(&path).unwrap();
    assert_eq!(gathered.facts["capture_preserved"], json!(true));
    for (when, language, words) in
        [("certainty_then", "en", "Sure to 1 in"), ("certainty_now", "zh", "认错的可能为")]
    {
        let told = gathered.facts[when][language].as_str().unwrap();
        assert!(told.starts_with(words) && !told.contains("payer_"), "{told}");
    }
    fixture.verify();
}

fn set_webhook(fixture: &Fixture) {
    let path = format!("/v1/merchants/{}/webhook", fixture.merchant_id);
    let _: WebhookReply = put(&fixture.staff, &path, &json!({ "url": "http://127.0.0.1:9/nobody" }));
}

#[test]
fn payments_go_on_while_the_master_key_is_rotated() {
    let mut fixture = Fixture::new();
    set_webhook(&fixture);
    let first = generations(&fixture);
    assert_eq!(first.len(), 1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            let mut rotations = 0;
            while !done.load(Ordering::Relaxed) || rotations == 0 {
                let said = rotate(&fixture, &[]);
                assert!(said.contains("(new)") && said.contains(" 0 left"), "{said}");
                rotations += 1;
            }
            rotations
        });
        for n in 0..6 {
            pay_once(&fixture, n);
        }
        done.store(true, Ordering::Relaxed);
        let rotations = rotating.join().unwrap();
        println!("{rotations} rotations during 6 payments");
        assert_eq!(generations(&fixture).len(), rotations + 1);
    });
    let said = rotate(&fixture, &["--retire-old"]);
    assert!(said.contains("(begun before)") && said.contains("retired"), "{said}");
    let newest = generations(&fixture);
    assert_eq!(newest.len(), 1);
    assert_ne!(newest, first);
    assert_eq!(in_use(&fixture).len(), 1, "{:?}", in_use(&fixture));
    // The server that ran through all of it, and one that knows the new key alone.
    pay_once(&fixture, 50);
    opens_everything(&mut fixture, 51, None);

    // The old key alone opens nothing; nothing of the data is changed by trying.
    fs::write(master_key(&fixture), &first[0]).unwrap();
    let refused = fixture.restart(None).unwrap_err();
    assert!(format!("{refused:#}").contains("begun under another master key"), "{refused:#}");
}

#[test]
fn a_rotation_that_is_killed_is_taken_up_again() {
    let mut fixture = Fixture::new();
    // Enough keys for a kill to come in between.
    fixture.stopped(|data, database| {
        let surety = Path::new(env!("CARGO_BIN_EXE_surety"));
        scenario::seed(surety, (data, database), &models(), 400).unwrap();
    });
    // How long a rotation takes depends on the machine: look for its middle from both sides.
    let (mut early, mut late) = (0, 2_000_000);
    let mut half_way = 0;
    for _ in 0..80 {
        let before = payers_under(&fixture);
        let mut child = rotation(&fixture, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let micros = (early + late) / 2;
        thread::sleep(Duration::from_micros(micros));
        child.kill().unwrap();
        child.wait().unwrap();
        let used = in_use(&fixture).len();
        assert!(used <= generations(&fixture).len(), "whatever wraps is in the file");
        let after = payers_under(&fixture);
        match (after.len() > 1, after == before) {
            (true, _) => half_way += 1,
            (false, true) => early = micros,
            (false, false) => late = micros,
        }
        if half_way == 3 {
            break;
        }
        if late <= early + 500 {
            (early, late) = (early.saturating_sub(20_000), late + 20_000);
        }
    }
    println!("{half_way} cut off half way, {} generations", generations(&fixture).len());
    assert!(half_way > 0, "none was cut off half way");
    pay_once(&fixture, 1);
    let said = rotate(&fixture, &["--retire-old"]);
    assert!(said.contains(" 0 left"), "{said}");
    assert_eq!((generations(&fixture).len(), in_use(&fixture).len()), (1, 1));
    pay_once(&fixture, 2);
    opens_everything(&mut fixture, 3, None);
}

/// Only where the books are a file that this test can put back.
#[test]
fn an_installation_of_the_first_version_goes_on_and_is_brought_up() {
    if on_postgres() {
        return;
    }
    let mut fixture = Fixture::new();
    set_webhook(&fixture);
    fixture.stopped(|data, _| put_back(data));
    let first_values = |fixture: &Fixture| {
        let sealed = files(&fixture.server.data().join("captures"));
        sealed.iter().filter(|path| fs::read(path).unwrap()[0] == 1).count()
    };
    assert_eq!(first_values(&fixture), 2, "the pictures of the payment");
    opens_everything(&mut fixture, 1, None);
    let said = rotate(&fixture, &["--retire-old"]);
    assert!(said.contains("5 values and 2 pictures of the first version"), "{said}");
    assert_eq!((first_values(&fixture), generations(&fixture).len()), (0, 1));
    opens_everything(&mut fixture, 2, None);
    let _: Withdrawn = fixture.payer.delete("/v1/me/consent").unwrap();
    fixture.verify();
}

#[test]
fn the_master_key_may_come_from_the_environment() {
    let mut fixture = Fixture::new();
    let old = generations(&fixture)[0].clone();
    fixture.stopped(|data, _| fs::remove_file(data.join("master.key")).unwrap());
    opens_everything(&mut fixture, 1, Some(&old));
    assert!(!master_key(&fixture).exists(), "no file is made");
    let new = "5a".repeat(32);
    let both = format!("{new},{old}");
    opens_everything(&mut fixture, 2, Some(&both));
    let said = told(&rotation(&fixture, &["--retire-old"]).env("SURETY_MASTER_KEY", &both).output().unwrap());
    assert!(said.contains("(the first given)") && said.contains("take them out of the variable"), "{said}");
    opens_everything(&mut fixture, 3, Some(&new));
    let refused = fixture.restart(Some(&old)).unwrap_err();
    assert!(format!("{refused:#}").contains("begun under another master key"), "{refused:#}");
    let refused = fixture.restart(Some("not a key")).unwrap_err();
    let refused = format!("{refused:#}");
    assert!(refused.contains("64 hexadecimal digits") && !refused.contains("not a key"), "{refused}");
}

/// Several machines: the new generation is copied to each before anything is wrapped by it.
#[test]
fn a_generation_that_was_only_added_wraps_nothing_yet() {
    let fixture = Fixture::new();
    let said = rotate(&fixture, &["--add-only"]);
    assert!(said.contains("copy master.key"), "{said}");
    rotate(&fixture, &["--add-only"]);
    assert_eq!(generations(&fixture).len(), 2, "twice is once");
    let before = in_use(&fixture);
    assert_eq!(before.len(), 1);
    pay_once(&fixture, 1);
    assert_eq!(in_use(&fixture), before);
    let said = rotate(&fixture, &[]);
    assert!(said.contains("(begun before)"), "{said}");
    assert_eq!(generations(&fixture).len(), 2);
    pay_once(&fixture, 2);
}
