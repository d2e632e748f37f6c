//! Strangers' scores at the terminal against the calibration.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{LN_FMR_FLOOR, argument, calibration, default_policy, stranger};
use crate::database::{Dump, tamper};
use crate::fixture::enrol;
use crate::money::Shop;

/// The server looks every ten seconds.
const PATIENCE: Duration = Duration::from_secs(40);

fn policy(changes: &[(&str, &str)]) -> String {
    let mut text = default_policy();
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    text
}

fn health(shop: &Shop) -> Value {
    let health: Value = shop.server().client().get("/health").unwrap();
    health["calibration"].clone()
}

/// Waits until so many payments were looked at, and says which counted, in order.
fn counted(shop: &Shop, payments: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let dump = Dump::of(shop.server());
        let mut looks: Vec<Value> =
            dump.table("drift_looks").iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        looks.sort_by_key(|look| look["payment_id"].as_str().unwrap().to_owned());
        let counted: Vec<Value> =
            looks.iter().map(|look| look["counted"].clone()).filter(|counted| !counted.is_null()).collect();
        if counted.len() >= payments {
            return counted;
        }
        assert!(begun.elapsed() < PATIENCE, "{looks:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn metrics(shop: &Shop) -> String {
    let call = scenario::RawCall { method: "GET", path: "/metrics", content_type: None, body: b"" };
    shop.server().client().send(call).unwrap().body
}

fn alarms(shop: &Shop) -> Vec<Value> {
    let events = Dump::of(shop.server());
    let events = events.table("events").iter().filter(|row| row.contains("calibration_too_bold"));
    events
        .map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            assert_eq!(row["subject"], "calibration bold-1");
            serde_json::from_str(row["body"].as_str().unwrap()).unwrap()
        })
        .collect()
}

#[test]
fn a_calibration_that_is_too_bold_is_noticed_once() {
    let folder = tempfile::tempdir().unwrap();
    // Strangers reach any score once in a million million comparisons, it says.
    let bold = calibration(folder.path(), "bold-1", |text| {
        for model in text["models"].as_array_mut().unwrap() {
            for knot in model["knots"].as_array_mut().unwrap() {
                (knot[2], knot[3]) = (LN_FMR_FLOOR.into(), LN_FMR_FLOOR.into());
            }
        }
    });
    let soon = policy(&[
        ("payments_per_false_alarm = 1e6", "payments_per_false_alarm = 200"),
        ("after_hours = 24", "after_hours = 0"),
        ("payer_days = 30", "payer_days = 0"),
    ]);
    let mut shop = Shop::with_arguments(&soon, argument(&bold));
    assert_eq!(health(&shop), json!({ "id": "bold-1", "drift": [] }));
    stranger(&shop, "P010", 1);
    for n in 0..5 {
        shop.pay(&format!("bold {n}"), 2_000 + n);
    }
    assert_eq!(counted(&shop, 5), [1, 1, 1, 1, 1]);

    let said = health(&shop)["drift"][0].clone();
    assert_eq!(
        (&said["cohort"], &said["payments"], &said["reached"]),
        (&json!("default"), &json!(5), &json!(5))
    );
    assert!(said["too_bold"].as_f64().unwrap() > 10.0, "{said}");
    let advice = said["advice"].as_str().unwrap();
    for part in ["as calibration bold-1 says", "surety calibrate --gallery", "impostor_inflation of 10"] {
        assert!(advice.contains(part), "{advice}");
    }
    let [alarm] = &alarms(&shop)[..] else { panic!("{:?}", alarms(&shop)) };
    assert_eq!((&alarm["cohort"], &alarm["reached"]), (&json!("default"), &alarm["payments"]));
    let log = || std::fs::read_to_string(shop.folder.path().join("server.log")).unwrap();
    assert_eq!(log().matches("recalibrate with").count(), 1);
    let begun = Instant::now();
    while !metrics(&shop).contains("surety_calibration_watched_payments{cohort=\"default\"} 5") {
        assert!(begun.elapsed() < PATIENCE, "{}", metrics(&shop));
        std::thread::sleep(Duration::from_millis(200));
    }
    let gauge = metrics(&shop);
    let gauge = gauge.lines().find(|line| line.starts_with("surety_calibration_too_bold{")).unwrap();
    assert!(gauge.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 10.0, "{gauge}");

    // What is known already is no news, and what is not said of the calibration in force is over.
    shop.pay("bold 5", 2_005);
    counted(&shop, 6);
    assert_eq!(alarms(&shop).len(), 1);
    shop.restart_with(Vec::new());
    assert_eq!(health(&shop), json!({ "id": "sface-lfw-dev-2", "drift": [] }));
    for n in 0..5 {
        shop.pay(&format!("right {n}"), 3_000 + n);
    }
    assert_eq!(counted(&shop, 11).len(), 11);
    let quiet = json!({ "cohort": "default", "payments": 5, "reached": 0, "too_bold": null, "advice": null });
    assert_eq!(health(&shop)["drift"], json!([quiet]));
    assert_eq!(alarms(&shop).len(), 1);
    shop.verify();
}

#[test]
fn disputed_payments_second_accounts_and_the_same_payer_again_are_left_out() {
    let mut shop = Shop::with_arguments(&policy(&[("after_hours = 24", "after_hours = 1")]), Vec::new());
    stranger(&shop, "P010", 1);
    let disputed = shop.pay("disputed", 2_000);
    let _: Value = shop
        .payer
        .post(&format!("/v1/me/payments/{disputed}/not-me"), &json!({ "words": "not me", "freeze": false }))
        .unwrap();
    for n in 1..4 {
        shop.pay(&format!("again {n}"), 2_000 + n);
    }
    // Too young for an hour. At one moment of a stretch of 30 days, so that this test knows no calendar.
    let aged = "UPDATE drift_looks SET at = 1700000000000000";
    assert_eq!(tamper(shop.server(), aged), 4);
    assert_eq!(counted(&shop, 4), [0, 1, 0, 0]);
    let watched = |shop: &Shop| health(shop)["drift"][0]["payments"].clone();
    assert_eq!(watched(&shop), 1);

    // The same face in another account is no stranger who scores high.
    let twin = {
        let server = shop.server();
        let anybody = server.client();
        let person = server.phones().register(&anybody, &crate::fixture::holder("+8613700040002")).unwrap();
        anybody.with_key(&person.device_key)
    };
    enrol(&twin, true);
    tamper(shop.server(), "DELETE FROM drift_looks");
    shop.pay("beside a twin", 2_010);
    assert_eq!(tamper(shop.server(), aged), 1);
    assert_eq!(counted(&shop, 1), [1]);
    let state = health(&shop)["drift"][0].clone();
    assert_eq!((&state["payments"], &state["reached"]), (&json!(2), &json!(0)), "{state}");
    shop.restart();
    assert_eq!(watched(&shop), 2);
}
