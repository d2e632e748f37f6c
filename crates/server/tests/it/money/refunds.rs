//! Money that goes back: in parts, once per number, never more than was paid.

use api::{OrderState, PaymentState, PaymentView, RefundView};
use scenario::RawCall;
use types::{Amount, Currency};

use super::{PURSE, Shop, new_refund, refused};
use crate::bad_input;
use crate::fixture::yuan;

#[test]
fn in_parts_until_nothing_is_left() {
    let shop = Shop::new();
    let id = shop.pay("meal", 10_000);
    let other = shop.pay("tea", 1_000);
    let first = shop.refund(id, "r1", 3_000).unwrap();
    assert_eq!((first.payment_id, first.amount, first.reason.as_str()), (id, yuan(3_000), "cold soup"));
    assert_eq!((shop.purse(), shop.has()), (PURSE - 8_000, [8_000, 0, 0]));
    let told = shop.told("payment_refunded");
    assert!(told.contains("30.00") && told.contains("cold soup") && told.contains("Lantern Deli"), "{told}");

    shop.unchanged("a refund again", || {
        assert_eq!(shop.refund(id, "r1", 3_000).unwrap(), first);
        assert_eq!(status(&shop, id, "r1", 3_000), 200);
        refused(shop.refund(id, "r1", 2_999), "refund_conflict");
        refused(shop.refund(other, "r1", 1_000), "refund_conflict");
        refused(shop.refund(id, "r2", 7_001), "refund_above_paid");
        refused(shop.refund(other, "r2", 1_001), "refund_above_paid");
    });
    assert_eq!(status(&shop, id, "r2", 7_000), 201);
    assert_eq!((shop.purse(), shop.has()), (PURSE - 1_000, [1_000, 0, 0]));
    let view = shop.payment(id);
    assert_eq!((view.state, view.refunded), (PaymentState::Captured, Some(yuan(10_000))));
    assert_eq!(numbers(&view.refunds), ["r1", "r2"]);
    let seen: PaymentView = shop.payer.get(&format!("/v1/me/payments/{id}")).unwrap();
    assert_eq!((seen.refunded, seen.reversed, seen.dispute_id), (yuan(10_000), false, None));

    shop.unchanged("what is all back", || {
        refused(shop.refund(id, "r3", 1), "refund_above_paid");
        refused(shop.reverse(view.order_id), "payment_refunded");
        refused(shop.reverse_number("meal"), "payment_refunded");
        refused(shop.not_me(id), "payment_refunded");
        assert_eq!(shop.refund(id, "r1", 3_000).unwrap(), first);
    });
    assert_eq!(
        shop.order("meal").state,
        OrderState::Paid,
        "a refused reversal leaves no trace on the number"
    );
    shop.verify();
}

fn numbers(refunds: &[RefundView]) -> Vec<&str> {
    refunds.iter().map(|refund| refund.out_refund_no.as_str()).collect()
}

fn status(shop: &Shop, id: types::PaymentId, number: &str, fen: i64) -> u16 {
    let body = serde_json::to_vec(&new_refund(number, yuan(fen))).unwrap();
    let path = format!("/v1/payments/{id}/refunds");
    let content_type = Some("application/json");
    shop.merchant.send(RawCall { method: "POST", path: &path, content_type, body: &body }).unwrap().status
}

#[test]
fn what_is_no_refund_moves_nothing() {
    let shop = Shop::new();
    let id = shop.pay("meal", 10_000);
    let (stranger, _) = shop.another("Panda Toys");
    shop.unchanged("what is no refund", || {
        for fen in [0, -1, i64::MIN] {
            refused(shop.refund(id, "r", fen), "amount_not_positive");
        }
        for fen in [10_001, i64::MAX] {
            refused(shop.refund(id, "r", fen), "refund_above_paid");
        }
        let path = format!("/v1/payments/{id}/refunds");
        let euro = Amount::new(100, "EUR".parse::<Currency>().unwrap());
        refused(shop.merchant.post::<RefundView>(&path, &new_refund("r", euro)), "currency_mixed");
        let wanted = new_refund("r", yuan(100));
        refused(stranger.post::<RefundView>(&path, &wanted), "payment_unknown");
        for client in [&shop.terminal, &shop.payer, &shop.staff] {
            refused(client.post::<RefundView>(&path, &wanted), "wrong_role");
        }
        let nobody = "/v1/payments/pay_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa/refunds";
        refused(shop.merchant.post::<RefundView>(nobody, &wanted), "payment_unknown");
        for number in ["", "  ", "r\u{0}", &"r".repeat(65)] {
            let wanted = new_refund(number, yuan(100));
            refused(shop.merchant.post::<RefundView>(&path, &wanted), "field_invalid");
        }
        for minor in ["\"100\"", "100.5", "1e2", "9223372036854775808", "-9223372036854775809", "null", "{}"] {
            let body = format!(
                "{{\"out_refund_no\":\"r\",\"reason\":\"x\",\"amount\":{{\"minor\":{minor},\"currency\":\"CNY\"}}}}"
            );
            let (content_type, body) = (Some("application/json"), body.as_bytes());
            let call = RawCall { method: "POST", path: &path, content_type, body };
            let problem = bad_input::refused(&shop.merchant.send(call).unwrap(), minor);
            assert_eq!(problem.code, "body_malformed", "{minor}");
        }
    });
    // A number that was only ever refused is free.
    shop.refund(id, "r", 100).unwrap();
    // Each merchant counts its own refunds: the same number means nothing to another.
    assert_eq!(shop.payment(id).refunds.len(), 1);
    shop.verify();
}

/// Half a fen is nobody's: whatever the parts, the fee ends where it began.
#[test]
fn the_fee_follows_the_money_back() {
    let shop = Shop::new();
    shop.terms(1, 60);
    let id = shop.pay("meal", 9_999);
    assert_eq!(shop.payment(id).fee_bps, 60);
    shop.days_pass(1);
    let [settled] = &shop.settle()[..] else { panic!("one settlement") };
    assert_eq!((settled.fee, settled.settled), (yuan(60), yuan(9_939)));
    for (number, fen) in [("a", 1), ("b", 82), ("c", 83), ("d", 3_333), ("e", 6_499)] {
        shop.refund(id, number, fen).unwrap();
        shop.verify();
    }
    refused(shop.refund(id, "f", 2), "refund_above_paid");
    shop.refund(id, "g", 1).unwrap();
    assert_eq!((shop.purse(), shop.has()), (PURSE, [0; 3]), "nothing is left anywhere");
    shop.verify();
}
