//! The rules behind a debit hold without a face as well.

use api::{CaptureMode, CodedOrderView, MessageList, OrderState, OrderView, PaymentState};

use super::{PURSE, Place, pay, pay_with};
use crate::database::{Dump, tamper};
use crate::fixture::{PIN, yuan};
use crate::money::refused;

#[test]
fn the_pin_is_needed_and_locks() {
    let place = Place::new();
    let (order, code) = place.coded("noodles", 2_300);
    for pin in ["", "000000", "91820", "9182044"] {
        refused(pay_with(&place.payer, &code, pin, false), "pin_wrong");
    }
    refused(pay_with(&place.payer, &code, "111111", false), "pin_wrong");
    // Five in a row: even the right one is not taken now, here and everywhere else.
    refused(pay(&place.payer, &code), "pin_locked");
    let inbox: MessageList = place.payer.get("/v1/me/messages").unwrap();
    assert_eq!(inbox.messages[0].kind, "pin_locked");
    assert_eq!((place.state(order), place.purse()), ((OrderState::Open, None), PURSE));
    tamper(place.shop.server(), "UPDATE payers SET pin_locked_until = 1 WHERE pin_locked_until IS NOT NULL");
    pay(&place.payer, &code).unwrap();
    place.shop.verify();
}

#[test]
fn an_order_that_is_over_takes_its_code_along() {
    let place = Place::new();
    let check = |code: &str, order, why: &str| {
        place.shop.unchanged(why, || {
            refused(pay(&place.payer, code), why);
            refused(place.payer.get::<CodedOrderView>(&format!("/v1/order-codes/{code}")), why);
            refused(place.code(order), why);
        });
    };
    let (order, code) = place.coded("taken back", 1_000);
    place.shop.reverse(order).unwrap();
    check(&code, order, "order_reversed");

    let (order, code) = place.coded("too late", 1_100);
    tamper(place.shop.server(), &format!("UPDATE orders SET expires_at = 1 WHERE id = '{order}'"));
    check(&code, order, "order_expired");

    let (order, code) = place.coded("paid and taken back", 1_200);
    pay(&place.payer, &code).unwrap();
    place.shop.reverse(order).unwrap();
    assert_eq!(place.purse(), PURSE);
    check(&code, order, "order_reversed");

    let (order, code) = place.coded("suspended", 1_300);
    tamper(place.shop.server(), "UPDATE terminals SET state = 'suspended'");
    check(&code, order, "terminal_suspended");
}

#[test]
fn what_is_not_there_is_not_debited() {
    let place = Place::new();
    let (order, code) = place.coded("feast", PURSE + 1);
    refused(pay(&place.payer, &code), "insufficient_funds");
    assert_eq!((place.state(order), place.purse()), ((OrderState::Open, None), PURSE));
    // With more on the account the same code pays.
    let top_up = api::Funding { transfer_id: crate::fixture::transfer(77), amount: yuan(1) };
    let _: types::Amount =
        place.shop.staff.post(&format!("/v1/payers/{}/top-ups", place.payer_id), &top_up).unwrap();
    pay(&place.payer, &code).unwrap();
    assert_eq!(place.purse(), 0);
    place.shop.verify();
}

/// Two factors: the limits for fewer do not bind, the day's own limit does.
#[test]
fn the_day_has_a_limit() {
    let place = Place::with_policy(&[
        ("day_one_factor_minor = 100000", "day_one_factor_minor = 500"),
        ("payment_one_factor_minor = 100000", "payment_one_factor_minor = 500"),
        ("day_max_minor = 500000", "day_max_minor = 10000"),
    ]);
    place.pay("one", 6_000);
    let (order, code) = place.coded("two", 4_001);
    refused(pay(&place.payer, &code), "over_day_limit");
    assert_eq!((place.state(order), place.purse()), ((OrderState::Open, None), PURSE - 6_000));
    place.pay("three", 4_000);
    refused(pay(&place.payer, &place.coded("four", 1).1), "over_day_limit");
    tamper(place.shop.server(), "UPDATE payments SET at = at - 86400000000");
    pay(&place.payer, &code).unwrap();
    // Each refusal is a decision on record, and comes out again when it is made again.
    let decisions = Dump::of(place.shop.server()).table("decisions").join("\n");
    assert_eq!(decisions.matches("over_day_limit").count(), 2);
    place.shop.verify();
}

#[test]
fn the_same_purchase_again_is_asked_about() {
    let place = Place::new();
    place.pay("one", 2_000);
    let (order, code) = place.coded("two", 2_000);
    refused(pay(&place.payer, &code), "looks_repeated");
    assert_eq!((place.state(order), place.purse()), ((OrderState::Open, None), PURSE - 2_000));
    // The PIN alone does not say that it is meant, saying so without the PIN does not either.
    refused(pay_with(&place.payer, &code, "000000", true), "pin_wrong");
    pay_with(&place.payer, &code, PIN, true).unwrap();
    assert_eq!(place.purse(), PURSE - 4_000);
    place.pay("another amount", 2_001);
    tamper(place.shop.server(), "UPDATE payments SET at = at - 61000000");
    place.pay("after a minute", 2_000);
    place.shop.verify();
}

#[test]
fn money_that_is_taken_later_is_set_aside() {
    let place = Place::new();
    let order = place.order_as(&place.shop.new_order("room", 8_000, CaptureMode::Manual)).order_id;
    let code = place.code(order).unwrap().code;
    let asked: CodedOrderView = place.payer.get(&format!("/v1/order-codes/{code}")).unwrap();
    assert_eq!(asked.capture, CaptureMode::Manual);
    let paid = pay(&place.payer, &code).unwrap();
    assert_eq!((paid.state, place.shop.has()), (PaymentState::Authorised, [0; 3]));
    let inbox: MessageList = place.payer.get("/v1/me/messages").unwrap();
    assert_eq!(inbox.messages[0].kind, "code_payment_authorised");
    assert!(inbox.messages[0].text.contains("80.00"), "{}", inbox.messages[0].text);
    place.shop.capture(paid.payment_id, 5_000).unwrap();
    assert_eq!((place.purse(), place.shop.has()), (PURSE - 5_000, [5_000, 0, 0]));
    assert_eq!(pay(&place.payer, &code).unwrap().payment_id, paid.payment_id, "still the same");
    place.shop.verify();
}

#[test]
fn it_is_refunded_and_settled_like_any_other() {
    let place = Place::new();
    place.shop.terms(1, 60);
    let id = place.pay("noodles", 10_000).payment_id;
    place.shop.refund(id, "r1", 2_500).unwrap();
    assert_eq!(place.purse(), PURSE - 7_500);
    place.shop.days_pass(1);
    assert_eq!(place.shop.settle()[0].net, yuan(7_500));
    assert_eq!(place.shop.has(), [0, 7_455, 0]);
    let view: OrderView = place.shop.order("noodles");
    assert_eq!(view.payment_id, Some(id));
    place.shop.verify();
}
