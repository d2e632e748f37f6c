//! Another number for an account, and digits typed before and after.

use api::{CodePurpose, DisputeView, NotMe, PayerView, Stage};
use scenario::Code;
use serde_json::{Value, json};

use super::{House, OTHER, PHONE, answered, number, other_than, with_code, with_pin};
use crate::database::tamper;
use crate::fixture::{Fixture, PIN, Setup, answer_all, attempt, holder};

#[test]
fn an_old_number_gives_no_access_and_its_next_owner_an_account() {
    let house = House::new();
    let change = |code: &Code, pin: &str| {
        answered(house.payer.post::<PayerView>("/v1/me/phone", &with_code(code, with_pin(pin))))
    };
    let code = house.code(OTHER, CodePurpose::Change);
    assert_eq!(change(&code, "000000").err(), Some("pin_wrong".to_owned()));
    assert_eq!(change(&other_than(&code), PIN).err(), Some("code_wrong".to_owned()));
    change(&code, PIN).unwrap();
    let text = house.phones.take(&number(PHONE)).unwrap();
    assert!(text.contains("does not belong to your account any more"), "{text}");
    assert_eq!(house.log_in(PHONE, PIN).err(), Some("pin_wrong".to_owned()));
    assert!(house.log_in(OTHER, PIN).is_ok());

    let next = house.phones.register(&house.anybody, &holder(PHONE)).unwrap();
    let next = house.anybody.with_key(next.device_key);
    let [mine, others]: [PayerView; 2] = [&house.payer, &next].map(|client| client.get("/v1/me").unwrap());
    assert_ne!(mine.payer_id, others.payer_id);
    let back = house.code(PHONE, CodePurpose::Change);
    assert_eq!(change(&back, PIN).err(), Some("phone_taken".to_owned()));
}

/// The default policy, under which no face is sure enough by itself.
fn doubting() -> String {
    let tiers =
        [("p_wrong_max = 1e-6", "p_wrong_max = 1e-14"), ("p_wrong_max = 1e-7", "p_wrong_max = 1e-14")];
    super::policy(&[&super::OFTEN[..], &tiers].concat())
}

#[test]
fn a_change_pauses_face_payment_and_is_known_in_a_dispute() {
    let fixture = Fixture::with(&Setup { policy: Some(doubting()), ..Setup::default() });
    let later = |payments: usize| {
        // Not one purchase charged twice.
        let moved = tamper(&fixture.server, "UPDATE payments SET at = at - 120000000");
        assert_eq!(moved, payments);
        tamper(&fixture.server, "UPDATE terminal_places SET from_at = from_at - 120000000");
    };
    later(1);
    let paid = attempt(&fixture.merchant, &fixture.terminal, fixture.terminal_id, "before");
    let stage = answer_all(&fixture.terminal, &paid).unwrap();
    let Stage::Approved { payment_id, payer_name: _ } = stage else { panic!("{stage:?}") };
    // An attempt that began before goes on with the digits of then.
    let began = attempt(&fixture.merchant, &fixture.terminal, fixture.terminal_id, "between");

    let phones = fixture.server.phones();
    let code = phones.code(&fixture.anybody, &number(OTHER), CodePurpose::Change).unwrap();
    let view: PayerView = fixture.payer.post("/v1/me/phone", &with_code(&code, with_pin(PIN))).unwrap();
    assert_eq!(view.face, api::Face::Frozen);
    let view: PayerView = fixture.payer.post("/v1/me/face/unfreeze", &with_pin(PIN)).unwrap();
    assert_eq!(view.face, api::Face::Enabled);

    later(2);
    let between = answer_all(&fixture.terminal, &began).unwrap();
    assert!(matches!(between, Stage::Approved { payment_id: _, payer_name: _ }), "{between:?}");
    later(3);
    let after = attempt(&fixture.merchant, &fixture.terminal, fixture.terminal_id, "after");
    let refused = answer_all(&fixture.terminal, &after).unwrap();
    assert!(matches!(&refused, Stage::Refused { code, detail: _ } if code == "check_failed"), "{refused:?}");

    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let path = format!("/v1/me/payments/{payment_id}/not-me");
    let dispute: DisputeView = fixture.payer.post(&path, &not_me).unwrap();
    let path = format!("/v1/disputes/{}/evidence?purpose=dispute", dispute.dispute_id);
    let gathered: Value = fixture.staff.get(&path).unwrap();
    assert_eq!(gathered[0]["facts"]["phone"], json!({ "changed": true, "typed": "then_only" }));
    let items = gathered[0]["assessment"]["items"].as_array().unwrap();
    let detail = |code: &str| {
        let item = items.iter().find(|item| item["code"] == code);
        item.unwrap_or_else(|| panic!("{code} is missing: {items:?}"))["detail"].as_str().unwrap()
    };
    assert!(detail("phone_changed_since").contains("other digits now"));
    assert!(detail("digits_of_former_number").contains("at that time"));
}
