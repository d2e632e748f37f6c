//! Changing a PIN, and setting another when it is forgotten.

use api::{CodePurpose, Login, MessageList, PayerView, RecoveryReply};
use serde_json::json;

use super::{House, NOTHING, OTHER, PHONE, answered, done, told, with_code, with_pin};
use crate::database::tamper;
use crate::fixture::PIN;

const NEXT: &str = "582913";

fn change(house: &House, old: &str, new: &str) -> Result<(), String> {
    done(&house.payer, "POST", "/v1/me/pin", Some(&json!({ "old": old, "new": new })))
}

/// Everything that waits has waited.
fn a_day_passes(house: &House) {
    let day = 24_i64 * 3_600 * 1_000_000;
    let sql = format!("UPDATE pin_recoveries SET due_at = due_at - {day}, lapses_at = lapses_at - {day}");
    assert_eq!(tamper(&house.server, &sql), 1);
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..900 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} never happened")
}

#[test]
fn a_pin_is_changed_with_the_old_one() {
    let house = House::new();
    assert_eq!(change(&house, NEXT, NEXT), Err("pin_wrong".to_owned()));
    for weak in ["000000", "123456", "010311", "121212", "870623"] {
        assert_eq!(change(&house, PIN, weak), Err("pin_weak".to_owned()), "{weak}");
    }
    assert_eq!(change(&house, PIN, "12345"), Err("field_invalid".to_owned()));
    assert_eq!(change(&house, PIN, NEXT), Ok(()));
    assert_eq!(told(&house.payer, "pin_changed"), 1);
    assert_eq!(house.log_in(PHONE, PIN).err(), Some("pin_wrong".to_owned()));
    assert!(house.log_in(PHONE, NEXT).is_ok());
}

#[test]
fn each_lock_in_a_row_is_longer() {
    let house = House::new();
    let newest = || -> String {
        let inbox: MessageList = house.payer.get("/v1/me/messages").unwrap();
        inbox.messages.into_iter().find(|message| message.kind == "pin_locked").unwrap().text
    };
    for lock in ["30 minutes", "120 minutes", "720 minutes", "1440 minutes", "1440 minutes"] {
        for _ in 0..5 {
            assert_eq!(change(&house, "000001", NEXT), Err("pin_wrong".to_owned()));
        }
        assert_eq!(change(&house, PIN, NEXT), Err("pin_locked".to_owned()));
        assert!(newest().contains(lock), "{lock}: {}", newest());
        assert_eq!(tamper(&house.server, "UPDATE payers SET pin_locked_until = created_at"), 1);
    }
    assert_eq!(change(&house, PIN, NEXT), Ok(()));
    for _ in 0..5 {
        assert_eq!(change(&house, PIN, PIN), Err("pin_wrong".to_owned()));
    }
    assert!(newest().contains(" 30 minutes"), "a right one in between starts anew: {}", newest());
}

#[test]
fn a_forgotten_pin_waits_a_day_and_any_device_says_no() {
    let house = House::new();
    let tablet = house.log_in(PHONE, PIN).unwrap();
    let ask = |phone: &str| {
        let code = house.code(phone, CodePurpose::Recover);
        answered(house.payer.post::<RecoveryReply>("/v1/me/pin/recovery", &with_code(&code, with_pin(NEXT))))
    };
    // A code to another phone proves nothing about this account.
    assert_eq!(ask(OTHER).err(), Some("challenge_unknown".to_owned()));
    ask(PHONE).unwrap();
    assert_eq!(ask(PHONE).err(), Some("recovery_waiting".to_owned()));
    assert_eq!(told(&tablet, "pin_recovery_asked"), 1);
    assert_eq!(done(&tablet, "DELETE", "/v1/me/pin/recovery", NOTHING), Ok(()));
    let again = done(&tablet, "DELETE", "/v1/me/pin/recovery", NOTHING);
    assert_eq!(again, Err("recovery_unknown".to_owned()));
    assert!(house.log_in(PHONE, PIN).is_ok(), "nothing changed");

    ask(PHONE).unwrap();
    a_day_passes(&house);
    eventually("the next PIN", || told(&house.payer, "pin_recovered") == 1);
    assert_eq!(house.log_in(PHONE, PIN).err(), Some("pin_wrong".to_owned()));
    assert!(house.log_in(PHONE, NEXT).is_ok());
}

#[test]
fn without_a_device_it_waits_as_long_and_leaves_one() {
    let house = House::new();
    let ask = |phone: &str| {
        let code = house.code(phone, CodePurpose::Recover);
        answered(house.anybody.post::<RecoveryReply>("/v1/pin-recoveries", &with_code(&code, json!({}))))
    };
    let finish = || {
        let code = house.code(PHONE, CodePurpose::Recover);
        let body = with_code(&code, json!({ "pin": NEXT, "device": "next phone", "carrier": "bearer" }));
        answered(house.anybody.post::<Login>("/v1/logins/payer-recovery", &body))
    };
    assert_eq!(finish().err(), Some("recovery_unknown".to_owned()));
    let first = ask(PHONE).unwrap();
    assert!(ask(OTHER).is_ok(), "nobody learns here who has an account");
    assert_eq!(ask(PHONE).unwrap(), first, "asked again, it waits no longer");
    assert_eq!(finish().err(), Some("recovery_waiting".to_owned()));
    assert_eq!(told(&house.payer, "pin_recovery_asked"), 1);
    a_day_passes(&house);
    let next = house.anybody.with_key(finish().unwrap().key.unwrap());
    let _: PayerView = next.get("/v1/me").unwrap();
    let out = answered(house.payer.get::<PayerView>("/v1/me"));
    assert_eq!(out.err(), Some("key_unknown".to_owned()), "all other devices are out");
    assert!(house.log_in(PHONE, NEXT).is_ok());

    // A recovery that nobody finished is no open door. It may be gone from the tables already.
    ask(PHONE).unwrap();
    let day = 24_i64 * 3_600 * 1_000_000;
    let old =
        format!("UPDATE pin_recoveries SET due_at = due_at - {0}, lapses_at = lapses_at - {0}", 4 * day);
    assert_eq!(tamper(&house.server, &old), 1);
    assert_eq!(finish().err(), Some("recovery_unknown".to_owned()));
}
