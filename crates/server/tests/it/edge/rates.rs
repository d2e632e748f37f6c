//! How often one may ask.

use std::thread;
use std::time::Duration;

use api::{CodePurpose, Language, NewPhoneCode, Problem};
use scenario::{CallError, Client, RawCall};

use super::House;
use super::talk::{Answer, Line};
use crate::fixture::holder;

fn ask(house: &House, path: &str, key: Option<&str>) -> Answer {
    let key = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<(&str, &str)> = key.iter().map(|key| ("Authorization", key.as_str())).collect();
    Line::to(&house.server).get(path, &headers)
}

fn statuses(house: &House, path: &str, key: Option<&str>) -> [u16; 4] {
    [(); 4].map(|()| ask(house, path, key).status)
}

fn wait_as_told(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{answer:?}");
    let seconds = answer.headers["retry-after"].parse().unwrap();
    assert!(answer.body.contains(&format!("in {seconds} seconds")), "{answer:?}");
    thread::sleep(Duration::from_secs(seconds));
}

#[test]
fn after_the_time_told_it_works_and_not_before() {
    let house = House::with(&[], &[("address", "{ per_minute = 15, burst = 2 }")]);
    assert_eq!(statuses(&house, "/v1/consent-text", None), [200, 200, 429, 429]);
    for _ in 0..2 {
        let refused = ask(&house, "/v1/consent-text", None);
        wait_as_told(&refused);
        assert_eq!(ask(&house, "/v1/consent-text", None).status, 200);
    }
}

#[test]
fn guessing_keys_and_looking_for_routes_spend_the_rate_of_the_address() {
    let house = House::with(&[], &[("address", "{ per_minute = 1, burst = 5 }")]);
    let staff = house.server.admin_key().to_owned();
    assert_eq!(ask(&house, "/v1/users", Some(&staff)).status, 200, "the first request of a key");
    assert_eq!(statuses(&house, "/v1/me", Some("guess")), [401; 4]);
    assert_eq!(ask(&house, "/v1/me", None).status, 429);

    // A till behind the same address goes on; a further guess is not even looked up.
    assert_eq!(statuses(&house, "/v1/users", Some(&staff)), [200; 4]);
    assert_eq!(ask(&house, "/v1/me", Some("another guess")).status, 429);
    // Its key opens nothing that takes none.
    assert_eq!(ask(&house, "/nowhere", Some(&staff)).status, 429);
    assert_eq!(ask(&house, "/v1/consent-text", Some(&staff)).status, 429);
    assert_eq!(ask(&house, "/v1/me", Some(&staff)).status, 403, "the wrong role, and the right key");
}

#[test]
fn a_key_has_a_rate_of_its_own() {
    let house = House::with(&[], &[("key", "{ per_minute = 15, burst = 3 }")]);
    let staff = house.server.admin_key().to_owned();
    let payer = house.server.phones().register(&house.server.client(), &holder("+8613700010311")).unwrap();
    assert_eq!(statuses(&house, "/v1/users", Some(&staff)), [200, 200, 200, 429]);
    assert_eq!(ask(&house, "/v1/me", Some(&payer.device_key)).status, 200, "another key is not its affair");
    wait_as_told(&ask(&house, "/v1/users", Some(&staff)));
    assert_eq!(ask(&house, "/v1/users", Some(&staff)).status, 200);
    let metrics = ask(&house, "/metrics", None).body;
    assert!(metrics.contains("surety_refused_total{reason=\"key\"} 2"), "{metrics}");
}

fn code<T>(answer: Result<T, CallError>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(CallError::Problem(Problem { kind: _, status: _, code, detail: _ })) => code,
        Err(CallError::Transport(error)) => panic!("{error:#}"),
    }
}

#[test]
fn a_phone_number_is_typed_a_few_times_only() {
    let house = House::with(&[], &[("phone", "{ per_minute = 1, burst = 2 }")]);
    let client = house.server.client();
    let ask = |phone: &str| {
        let phone = phone.parse().unwrap();
        let new = NewPhoneCode { phone, purpose: CodePurpose::Login, language: Language::En };
        code(client.post::<serde_json::Value>("/v1/phone-codes", &new))
    };
    // The first limit is the codes' own, which is told apart by what it says; this one is before it.
    assert_eq!(ask("+8613700010311"), "done");
    assert_eq!(ask("+8613700010311"), "rate_limited");
    let metrics = || {
        let text: String = client
            .send(RawCall { method: "GET", path: "/metrics", content_type: None, body: b"" })
            .unwrap()
            .body;
        text.contains("surety_refused_total{reason=\"phone\"} 1")
    };
    assert!(!metrics());
    assert_eq!(ask("+8613700010311"), "rate_limited");
    assert!(metrics());
    assert_eq!(ask("+8613700010312"), "done", "another number");
}

#[test]
fn a_device_may_try_a_few_codes_only() {
    let house = House::with(&[], &[("device", "{ per_minute = 1, burst = 2 }")]);
    let client = house.server.client();
    let device = |phone: &str| -> Client {
        let payer = house.server.phones().register(&client, &holder(phone)).unwrap();
        client.with_key(payer.device_key)
    };
    let (one, other) = (device("+8613700010311"), device("+8613700010312"));
    let guess = |device: &Client| {
        let pin = serde_json::json!({ "pin": "000000" });
        code(device.post::<serde_json::Value>("/v1/me/face/unfreeze", &pin))
    };
    assert_ne!(guess(&one), "rate_limited");
    assert_ne!(guess(&one), "rate_limited");
    assert_eq!(guess(&one), "rate_limited");
    assert_ne!(guess(&other), "rate_limited", "another device");
    let _: serde_json::Value = one.get("/v1/me").unwrap();
}
