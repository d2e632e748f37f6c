//! Kills the server again and again, and compares what the clients were told with the books.

use std::env::var_os;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::city::{City, Kind};
use crate::compare::Snapshot;
use crate::deliveries;
use crate::journal::Counts;
use crate::process::{Access, Server, Start};
use crate::worker::{Keys, Signals, Worker};

/// As many as group commit needs to be at work.
pub(crate) const CLIENTS: usize = 8;

/// The number a variable of the environment gives.
fn number(name: &str) -> Option<u64> {
    let text = var_os(name)?;
    Some(text.to_str().unwrap().parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// All that is random follows from this; whoever sees a failure reads it there.
pub(crate) fn seed() -> u64 {
    let seed =
        number("SURETY_CRASH_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
    println!("SURETY_CRASH_SEED={seed} draws the same again");
    seed
}

pub(crate) struct Round {
    pub(crate) city: City,
    pub(crate) workers: Vec<Worker>,
    pub(crate) random: StdRng,
}

impl Round {
    pub(crate) fn new(city: City, seed: u64) -> Self {
        let workers = city.tills.iter().map(|till| Worker::new(till.clone(), seed)).collect();
        Self { city, workers, random: StdRng::seed_from_u64(seed) }
    }

    /// Lets the clients work while `meanwhile` runs.
    pub(crate) fn load(&mut self, server: &Access, signals: &Signals, meanwhile: impl FnOnce()) {
        thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(|| worker.load(server, signals));
            }
            meanwhile();
        });
    }

    /// Every answer is in the books; what was not answered happens exactly once.
    pub(crate) fn resolve(&mut self, server: &Access) {
        let found = Snapshot::read(&self.city.books);
        for worker in &mut self.workers {
            let left_something = found.check(&worker.journal);
            worker.journal.counts.had_happened += u64::from(left_something);
        }
        thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(|| worker.resolve(server));
            }
        });
        self.check_all();
    }

    pub(crate) fn check_all(&self) {
        let found = Snapshot::read(&self.city.books);
        for worker in &self.workers {
            assert!(!found.check(&worker.journal), "after all is resolved nothing differs");
        }
        found.check_reserve(self.workers.iter().map(|worker| &worker.journal));
    }

    pub(crate) fn check_by_asking(&mut self, server: &Access) {
        thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(|| worker.check_by_asking(&Keys::new(server, &worker.journal.till.clone())));
            }
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for Counts { requests, lost, had_happened, unavailable } in
            self.workers.iter().map(|w| &w.journal.counts)
        {
            sum.requests += requests;
            sum.lost += lost;
            sum.had_happened += had_happened;
            sum.unavailable += unavailable;
        }
        sum
    }

    /// From the first request on to deep in the load.
    pub(crate) fn instant(&mut self) -> Duration {
        let most = if self.random.random_bool(0.3) { 150_000 } else { 1_500_000 };
        Duration::from_micros(self.random.random_range(0..most))
    }
}

/// Kills a server `kills` times, on one database, at instants from the start-up to deep in the load.
pub(crate) fn survive(kind: Kind, name: &str) {
    let kills = number("SURETY_CRASH_KILLS").unwrap_or(16);
    let seed = seed();
    let began = Instant::now();
    let (city, mut server) = City::build(kind, CLIENTS);
    let mut round = Round::new(city, seed);
    let start = round.city.start.clone();
    let mut starting = Duration::from_secs(1);
    let mut done = 0;
    while done < kills {
        let instant = round.instant();
        kill_under_load(&mut round, server, instant);
        done += 1;
        round.city.let_a_day_pass();
        while done < kills && round.random.random_bool(0.25) {
            kill_while_starting(&start, round.random.random_range(Duration::ZERO..starting));
            done += 1;
        }
        start.verify();
        let launched = Instant::now();
        server = start.start();
        starting = launched.elapsed();
        round.resolve(&server.access);
    }
    finish(&mut round, &server.access);
    // Its log is read when it ends, and lies in the city's folder.
    drop(server);
    let Counts { requests, lost, had_happened, unavailable: _ } = round.counts();
    println!(
        "{name}: survived {done} kills in {:.0} s; {requests} requests, {lost} answers lost, all resolved \
         ({had_happened} had left something in the books)",
        began.elapsed().as_secs_f64()
    );
    assert!(lost >= kills / 2, "the kills came while requests were on their way: {lost}");
}

fn kill_under_load(round: &mut Round, server: Server, instant: Duration) {
    let Server { mut process, access } = server;
    let signals = Signals::default();
    round.load(&access, &signals, || {
        thread::sleep(instant);
        signals.killing.store(true, Ordering::SeqCst);
        process.kill();
    });
}

/// A first start makes keys and tables: wherever it is cut off, the next one goes on.
#[test]
fn cut_off_at_the_first_start() {
    let mut random = StdRng::seed_from_u64(seed());
    let folder = tempfile::tempdir().unwrap();
    let start = Start { policy: None, ..Start::below(folder.path()) };
    for _ in 0..10 {
        kill_while_starting(&start, Duration::from_micros(random.random_range(0..800_000)));
    }
    // Cut off after the file and before the database: the key opens nothing.
    drop(start.start());
    let database = rusqlite::Connection::open(start.data.join("surety.db")).unwrap();
    database.execute_batch("DELETE FROM credentials; DELETE FROM user_secrets; DELETE FROM users").unwrap();
    drop(database);
    let server = start.start();
    let _: api::UserList = server.access.staff().get("/v1/users").unwrap();
    start.verify();
}

fn kill_while_starting(start: &Start, instant: Duration) {
    let mut process = start.launch();
    thread::sleep(instant);
    process.kill();
}

/// Some more load, nobody killed; then everything that was ever answered is asked for once more, and everything that
/// had to leave has arrived.
pub(crate) fn finish(round: &mut Round, server: &Access) {
    let signals = Signals::default();
    round.load(server, &signals, || {
        thread::sleep(Duration::from_millis(500));
        signals.stop.store(true, Ordering::SeqCst);
    });
    round.check_all();
    round.check_by_asking(server);
    deliveries::all_arrive(round);
    round.city.start.verify();
}
