//! Guessing at logins.

use std::time::{Duration, Instant};

use api::{Login, NewLogin, Problem};
use scenario::{CallError, Client, Member};
use types::StaffRole;

use super::{act, invite, next_step, user};
use crate::database::{Dump, tamper};
use crate::fixture::Fixture;
use crate::money::{at_once, refused};

/// The refusal, and how long it took.
fn guess(anybody: &Client, proof: &NewLogin) -> (Problem, Duration) {
    let asked = Instant::now();
    match anybody.post::<Login>("/v1/logins", proof) {
        Err(CallError::Problem(problem)) => (problem, asked.elapsed()),
        Err(CallError::Transport(error)) => panic!("{error:#}"),
        Ok(_) => panic!("went through"),
    }
}

#[test]
fn whatever_is_wrong_the_answer_is_the_same() {
    let fixture = Fixture::new();
    let (admin, anybody) = (&fixture.admin, &fixture.anybody);
    let member = Member::join(anybody, &invite(admin, "wang", StaffRole::Auditor)).unwrap();
    let ended = invite(admin, "zhao", StaffRole::Auditor);
    let gone = Member::join(anybody, &ended).unwrap();
    act(admin, ended.user_id, "disable").unwrap();
    let right = member.proof();
    let wrong = [
        ("an unknown login", NewLogin { login: "nobody".to_owned(), ..right.clone() }),
        ("no login at all", NewLogin { login: String::new(), ..right.clone() }),
        (
            "the first administrator, who has no password",
            NewLogin { login: "operator".to_owned(), ..right.clone() },
        ),
        ("a wrong password", NewLogin { password: "twelve chars or so".to_owned(), ..right.clone() }),
        ("a wrong code", NewLogin { totp: Some("000000".to_owned()), ..right.clone() }),
        ("no code", NewLogin { totp: None, ..right.clone() }),
        ("an ended user", gone.proof()),
    ];
    let mut quickest = Vec::new();
    let mut said = Vec::new();
    for (what, proof) in &wrong {
        let mut least = Duration::MAX;
        // Each is judged by itself before it is locked; the sixth finds it locked.
        tamper(&fixture.server, "DELETE FROM login_attempts");
        for _ in 0..6 {
            let (problem, took) = guess(anybody, proof);
            assert_eq!((problem.status, problem.code.as_str()), (401, "login_wrong"), "{what}");
            said.push(problem.detail);
            least = least.min(took);
        }
        quickest.push((what, least));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "the same words each time");
    println!("{quickest:?}");
    // A password that is not looked at takes a hundredth of this.
    let least = quickest.iter().map(|(_, took)| *took).min().unwrap();
    let most = quickest.iter().map(|(_, took)| *took).max().unwrap();
    assert!(least * 3 > most, "{quickest:?}");
}

#[test]
fn five_wrong_ones_lock_and_the_next_ones_longer() {
    let fixture = Fixture::new();
    let (admin, anybody) = (&fixture.admin, &fixture.anybody);
    let invited = invite(admin, "wang", StaffRole::Auditor);
    let member = Member::join(anybody, &invited).unwrap();
    let wrong = NewLogin { password: "not this one at all".to_owned(), ..member.proof() };
    // A right one in between starts the count anew.
    for _ in 0..4 {
        guess(anybody, &wrong);
    }
    member.log_in(anybody).unwrap();
    next_step(&fixture);
    for _ in 0..5 {
        guess(anybody, &wrong);
    }
    refused(member.log_in(anybody), "login_wrong");
    let locked = user(admin, invited.user_id).locked_until.unwrap();
    let events = |dump: &Dump| dump.table("events").iter().filter(|row| row.contains("login_locked")).count();
    assert_eq!(events(&Dump::of(&fixture.server)), 1, "administrators can read of it once");

    let minute = 60_000_000_u64;
    let pass = |minutes: u64| {
        let sql = format!("UPDATE login_attempts SET locked_until = locked_until - {}", minutes * minute);
        tamper(&fixture.server, &sql);
    };
    pass(1);
    guess(anybody, &wrong);
    let again = user(admin, invited.user_id).locked_until.unwrap();
    assert!(again.duration_since(locked).as_secs() > 55, "twice as long: {locked} {again}");
    pass(1);
    refused(member.log_in(anybody), "login_wrong");
    pass(1);
    member.log_in(anybody).unwrap();
    assert_eq!(user(admin, invited.user_id).locked_until, None);
}

#[test]
fn parallel_guesses_share_the_count() {
    let fixture = Fixture::new();
    let wrong = |login: &str| NewLogin {
        login: login.to_owned(),
        password: "not this one at all".to_owned(),
        totp: None,
        carrier: api::Carrier::Bearer,
    };
    for login in ["li.na", "nobody"] {
        let proof = wrong(login);
        at_once((0..8).map(|_| || guess(&fixture.anybody, &proof)).collect());
    }
    let counted = Dump::of(&fixture.server).table("login_attempts").to_vec();
    assert_eq!(counted.len(), 2, "{counted:?}");
    for row in counted {
        assert!(row.contains("\"failures\":5,"), "the rest found it locked: {row}");
    }
}
