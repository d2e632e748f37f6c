//! Money that is set aside at the terminal and taken later, less or not at all.

use std::thread;
use std::time::{Duration, Instant};

use api::{CapturePayment, MerchantPaymentView, OrderState, PaymentState};
use scenario::RawCall;
use serde_json::json;
use types::{Amount, Currency, PaymentId};

use super::{PURSE, Shop, refused};
use crate::bad_input;
use crate::database::tamper;
use crate::fixture::yuan;

/// More than a server needs to start and look around.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_part_is_taken_and_the_rest_is_free_again() {
    let shop = Shop::new();
    let id = shop.authorise("fuel", 10_000);
    assert_eq!((shop.purse(), shop.has()), (PURSE - 10_000, [0; 3]), "set aside, and not the shop's yet");
    assert!(shop.told("payment_authorised").contains("100.00"));
    let view = shop.payment(id);
    assert_eq!((view.state, view.authorised, view.captured), (PaymentState::Authorised, yuan(10_000), None));

    let (stranger, _) = shop.another("Panda Toys");
    shop.unchanged("what cannot be taken", || {
        refused(shop.refund(id, "r", 100), "payment_not_captured");
        refused(shop.capture(id, 10_001), "amount_above_authorised");
        refused(shop.capture(id, i64::MAX), "amount_above_authorised");
        for fen in [0, -1, i64::MIN] {
            refused(shop.capture(id, fen), "amount_not_positive");
        }
        let euro = CapturePayment { amount: Amount::new(100, "EUR".parse::<Currency>().unwrap()) };
        let path = format!("/v1/payments/{id}/capture");
        refused(shop.merchant.post::<MerchantPaymentView>(&path, &euro), "currency_mixed");
        refused(stranger.post::<MerchantPaymentView>(&path, &euro), "payment_unknown");
        refused(shop.terminal.post::<MerchantPaymentView>(&path, &euro), "wrong_role");
        misspelt(&shop, &path);
    });

    let view = shop.capture(id, 6_000).unwrap();
    assert_eq!((view.state, view.captured), (PaymentState::Captured, Some(yuan(6_000))));
    assert_eq!((shop.purse(), shop.has()), (PURSE - 6_000, [6_000, 0, 0]), "the rest is the payer's again");
    let told = shop.told("payment_captured");
    assert!(told.contains("60.00") && told.contains("40.00"), "{told}");
    shop.unchanged("what was taken", || {
        assert_eq!(shop.capture(id, 6_000).unwrap(), view);
        refused(shop.capture(id, 6_001), "payment_already_captured");
        refused(shop.void(id), "payment_already_captured");
    });
    shop.verify();
}

/// Numbers that are none, or not whole.
fn misspelt(shop: &Shop, path: &str) {
    for minor in ["\"100\"", "100.5", "1e2", "9223372036854775808", "null", "true", "[100]", "0x10", "1_000"]
    {
        let body = format!("{{\"amount\":{{\"minor\":{minor},\"currency\":\"CNY\"}}}}");
        let (content_type, body) = (Some("application/json"), body.as_bytes());
        let reply = shop.merchant.send(RawCall { method: "POST", path, content_type, body }).unwrap();
        assert_eq!(bad_input::refused(&reply, minor).code, "body_malformed", "{minor}");
    }
}

#[test]
fn what_is_let_go_is_gone() {
    let shop = Shop::new();
    let id = shop.authorise("room", 8_000);
    let view = shop.void(id).unwrap();
    assert_eq!((view.state, view.captured), (PaymentState::Voided, None));
    assert_eq!((shop.purse(), shop.has()), (PURSE, [0; 3]));
    assert!(shop.told("payment_released").contains("80.00"));
    shop.unchanged("what was let go", || {
        assert_eq!(shop.void(id).unwrap(), view);
        refused(shop.capture(id, 8_000), "payment_voided");
        refused(shop.refund(id, "r", 1), "payment_voided");
        refused(shop.not_me(id), "payment_voided");
    });
    // The order may be taken back all the same: nothing is left to move.
    let order = shop.reverse(view.order_id).unwrap();
    assert_eq!((order.state, shop.purse()), (OrderState::Reversed, PURSE));
    shop.verify();
}

#[test]
fn an_authorisation_ends_in_time_and_not_before() {
    let mut shop = Shop::new();
    let (old, young) = (shop.authorise("old", 3_000), shop.authorise("young", 4_000));
    let hold = format!("SELECT hold_id FROM payments WHERE id = '{old}'");
    tamper(shop.server(), &format!("UPDATE entries SET expires_at = 1 WHERE id = ({hold})"));
    tamper(shop.server(), &format!("UPDATE payments SET expires_at = 1 WHERE id = '{old}'"));
    // The server looks every few seconds: it is refused before and after.
    refused(shop.capture(old, 3_000), "authorisation_expired");
    shop.restart();
    wait_until_expired(&shop, old);
    assert_eq!(shop.purse(), PURSE - 4_000);
    assert!(shop.told("payment_released").contains("30.00"));
    refused(shop.capture(old, 3_000), "authorisation_expired");
    refused(shop.void(old), "authorisation_expired");
    refused(shop.refund(old, "r", 1), "authorisation_expired");
    refused(shop.not_me(old), "authorisation_expired");

    assert_eq!(shop.payment(young).state, PaymentState::Authorised, "its time has not come");
    shop.capture(young, 4_000).unwrap();
    assert_eq!(shop.has(), [4_000, 0, 0]);
    shop.verify();
}

fn wait_until_expired(shop: &Shop, id: PaymentId) {
    let begun = Instant::now();
    while shop.payment(id).state != PaymentState::Expired {
        assert!(begun.elapsed() < PATIENCE, "an authorisation past its time does not end");
        thread::sleep(Duration::from_millis(20));
    }
}

/// An order says when its money is taken; the same number with another wish is another order.
#[test]
fn the_wish_to_take_later_belongs_to_the_order() {
    let shop = Shop::new();
    let later = shop.new_order("hotel", 2_000, api::CaptureMode::Manual);
    let view: api::OrderView = shop.merchant.post("/v1/orders", &later).unwrap();
    assert_eq!(view.capture, api::CaptureMode::Manual);
    let mut said = serde_json::to_value(&later).unwrap();
    said.as_object_mut().unwrap().remove("capture");
    refused(shop.merchant.post::<api::OrderView>("/v1/orders", &said), "order_conflict");
    said["capture"] = json!("whenever");
    refused(shop.merchant.post::<api::OrderView>("/v1/orders", &said), "body_malformed");
    shop.verify();
}
