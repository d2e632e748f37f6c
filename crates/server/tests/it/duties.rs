//! The number of faces at which the operator has to file: warned of before, and once at each threshold.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::database::Dump;
use crate::fixture::{enrol, holder};
use crate::money::Shop;

/// The server counts every ten seconds.
const PATIENCE: Duration = Duration::from_secs(40);

fn faces(shop: &Shop) -> Value {
    let health: Value = shop.server().client().get("/health").unwrap();
    health["faces"].clone()
}

fn log(shop: &Shop) -> String {
    std::fs::read_to_string(shop.folder.path().join("server.log")).unwrap()
}

/// What was recorded, in order.
fn recorded(shop: &Shop) -> Vec<String> {
    let events = Dump::of(shop.server());
    let events = events.table("events").iter().filter(|row| row.contains("faces_")).map(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        let body: Value = serde_json::from_str(row["body"].as_str().unwrap()).unwrap();
        assert_eq!(row["subject"], "installation");
        format!("{} {} of {}", body["event"].as_str().unwrap(), body["faces"], body["threshold"])
    });
    events.collect()
}

/// One more face: another account of the same sample person.
fn one_more(shop: &Shop, number: u8) {
    let server = shop.server();
    let anybody = server.client();
    let person = server.phones().register(&anybody, &holder(&format!("+86137000300{number:02}"))).unwrap();
    enrol(&anybody.with_key(&person.device_key), true);
}

fn metric(shop: &Shop, line: &str) {
    let begun = Instant::now();
    loop {
        let call = scenario::RawCall { method: "GET", path: "/metrics", content_type: None, body: b"" };
        let metrics = shop.server().client().send(call).unwrap().body;
        if metrics.lines().any(|found| found == line) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no {line} in:\n{metrics}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_operator_is_warned_before_it_has_to_file() {
    let mut shop = Shop::with_policy(&[
        ("faces_to_file = 100000", "faces_to_file = 3"),
        ("warn_from = 90000", "warn_from = 2"),
    ]);
    assert_eq!(faces(&shop), json!({ "enrolled": 1, "to_file": 3, "duty": "none" }));
    assert_eq!(recorded(&shop), Vec::<String>::new());
    assert!(!log(&shop).contains("asks something of the operator"));

    one_more(&shop, 1);
    assert_eq!(faces(&shop), json!({ "enrolled": 2, "to_file": 3, "duty": "prepare" }));
    assert_eq!(recorded(&shop), ["faces_near_filing 2 of 2"]);
    assert!(log(&shop).contains("asks something of the operator"));
    // A face that goes and comes back crosses it again, and is no news.
    let _: api::PayerView = shop.payer.delete("/v1/me/consent").unwrap();
    assert_eq!(faces(&shop)["duty"], "none");
    enrol(&shop.payer, true);
    assert_eq!(recorded(&shop), ["faces_near_filing 2 of 2"]);

    one_more(&shop, 2);
    assert_eq!(faces(&shop), json!({ "enrolled": 3, "to_file": 3, "duty": "file" }));
    let both = ["faces_near_filing 2 of 2", "faces_to_be_filed 3 of 3"];
    assert_eq!(recorded(&shop), both);
    metric(&shop, "surety_faces_enrolled 3");
    metric(&shop, "surety_faces_to_file 3");

    // A start says it again in the log, and records nothing twice.
    shop.restart();
    assert!(log(&shop).contains("files with the authority within 30 working days"));
    assert_eq!(
        (recorded(&shop), faces(&shop)["duty"].clone()),
        (both.map(str::to_owned).to_vec(), json!("file"))
    );
    shop.verify();
}
