use serde_json::json;
use store::{DeliveryRow, DeliveryState};
use types::{DeliveryId, Timestamp};

use super::{Judged, check_url, judge};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn waiting() -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::from_bits(1),
        recipient: "merchant:a".to_owned(),
        kind: "payment.captured".to_owned(),
        body: json!({}),
        state: DeliveryState::Waiting,
        attempts: 0,
        last_error: None,
        created_at: at(0),
        done_at: None,
        text: None,
    }
}

#[test]
fn each_failure_has_its_delay_and_the_last_none() {
    let mut row = waiting();
    for (second, wanted) in [(1, Judged::Later { seconds: 5 }), (2, Judged::Later { seconds: 300 })] {
        assert_eq!(judge(&mut row, &[5, 300], (at(second), Err("timeout"))), wanted);
        assert_eq!((row.state, row.done_at), (DeliveryState::Waiting, None));
    }
    assert_eq!(judge(&mut row, &[5, 300], (at(3), Err("status 500"))), Judged::Dead);
    assert_eq!((row.state, row.done_at, row.attempts), (DeliveryState::Dead, Some(at(3)), 3));
    assert_eq!(row.last_error.as_deref(), Some("status 500"));
    assert_eq!(judge(&mut waiting(), &[], (at(1), Err("timeout"))), Judged::Dead, "no second chance");
}

#[test]
fn what_was_taken_is_done() {
    let mut row = DeliveryRow { attempts: 2, last_error: Some("timeout".to_owned()), ..waiting() };
    assert_eq!(judge(&mut row, &[5], (at(4), Ok(()))), Judged::Taken);
    let done =
        DeliveryRow { state: DeliveryState::Delivered, attempts: 3, done_at: Some(at(4)), ..waiting() };
    assert_eq!(row, done);
}

#[test]
fn an_address_is_called_as_it_was_checked() {
    for (url, called) in [
        ("https://shop.example/hooks?a=b#c", "https://shop.example/hooks?a=b"),
        ("https://bücher.example", "https://xn--bcher-kva.example/"),
        ("HTTP://LocalHost:8080", "http://localhost:8080/"),
        ("http://127.1/x", "http://127.0.0.1/x"),
        ("http://[::1]/x", "http://[::1]/x"),
        (r"http://localhost\@shop.example/", "http://localhost/@shop.example/"),
    ] {
        assert_eq!(check_url(url), Ok(called.to_owned()));
    }
    for url in [
        "",
        "shop.example",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "http://shop.example/",
        "http://localhost.shop.example/",
        "http://10.0.0.1/",
        "https://user@shop.example/",
        "https://user:word@shop.example/",
        &format!("https://shop.example/{}", "a".repeat(500)),
    ] {
        assert!(check_url(url).is_err(), "{url}");
    }
}
