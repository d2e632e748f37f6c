//! "Not me" about a debit without a face: there is no capture to look at, and PIN and own device speak.

use super::{PURSE, Place};
use crate::database::tamper;
use api::{CompensationView, DisputeView, EvidenceView, Side};

impl Place {
    fn evidence(&self, case: &DisputeView) -> EvidenceView {
        let path = format!("/v1/disputes/{}/evidence?purpose=dispute", case.dispute_id);
        let gathered: Vec<EvidenceView> = self.shop.staff.get(&path).unwrap();
        gathered.into_iter().next_back().unwrap()
    }

    /// The payer's account, and the device that opened it, are so many days old.
    fn days_old(&self, days: i64) {
        let micros = days * 86_400_000_000;
        let server = self.shop.server();
        tamper(server, &format!("UPDATE payers SET created_at = created_at - {micros}"));
        tamper(
            server,
            &format!("UPDATE credentials SET created_at = created_at - {micros} WHERE scope = 'payer'"),
        );
    }

    /// The payer's device has joined the account just now.
    fn device_is_young(&self) {
        tamper(self.shop.server(), "UPDATE payers SET created_at = created_at - 86400000000");
    }
}

fn codes(evidence: &EvidenceView, side: Side) -> Vec<&str> {
    let items = evidence.assessment.items.iter().filter(|item| item.side == side);
    items.map(|item| item.code.as_str()).collect()
}

#[test]
fn pin_and_a_known_device_count_as_authorisation() {
    let place = Place::new();
    place.days_old(30);
    let id = place.pay("noodles", 2_300).payment_id;
    let case = place.not_me(id);
    assert_eq!(case.compensation, CompensationView::NotDue);
    let evidence = place.evidence(&case);
    assert!(evidence.assessment.authorisation_proven);
    assert_eq!(evidence.assessment.proposed, "authorised_by_payer");
    assert_eq!(codes(&evidence, Side::ForAuthorisation), ["pin_on_own_device", "device_known"]);
    // What is not known is not made up: nothing about a face.
    let facts = &evidence.facts;
    assert_eq!(
        (&facts["searched"], &facts["p_wrong_now"], &facts["liveness"]),
        (&0.into(), &().into(), &().into())
    );
    assert!(facts["own_device"]["registered_minutes"].as_f64().unwrap() > 43_000.0, "{facts}");
    assert!(
        !codes(&evidence, Side::AgainstAuthorisation)
            .iter()
            .any(|code| { ["capture_missing", "no_strong_factor", "liveness_missing"].contains(code) })
    );
    assert_eq!(place.purse(), PURSE - 2_300);

    // The device is taken off later: gathered again, it no longer proves, and the payer has the money back.
    tamper(place.shop.server(), "UPDATE credentials SET revoked_at = created_at WHERE scope = 'payer'");
    let path = format!("/v1/disputes/{}/gather", case.dispute_id);
    let again: EvidenceView = place.shop.staff.post_empty(&path).unwrap();
    assert!(!again.assessment.authorisation_proven);
    assert!(codes(&again, Side::AgainstAuthorisation).contains(&"device_revoked"));
    assert_eq!(again.assessment.proposed, "account_takeover");
    place.shop.verify();
}

#[test]
fn a_new_device_or_pin_proves_nothing() {
    let place = Place::new();
    place.device_is_young();
    let id = place.pay("noodles", 2_300).payment_id;
    let case = place.not_me(id);
    assert!(matches!(case.compensation, CompensationView::Paid { amount: _, at: _ }), "{case:?}");
    assert_eq!(place.purse(), PURSE, "paid back first");
    let evidence = place.evidence(&case);
    assert!(codes(&evidence, Side::AgainstAuthorisation).contains(&"device_new"));
    assert_eq!(evidence.assessment.proposed, "account_takeover");

    // A PIN that was replaced without the old one proves nothing even on the first device; on a young one it does not
    // even pay.
    let recovered = "UPDATE payers SET pin_recovered_at = created_at + 86400000000";
    tamper(place.shop.server(), recovered);
    crate::money::refused(super::pay(&place.payer, &place.coded("young", 1_000).1), "device_waits");
    tamper(
        place.shop.server(),
        "UPDATE credentials SET created_at = created_at - 86400000000 WHERE scope = 'payer'",
    );
    let id = place.pay("old", 1_100).payment_id;
    let evidence = place.evidence(&place.not_me(id));
    assert!(codes(&evidence, Side::ForAuthorisation).contains(&"device_known"));
    assert!(codes(&evidence, Side::AgainstAuthorisation).contains(&"pin_recovered"));
    assert!(!evidence.assessment.authorisation_proven);
    assert_eq!(place.purse(), PURSE);
    place.shop.verify();
}

/// The own device, far away from the shop: somebody else's hands, or somebody who was sent the code.
#[test]
fn a_trace_far_away_contradicts() {
    let place = Place::new();
    place.days_old(30);
    let far = api::DeviceLocation { point: types::GeoPoint::new(45.75, 126.65).unwrap() };
    let body = serde_json::to_vec(&far).unwrap();
    let call = scenario::RawCall {
        method: "POST",
        path: "/v1/me/device-location",
        content_type: Some("application/json"),
        body: &body,
    };
    assert_eq!(place.payer.send(call).unwrap().status, 204);
    let id = place.pay("noodles", 2_300).payment_id;
    let case = place.not_me(id);
    assert!(matches!(case.compensation, CompensationView::Paid { amount: _, at: _ }), "{case:?}");
    assert!(codes(&place.evidence(&case), Side::AgainstAuthorisation).contains(&"impossible_travel"));
    place.shop.verify();
}

/// Money that is only set aside is let go at once.
#[test]
fn what_was_set_aside_is_let_go() {
    let place = Place::new();
    let order = place.order_as(&place.shop.new_order("room", 8_000, api::CaptureMode::Manual)).order_id;
    let id = super::pay(&place.payer, &place.code(order).unwrap().code).unwrap().payment_id;
    let not_me =
        place.payer.post::<DisputeView>(&format!("/v1/me/payments/{id}/not-me"), &api::NotMe::default());
    crate::money::refused(not_me, "authorisation_released");
    assert_eq!(place.purse(), PURSE);
    place.shop.verify();
}
