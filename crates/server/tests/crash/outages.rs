//! PostgreSQL itself is killed under a running server, which says so, lives on, and loses nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use pgserver::PgServer;
use rand::RngExt;
use scenario::{CallError, Client};

use crate::city::City;
use crate::data::{Books, binaries};
use crate::kills::{CLIENTS, Round, finish, seed};
use crate::process::Start;
use crate::worker::Signals;

const KILLS: u64 = 5;
/// A pool that lost its connections makes new ones with the next requests.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn postgresql_is_killed() {
    let seed = seed();
    let began = Instant::now();
    let mortal = PgServer::start(&binaries()).unwrap_or_else(|error| panic!("{error:#}"));
    let url = mortal.create_database("mortal").unwrap();
    let mortal = Arc::new(Mutex::new(mortal));
    let folder = tempfile::tempdir().unwrap();
    let start = Start { database: Some(url), ..Start::below(folder.path()) };
    let books = Books::Mortal(Arc::clone(&mortal), "mortal".to_owned());
    let (city, server) = City::build_on(folder, start, books, CLIENTS);
    let mut round = Round::new(city, seed);

    for _ in 0..KILLS {
        let signals = Signals::default();
        signals.outages.store(true, Ordering::SeqCst);
        let (before, down, after) =
            (round.instant(), Duration::from_millis(round.random.random_range(0..400)), round.instant());
        round.load(&server.access, &signals, || {
            thread::sleep(before);
            mortal.lock().unwrap().kill().unwrap();
            thread::sleep(down);
            mortal.lock().unwrap().restart().unwrap();
            thread::sleep(after);
            wait_until_well(&server.access.client());
            signals.stop.store(true, Ordering::SeqCst);
        });
        round.resolve(&server.access);
        round.city.start.verify();
    }
    let unavailable = round.counts().unavailable;
    assert!(unavailable >= KILLS, "the kills came under load: {unavailable}");
    says_it_is_unavailable(&mortal, &server.access.client());
    finish(&mut round, &server.access);
    // Its log is read when it ends, and lies in the city's folder.
    drop(server);
    let (requests, took) = (round.counts().requests, began.elapsed().as_secs_f64());
    println!(
        "PostgreSQL killed {KILLS} times in {took:.0} s: {requests} requests, {unavailable} asked again"
    );
}

/// Stopped in good order: everybody is told the same, and later requests succeed.
fn says_it_is_unavailable(mortal: &Mutex<PgServer>, anybody: &Client) {
    mortal.lock().unwrap().stop().unwrap();
    // The first may still go to a connection that does not know yet.
    anybody.get::<serde_json::Value>("/health").ok();
    match anybody.get::<serde_json::Value>("/health") {
        Err(CallError::Problem(problem)) => {
            assert_eq!((problem.status, problem.code.as_str()), (503, "storage_unavailable"));
        }
        other => panic!("without its database the server said {other:?}"),
    }
    mortal.lock().unwrap().restart().unwrap();
    wait_until_well(anybody);
}

pub(crate) fn wait_until_well(anybody: &Client) {
    let asked = Instant::now();
    while let Err(error) = anybody.get::<serde_json::Value>("/health") {
        assert!(asked.elapsed() < PATIENCE, "the server does not recover: {error}");
        thread::sleep(Duration::from_millis(50));
    }
}
