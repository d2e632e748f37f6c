//! "Not me", before the money was taken and after a part of it came back.

use api::{
    CompensationView, DisputeStaffView, Face, FindingRequest, NotMe, PayerView, PaymentState, Recovery,
};

use super::{PURSE, RESERVE, Shop, refusal, refused};
use crate::fixture::{transfer, yuan};

#[test]
fn what_was_only_set_aside_is_let_go_at_once() {
    let shop = Shop::new();
    let id = shop.authorise("room", 9_000);
    refused(shop.not_me(id), "authorisation_released");
    assert_eq!((shop.purse(), shop.reserve()), (PURSE, RESERVE), "nothing was taken, nothing is compensated");
    assert_eq!(shop.payment(id).state, PaymentState::Voided);
    assert!(!shop.payment(id).disputed);
    assert!(shop.told("payment_released").contains("90.00"));
    let cases: serde_json::Value = shop.staff.get("/v1/disputes").unwrap();
    assert!(!cases.to_string().contains("dis_"), "there is no case: {cases}");
    refused(shop.capture(id, 9_000), "payment_voided");

    // The face is frozen all the same, if that is wished.
    let other = shop.authorise("fuel", 4_000);
    let path = format!("/v1/me/payments/{other}/not-me");
    let freeze = NotMe { words: "I was asleep".to_owned(), freeze: true };
    refused(shop.payer.post::<api::DisputeView>(&path, &freeze), "authorisation_released");
    let me: PayerView = shop.payer.get("/v1/me").unwrap();
    assert_eq!((me.face, shop.purse()), (Face::Frozen, PURSE));
    let attempt = shop.attempt("again", 1_000);
    // That a face is frozen is told to nobody at a terminal.
    assert_eq!(refusal(crate::fixture::answer_all(&shop.terminal, &attempt).unwrap()), "not_recognised");
    shop.verify();
}

#[test]
fn after_a_refund_it_is_about_the_rest() {
    let shop = Shop::new();
    let id = shop.pay("meal", 10_000);
    shop.refund(id, "r1", 4_000).unwrap();
    let case = shop.not_me(id).unwrap();
    assert_eq!(case.amount, yuan(6_000));
    assert!(matches!(case.compensation, CompensationView::Paid { amount, at: _ } if amount == yuan(6_000)));
    assert_eq!((shop.purse(), shop.reserve()), (PURSE, RESERVE - 6_000), "whole again, and no more");
    shop.unchanged("what was compensated", || {
        refused(shop.refund(id, "r2", 1), "payment_compensated");
        refused(shop.reverse_number("meal"), "payment_compensated");
        assert_eq!(shop.not_me(id).unwrap().dispute_id, case.dispute_id);
    });
    let path = format!("/v1/disputes/{}", case.dispute_id);
    let finding = FindingRequest { finding: "merchant_fault".to_owned(), note: "see there".to_owned() };
    let _: DisputeStaffView = shop.staff.post(&format!("{path}/finding"), &finding).unwrap();
    let recovery = Recovery { transfer_id: transfer(800) };
    let _: DisputeStaffView = shop.staff.post(&format!("{path}/recovery"), &recovery).unwrap();
    let view = shop.payment(id);
    assert_eq!((view.refunded, view.recovered), (Some(yuan(4_000)), Some(yuan(6_000))));
    assert_eq!((shop.reserve(), shop.has()), (RESERVE, [0; 3]));
    shop.verify();
}

/// While the reserve cannot pay, the case is open, and the shop cannot give the money back beside it.
#[test]
fn an_open_case_keeps_the_money_still() {
    let shop = Shop::with_reserve(100);
    let id = shop.pay("meal", 10_000);
    let later = shop.authorise("room", 3_000);
    let case = shop.not_me(id).unwrap();
    assert!(
        matches!(case.compensation, CompensationView::AwaitingApproval { amount } if amount == yuan(10_000))
    );
    shop.unchanged("disputed money", || {
        refused(shop.refund(id, "r", 1_000), "payment_disputed");
        refused(shop.reverse_number("meal"), "payment_disputed");
        refused(shop.reverse(shop.payment(id).order_id), "payment_disputed");
    });
    assert!(shop.payment(id).disputed && !shop.payment(later).disputed);
    shop.capture(later, 3_000).unwrap();
    shop.verify();
}
