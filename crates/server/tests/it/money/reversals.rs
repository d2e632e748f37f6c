//! Taking back by the shop's own number, whatever of it has arrived.

use api::{OrderState, OrderView, PaymentState, SessionView, Stage};

use super::{PURSE, Shop, refused};
use crate::fixture::{answer_all, capture, pay};

#[test]
fn a_number_taken_back_before_its_order_never_pays() {
    let shop = Shop::new();
    assert_eq!(shop.reverse_number("early").unwrap().order, None);
    shop.unchanged("a reversal again", || assert_eq!(shop.reverse_number("early").unwrap().order, None));
    let order = shop.new_order("early", 1_000, api::CaptureMode::Automatic);
    shop.unchanged("an order too late", || {
        refused(shop.merchant.post::<OrderView>("/v1/orders", &order), "order_reversed");
        refused(shop.merchant.get::<OrderView>("/v1/orders?out_trade_no=early"), "order_unknown");
    });
    // It is that shop's number, not everybody's.
    let (stranger, terminal_id) = shop.another("Panda Toys");
    let theirs = api::NewOrder { terminal_id, ..order };
    let theirs: OrderView = stranger.post("/v1/orders", &theirs).unwrap();
    assert_eq!(theirs.state, OrderState::Open);
    for number in ["", " ", &"x".repeat(65), "nul\u{0}"] {
        refused(shop.reverse_number(number), "field_invalid");
    }
    shop.verify();
}

#[test]
fn a_number_taken_back_before_its_payment_never_pays() {
    let shop = Shop::new();
    let attempt = shop.attempt("slow", 2_000);
    let reversed = shop.reverse_number("slow").unwrap().order.unwrap();
    assert_eq!((reversed.order_id, reversed.state), (attempt.order_id, OrderState::Reversed));
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    refused(shop.terminal.post::<SessionView>(&path, &capture(&attempt)), "order_reversed");
    refused(
        shop.terminal.post::<api::NewSessionReply>(
            "/v1/capture-sessions",
            &api::NewSession { order_id: attempt.order_id },
        ),
        "order_reversed",
    );
    assert_eq!(shop.purse(), PURSE);
    shop.verify();
}

/// What a till does that lost an answer: it asks by number, and takes back by number.
#[test]
fn a_lost_answer_is_asked_for_and_taken_back_by_number() {
    let shop = Shop::new();
    let attempt = shop.attempt("lost", 2_000);
    assert_eq!(shop.order("lost").state, OrderState::Open);
    let id = pay(&shop.terminal, &attempt);
    let found = shop.order("lost");
    assert_eq!((found.state, found.payment_id), (OrderState::Paid, Some(id)));
    let back = shop.reverse_number("lost").unwrap().order.unwrap();
    assert_eq!((back.order_id, back.state), (attempt.order_id, OrderState::Reversed));
    assert_eq!((shop.purse(), shop.has()), (PURSE, [0; 3]));
    assert!(shop.told("payment_reversed").contains("20.00"));
    let view = shop.payment(id);
    assert_eq!((view.state, view.captured), (PaymentState::Reversed, None));
    shop.unchanged("a reversal again", || {
        assert_eq!(shop.reverse_number("lost").unwrap().order, Some(back.clone()));
        assert_eq!(shop.reverse(back.order_id).unwrap(), back);
        refused(shop.refund(id, "r", 1), "payment_reversed");
        refused(shop.not_me(id), "payment_reversed");
        refused(shop.capture(id, 2_000), "payment_reversed");
        refused(shop.void(id), "payment_reversed");
    });

    // The same for money that was only set aside.
    let room = shop.authorise("room", 5_000);
    assert_eq!(shop.reverse_number("room").unwrap().order.unwrap().state, OrderState::Reversed);
    assert_eq!((shop.purse(), shop.payment(room).state), (PURSE, PaymentState::Reversed));
    refused(shop.capture(room, 5_000), "payment_reversed");
    shop.verify();
}

/// A session that was open when its order was taken back says so, and debits nobody.
#[test]
fn an_answer_after_the_reversal_debits_nobody() {
    // Everybody is asked for a PIN, so that there is an answer to give.
    let shop = Shop::with_policy(&[("payment_one_factor_minor = 100000", "payment_one_factor_minor = 0")]);
    let attempt = shop.attempt("meal", 2_000);
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let view: SessionView = shop.terminal.post(&format!("{path}/capture"), &capture(&attempt)).unwrap();
    assert_eq!(view.state, Stage::AwaitingCheck { ask: api::Check::Pin, repeated: false });
    shop.reverse_number("meal").unwrap();
    let pin = api::StepUp {
        nonce: attempt.session.nonce.clone(),
        check: api::Check::Pin,
        answer: Some(crate::fixture::PIN.to_owned()),
    };
    refused(shop.terminal.post::<SessionView>(&format!("{path}/step-up"), &pin), "order_reversed");
    assert!(answer_all(&shop.terminal, &attempt).is_err());
    assert_eq!(shop.purse(), PURSE);
    shop.verify();
}
