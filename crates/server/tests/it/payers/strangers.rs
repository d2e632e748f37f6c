//! What a stranger learns of who has an account: nothing by the answers, nothing by their time.

use std::time::Instant;

use api::CodePurpose;
use scenario::{Client, Code, RawCall, Reply, new_payer};
use serde_json::{Value, json};

use super::{House, OTHER, PHONE, other_than, with_code};
use crate::fixture::holder;

/// Enough for a median that does not jump.
const ROUNDS: usize = 40;
const TRIES: usize = 3;

fn send(client: &Client, path: &str, body: &Value) -> Reply {
    let body = serde_json::to_vec(body).unwrap();
    client
        .send(RawCall { method: "POST", path, content_type: Some("application/json"), body: &body })
        .unwrap()
}

/// The answer without what is different in every answer; that is of the same length, always.
fn bare(reply: &Reply) -> (u16, String, String) {
    let mut body = reply.body.clone();
    let told: Value = serde_json::from_str(&body).unwrap();
    for name in ["challenge_id", "expires_at"] {
        if let Some(value) = told[name].as_str() {
            body = body.replace(value, name);
        }
    }
    (reply.status, reply.media_type.clone(), body)
}

struct Times(Vec<f64>);

impl Times {
    /// Of so many quarters.
    fn quartile(&self, quarters: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[quarters * (sorted.len() - 1) / 4]
    }

    fn spread(&self) -> f64 {
        self.quartile(3) - self.quartile(1)
    }
}

/// Asks about both phones in turn, with what `prepare` says. The answers must be the same, and their medians closer than
/// the answers about one phone are to each other. A busy machine may need another try: noise comes and goes, a
/// difference stays.
fn same_to_a_stranger(house: &House, what: &str, prepare: impl Fn(&str) -> (&'static str, Value)) {
    let mut told = String::new();
    for _ in 0..TRIES {
        let (mut with, mut without) = (Times(Vec::new()), Times(Vec::new()));
        for round in 0..ROUNDS {
            let pair = if round % 2 == 0 { [PHONE, OTHER] } else { [OTHER, PHONE] };
            let replies = pair.map(|phone| {
                let (path, body) = prepare(phone);
                let begun = Instant::now();
                let reply = send(&house.anybody, path, &body);
                let times = if phone == PHONE { &mut with } else { &mut without };
                times.0.push(begun.elapsed().as_secs_f64() * 1e3);
                reply
            });
            assert_eq!(bare(&replies[0]), bare(&replies[1]), "{what}");
        }
        let (one, other) = (with.quartile(2), without.quartile(2));
        let spread = with.spread().max(without.spread());
        told = format!("{what}: {one:.2} ms with an account, {other:.2} ms without; spread {spread:.2} ms");
        println!("{told}");
        if (one - other).abs() < spread {
            return;
        }
    }
    panic!("{told}");
}

/// So many tries that no code and no PIN is ever locked.
fn house() -> House {
    House::under(&[
        ("[codes]\nminutes = 10\ntries = 5", "[codes]\nminutes = 10\ntries = 10"),
        ("[pins]\ntries = 5", "[pins]\ntries = 10"),
        ("lock_minutes = [30, 120, 720, 1440]", "lock_minutes = [0]"),
        ("address = { per_minute = 600, burst = 1000 }", "address = { per_minute = 30000, burst = 30000 }"),
    ])
}

#[test]
fn codes_logins_and_pins_tell_nobody_who_has_an_account() {
    let house = house();
    // Asking for a code is not what is timed, and happens for both alike.
    let fresh = |phone: &str, purpose| house.code(phone, purpose);
    let login =
        |code: &Code| with_code(code, json!({ "pin": "000000", "device": "tablet", "carrier": "bearer" }));
    same_to_a_stranger(&house, "a login with a wrong code", |phone| {
        ("/v1/logins/payer", login(&other_than(&fresh(phone, CodePurpose::Login))))
    });
    same_to_a_stranger(&house, "a login with a wrong PIN", |phone| {
        ("/v1/logins/payer", login(&fresh(phone, CodePurpose::Login)))
    });
    same_to_a_stranger(&house, "the end of a recovery with a wrong code", |phone| {
        ("/v1/logins/payer-recovery", login(&other_than(&fresh(phone, CodePurpose::Recover))))
    });
    same_to_a_stranger(&house, "an account opened with a wrong code", |phone| {
        let code = other_than(&fresh(phone, CodePurpose::Register));
        ("/v1/payers", json!(new_payer(&holder(phone), &code)))
    });
    same_to_a_stranger(&house, "a code", |phone| {
        ("/v1/phone-codes", json!({ "phone": phone, "purpose": "login", "language": "en" }))
    });
}
