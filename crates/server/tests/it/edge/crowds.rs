//! Many connections at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::House;
use super::talk::Line;

/// This test's own ends of the connections are files too.
fn allow_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|now| now < count) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum: limit.maximum }).unwrap();
    }
}

#[test]
fn two_thousand_idle_connections_starve_nobody() {
    allow_files(4_000);
    let house = House::with(&["--idle-seconds", "600"], &[]);
    let mut normal = Line::to(&house.server);
    assert_eq!(normal.get("/health", &[]).status, 200);
    let mut idle: Vec<Line> = (0..2_000).map(|_| Line::to(&house.server)).collect();
    for _ in 0..20 {
        house.is_well();
    }
    assert_eq!(normal.get("/health", &[]).status, 200, "a connection in use is not the one that makes room");
    let ended = idle.iter_mut().filter_map(|line| line.has_ended().then_some(())).count();
    assert!(ended >= 900, "1024 of one address may stay: {ended} of 2000 were ended");
    assert!(!idle.last_mut().unwrap().has_ended(), "the youngest stays");
}

/// A request whose body is awaited.
fn at_work(house: &House) -> Line {
    let mut line = Line::to(&house.server);
    line.say(
        "POST /v1/payers HTTP/1.1\r\nHost: surety\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(line.answer().status, 100);
    line
}

#[test]
fn whoever_is_at_work_is_not_sent_away_for_somebody_new() {
    for bound in [["--connections", "2"], ["--connections-per-address", "2"]] {
        let house = House::with(&bound, &[]);
        let mut first = at_work(&house);
        let mut second = at_work(&house);
        for _ in 0..3 {
            let mut third = Line::to(&house.server);
            let answer = third.get("/health", &[]);
            assert_eq!((answer.status, answer.code().as_str()), (503, "busy"), "{bound:?}");
            assert_eq!(answer.headers["retry-after"], "2");
            assert!(third.rest().is_empty());
        }
        first.say("{}");
        assert_eq!(first.answer().code(), "body_malformed");
        // The first is idle now and makes room.
        assert_eq!(Line::to(&house.server).get("/health", &[]).status, 200);
        second.say("{}");
        assert_eq!(second.answer().code(), "body_malformed");
    }
}

#[test]
fn a_stop_waits_for_no_idler() {
    let house = House::with(&["--idle-seconds", "600"], &[]);
    let mut half = Line::to(&house.server);
    half.say("GET /health HTTP/1.1\r\n");
    let mut silent = Line::to(&house.server);
    let mut used = Line::to(&house.server);
    assert_eq!(used.get("/health", &[]).status, 200);
    let mut working = at_work(&house);
    working.say("{}");
    let process = i32::try_from(house.server.process_id()).unwrap();
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert_eq!(working.answer().code(), "body_malformed", "what is at work is finished");
    for line in [&mut half, &mut silent, &mut used, &mut working] {
        line.rest();
    }
    let log = house.folder.path().join("server.log");
    house.server.leave_running().unwrap();
    assert!(
        !std::fs::read_to_string(log).unwrap().contains("are cut"),
        "the stop did not wait until it gave up"
    );
}
