//! A disk that is full, and a file that somebody else holds: the server says so, and nothing is half written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use api::{Funding, PayerView};
use rusqlite::Connection;
use scenario::Client;
use types::{Amount, TransferId};

use crate::city::{City, Kind, yuan};
use crate::journal::Op;
use crate::kills::{Round, finish, seed};
use crate::process::{Access, SURETY, Start};
use crate::worker::{Keys, Signals, Unanswered};

/// How much the files may still grow: enough for some hundred requests.
const ROOM_BYTES: u64 = 600 * 1024;
const ROOM_FOR_NO_PICTURE: u64 = 16 * 1024;
const UNTIL_FULL: Duration = Duration::from_secs(60);

#[test]
fn the_disk_is_full() {
    let (city, server) = City::build(Kind::Sqlite, 3);
    let mut round = Round::new(city, seed());
    drop(server);
    let start = round.city.start.clone();
    let data = fs::read_dir(&start.data).unwrap();
    let largest = data.map(|entry| entry.unwrap().metadata().unwrap().len()).max().unwrap();
    let server = limited(&round, largest + ROOM_BYTES).start();
    fill(&mut round, &server.access);
    says_so(&server.access);
    for worker in &round.workers {
        let payer = server.access.client().with_key(&worker.journal.till.payer_key);
        let _: PayerView = payer.get("/v1/me").unwrap();
    }
    start.verify();
    drop(server);
    start.verify();
    // What did not happen then happens once, when there is room again.
    let server = start.start();
    round.resolve(&server.access);
    finish(&mut round, &server.access);
}

/// A server no file of which may grow larger: writing beyond is an error.
fn limited(round: &Round, bytes: u64) -> Start {
    let folder = round.city.folder.path();
    let program = folder.join("limited.sh");
    // The unit of `ulimit -f` is 512 bytes in a POSIX shell.
    let blocks = bytes / 512;
    let text = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -f {blocks}\nexec '{SURETY}' \"$@\"\n");
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Start { program, log: folder.join("limited.log"), ..round.city.start.clone() }
}

/// The books lie elsewhere and have room; the pictures do not fit.
#[test]
fn no_room_for_pictures() {
    let (city, server) = City::build(Kind::Postgres("pictures"), 1);
    let mut round = Round::new(city, seed());
    drop(server);
    let start = round.city.start.clone();
    let limited = limited(&round, ROOM_FOR_NO_PICTURE);
    // Nor does anything more fit into the log, which must not matter to anybody.
    fs::write(&limited.log, vec![b'\n'; usize::try_from(ROOM_FOR_NO_PICTURE).unwrap()]).unwrap();
    let server = limited.start();
    let signals = Signals::default();
    let worker = &mut round.workers[0];
    let number = "order-1".to_owned();
    let order = Op::Order { number: number.clone(), minor: 5_000, manual: false };
    let keys = Keys::new(&server.access, &worker.journal.till);
    worker.ask(&keys, order, &signals).unwrap();
    let Unanswered(why) = worker.ask(&keys, Op::Pay { number }, &signals).unwrap_err();
    assert!(why.contains("503 storage_unavailable"), "{why}");
    let files = fs::read_dir(start.data.join("captures")).unwrap().map(|file| file.unwrap().file_name());
    // The pictures of the enrolment were stored while there was room.
    let left: Vec<_> = files.filter(|name| !name.to_str().unwrap().starts_with("enr_")).collect();
    assert!(left.is_empty(), "half a picture is left: {left:?}");
    drop(server);
    let server = start.start();
    round.resolve(&server.access);
    assert_eq!(round.workers[0].journal.payments.len(), 1, "with room again it is paid");
    finish(&mut round, &server.access);
}

/// Everybody asks until the disk is full.
fn fill(round: &mut Round, access: &Access) {
    let (signals, clients) = (Signals::default(), round.workers.len());
    // A request may stay without an answer here.
    signals.killing.store(true, Ordering::SeqCst);
    let began = Instant::now();
    round.load(access, &signals, || {
        while signals.ended.load(Ordering::SeqCst) < clients && began.elapsed() < UNTIL_FULL {
            thread::sleep(Duration::from_millis(20));
        }
        signals.stop.store(true, Ordering::SeqCst);
    });
    for worker in &round.workers {
        let why = &worker.fault;
        assert!(why.contains("503 storage_unavailable"), "a full disk is told as {why:?}");
    }
}

/// Something small may still fit at first; then everything is refused, with a word on when to come again.
fn says_so(access: &Access) {
    let mut in_a_row = 0;
    for _ in 0..300 {
        let (status, retry_after) = new_merchant(access);
        assert!([201, 503].contains(&status), "status {status}");
        assert_eq!(retry_after.is_some(), status == 503, "only a refusal says when to come again");
        in_a_row = if status == 503 { in_a_row + 1 } else { 0 };
        if in_a_row == 10 {
            return;
        }
    }
    panic!("a full disk takes more and more");
}

/// Writes a row that no comparison is about; returns the status, and when to come again.
fn new_merchant(access: &Access) -> (u16, Option<String>) {
    let staff = access.staff();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let url = format!("{}/v1/merchants", staff.base_url());
    let key = format!("Bearer {}", staff.key().unwrap());
    let shop = api::NewMerchant { name: "x".repeat(100), city: "x".repeat(100) };
    let reply = agent.post(&url).header("authorization", key).send_json(&shop).unwrap();
    let after = reply.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (reply.status().as_u16(), after)
}

#[test]
fn another_process_holds_the_file() {
    let (city, server) = City::build(Kind::Sqlite, 1);
    let mut round = Round::new(city, seed());
    let other = Connection::open(round.city.start.data.join("surety.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let till = round.workers[0].journal.till.clone();
    let keys = Keys::new(&server.access, &till);
    // Two at once, so that the second waits behind the first.
    let asked = Instant::now();
    thread::scope(|scope| {
        let refused = || {
            let (status, retry_after) = new_merchant(&server.access);
            assert_eq!((status, retry_after.is_some()), (503, true), "held for too long");
        };
        scope.spawn(refused);
        scope.spawn(refused);
        let _: PayerView = keys.payer.get("/v1/me").unwrap();
    });
    assert!(
        asked.elapsed() < Duration::from_secs(9),
        "nobody waits for another's patience: {:?}",
        asked.elapsed()
    );
    // Held for less than a server's patience, it is only slow.
    thread::scope(|scope| {
        scope.spawn(|| top_up_works(&keys.staff, &round));
        thread::sleep(Duration::from_millis(500));
        other.execute_batch("COMMIT").unwrap();
    });
    drop(other);
    finish(&mut round, &server.access);
    // Its log is read when it ends, and lies in the city's folder.
    drop(server);
}

/// Sent again, it was applied once.
fn top_up_works(staff: &Client, round: &Round) {
    let journal = &round.workers[0].journal;
    let (id, minor) = journal.top_ups.first_key_value().unwrap();
    let path = format!("/v1/payers/{}/top-ups", journal.till.payer_id);
    let again = Funding { transfer_id: TransferId::from_bits(id.to_bits()), amount: yuan(*minor) };
    let balance: Amount = staff.post(&path, &again).unwrap();
    assert_eq!(balance, yuan(*minor));
}
