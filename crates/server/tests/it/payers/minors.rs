//! Documents, age on the day of the debit, guardians.

use api::{CodePurpose, IdentityView, NewOrder, PayerView, Stage, WardList, WardView};
use scenario::{Client, NewHolder};
use serde_json::{Value, json};
use types::{Date, PayerId, Tier};

use super::{House, NOTHING, OTHER, answered, born, done, number, told, with_code, with_pin};
use crate::fixture::{Fixture, PHONE, PIN, Setup, answer_all, attempt_at, holder, new_order, picture, yuan};

fn fixture() -> Fixture {
    let limits = [
        ("payment_max_minor = 20000", "payment_max_minor = 3000"),
        ("day_max_minor = 50000\n", "day_max_minor = 9000\n"),
    ];
    let policy = super::policy(&[&super::OFTEN[..], &limits].concat());
    Fixture::with(&Setup { policy: Some(policy), ..Setup::default() })
}

fn document(birth_date: Date) -> Value {
    json!({
        "document_kind": "passport", "document_number": "E12345678", "name": "Wang Wei", "birth_date": birth_date,
    })
}

fn verify(staff: &Client, payer: PayerId, birth_date: Date) {
    let path = format!("/v1/payers/{payer}/identity");
    let _: IdentityView = staff.post(&path, &document(birth_date)).unwrap();
}

/// "approved", or why not.
fn pay(fixture: &Fixture, fen: i64) -> String {
    let order = NewOrder { amount: yuan(fen), ..new_order(fixture.terminal_id, &format!("order {fen}")) };
    let attempt = attempt_at(&fixture.merchant, &fixture.terminal, &order);
    match answer_all(&fixture.terminal, &attempt).unwrap() {
        Stage::Approved { payment_id: _, payer_name: _ } => "approved".to_owned(),
        Stage::Refused { code, detail: _ } => code,
        other @ (Stage::AwaitingCapture | Stage::AwaitingCheck { ask: _, repeated: _ } | Stage::Expired) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn a_document_is_checked_and_told() {
    let fixture = fixture();
    let path = format!("/v1/payers/{}/identity", fixture.payer_id);
    let show = |body: &Value| answered(fixture.staff.post::<IdentityView>(&path, body)).map(|view| view.tier);
    let mut card = document(Date::constant(1949, 12, 31));
    card["document_kind"] = json!("resident_id");
    card["document_number"] = json!("110105194912310020");
    assert_eq!(show(&card), Err("document_wrong".to_owned()));
    assert_eq!(show(&document(born(0, 1))), Err("field_invalid".to_owned()), "born tomorrow");
    let view: PayerView = fixture.payer.get("/v1/me").unwrap();
    assert_eq!(view.tier, Tier::Basic);
    card["document_number"] = json!("11010519491231002X");
    assert_eq!(show(&card), Ok(Tier::Verified));
    assert_eq!(told(&fixture.payer, "identity_verified"), 1);
    let view: PayerView = fixture.payer.get("/v1/me").unwrap();
    assert_eq!(view.tier, Tier::Verified);
    let nobody = "/v1/payers/payer_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa/identity";
    let nobody = answered(fixture.staff.post::<IdentityView>(nobody, &document(born(30, 0))));
    assert_eq!(nobody.err(), Some("payer_unknown".to_owned()));
}

/// The fixture's 20 yuan of today count.
#[test]
fn limits_follow_the_age_of_the_day() {
    let fixture = fixture();
    let age = |date| verify(&fixture.staff, fixture.payer_id, date);
    age(born(18, 1));
    assert_eq!(pay(&fixture, 3_001), "minor_limit", "18 tomorrow");
    assert_eq!(pay(&fixture, 3_000), "approved");
    age(born(18, 0));
    assert_eq!(pay(&fixture, 3_002), "approved", "18 today");
    age(born(14, 0));
    assert_eq!(pay(&fixture, 998), "approved", "14 today");
    assert_eq!(pay(&fixture, 1), "minor_limit", "90 yuan in all today");
    age(born(14, 1));
    assert_eq!(pay(&fixture, 2), "guardian_needed", "14 tomorrow");
    fixture.verify();
}

#[test]
fn a_basic_holder_has_a_day_limit() {
    let limits = [("basic_day_max_minor = 100000", "basic_day_max_minor = 4500")];
    let policy = super::policy(&[&super::OFTEN[..], &limits].concat());
    let fixture = Fixture::with(&Setup { policy: Some(policy), ..Setup::default() });
    assert_eq!(pay(&fixture, 2_501), "over_day_limit");
    assert_eq!(pay(&fixture, 2_499), "approved");
    verify(&fixture.staff, fixture.payer_id, born(30, 0));
    assert_eq!(pay(&fixture, 2_502), "approved", "verified");
}

#[test]
fn a_guardian_agrees_is_told_and_says_no() {
    let fixture = fixture();
    let phones = fixture.server.phones();
    let adult = phones.register(&fixture.anybody, &holder(OTHER)).unwrap();
    let guardian = fixture.anybody.with_key(adult.device_key);
    verify(&fixture.staff, fixture.payer_id, born(13, 0));
    assert_eq!(pay(&fixture, 500), "guardian_needed");
    let _: PayerView = fixture.payer.post("/v1/me/face/freeze", &json!({})).unwrap();
    let unfreeze = || answered(fixture.payer.post::<PayerView>("/v1/me/face/unfreeze", &with_pin(PIN))).err();
    assert_eq!(unfreeze(), Some("guardian_needed".to_owned()));

    let ask = |phone: &str| {
        let code = phones.code(&fixture.anybody, &number(phone), CodePurpose::Guardian).unwrap();
        answered(guardian.post::<WardView>("/v1/me/wards", &with_code(&code, with_pin(PIN))))
    };
    let refused = |phone: &str| ask(phone).err().unwrap_or_default();
    assert_eq!(refused(PHONE), "guardian_unfit", "nobody saw a document");
    verify(&fixture.staff, adult.payer_id, born(18, 1));
    assert_eq!(refused(PHONE), "guardian_unfit", "18 tomorrow");
    verify(&fixture.staff, adult.payer_id, born(18, 0));
    assert_eq!(refused(OTHER), "ward_unfit", "of age");
    assert_eq!(ask(PHONE).unwrap().confirmed_at, None);
    assert_eq!(unfreeze(), Some("guardian_needed".to_owned()), "the ward has not agreed");
    let accept = |pin: &str| done(&fixture.payer, "POST", "/v1/me/guardian", Some(&with_pin(pin)));
    assert_eq!(accept("000000"), Err("pin_wrong".to_owned()));
    assert_eq!(accept(PIN), Ok(()));
    assert_eq!(unfreeze(), None);
    assert_eq!(refused(PHONE), "ward_unfit", "has one");

    assert_eq!(pay(&fixture, 501), "approved");
    assert_eq!(told(&guardian, "ward_debited"), 1);
    let ward = format!("/v1/me/wards/{}", fixture.payer_id);
    let held: WardView = guardian.post_empty(&format!("{ward}/freeze")).unwrap();
    assert!(held.held);
    assert_eq!(pay(&fixture, 502), "not_recognised", "off, and no stranger's business");
    assert_eq!(unfreeze(), Some("guardian_holds".to_owned()));
    let allowed: WardView = guardian.post_empty(&format!("{ward}/allow")).unwrap();
    assert!(!allowed.held);
    assert_eq!(unfreeze(), None);

    let list: WardList = guardian.get("/v1/me/wards").unwrap();
    assert_eq!(list.wards.len(), 1);
    assert_eq!(done(&guardian, "DELETE", &ward, NOTHING), Ok(()));
    assert_eq!(done(&guardian, "DELETE", &ward, NOTHING), Err("ward_unknown".to_owned()));
    assert_eq!(pay(&fixture, 503), "guardian_needed");
}

#[test]
fn a_child_enrols_with_a_guardian_only() {
    let house = House::new();
    let child = NewHolder { birth_date: born(14, 1), ..holder(OTHER) };
    let child = house.phones.register(&house.anybody, &child).unwrap();
    let child = house.anybody.with_key(child.device_key);
    let text: api::ConsentText = child.get("/v1/consent-text").unwrap();
    let _: Value = child.post("/v1/me/consent", &api::Consent { version: text.version }).unwrap();
    let frames = vec![picture("studio_portrait"), picture("amateur_posture")];
    let enrol = child.post::<api::EnrolmentView>("/v1/me/enrolments", &api::NewEnrolment { frames });
    assert_eq!(answered(enrol).err(), Some("guardian_needed".to_owned()));
}
