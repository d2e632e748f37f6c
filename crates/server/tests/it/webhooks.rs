//! What the server sends by itself arrives: signed, in order, at least once, whatever the other side does.

use std::time::Duration;

use api::{
    CaptureMode, DeliveryList, DeliveryState, DeliveryView, DisputeView, MessageList, NewMerchant,
    NewMerchantReply, NewOrder, NewRefund, NewSession, NewSessionReply, NewTerminal, NotMe, OrderView,
    RefundView, SettlementList, WebhookReply,
};
use scenario::{Client, Device, RawCall, Server, Start, onboard};
use serde_json::{Value, json};
use types::{MerchantId, PaymentId};

use crate::database::tamper;
use crate::fixture::{
    Attempt, Fixture, Setup, attempt, home, models, new_order, pay, start, workspace, yuan,
};
use crate::receiver::{Answer, Got, Receiver, nobody};

/// The default policy with a schedule of its own.
fn policy(retry_seconds: &str, timeout_seconds: u32) -> String {
    let text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let (before, _) = text.split_once("[webhooks]").expect("it is the last section");
    format!("{before}[webhooks]\nretry_seconds = {retry_seconds}\ntimeout_seconds = {timeout_seconds}\n")
}

fn fixture(retry_seconds: &str, timeout_seconds: u32) -> Fixture {
    Fixture::with(&Setup { policy: Some(policy(retry_seconds, timeout_seconds)), ..Setup::default() })
}

/// Tells the server where a merchant's webhooks go; the secret.
fn hook(staff: &Client, merchant: MerchantId, url: &str) -> String {
    let path = format!("/v1/merchants/{merchant}/webhook");
    let body = json!({ "url": url }).to_string();
    let content_type = Some("application/json");
    let reply =
        staff.send(RawCall { method: "PUT", path: &path, content_type, body: body.as_bytes() }).unwrap();
    reply.read::<WebhookReply>().unwrap().secret
}

fn paid(fixture: &Fixture, number: &str) -> (Attempt, PaymentId) {
    let attempt = attempt(&fixture.merchant, &fixture.terminal, fixture.terminal_id, number);
    let payment = pay(&fixture.terminal, &attempt);
    (attempt, payment)
}

/// A refund of one fen: the cheapest event there is.
fn refund(merchant: &Client, payment: PaymentId, number: &str) {
    let refund =
        NewRefund { out_refund_no: number.to_owned(), amount: yuan(1), reason: "a stain".to_owned() };
    let _: RefundView = merchant.post(&format!("/v1/payments/{payment}/refunds"), &refund).unwrap();
}

fn own(merchant: &Client) -> Vec<DeliveryView> {
    merchant.get::<DeliveryList>("/v1/merchant/deliveries").unwrap().deliveries
}

fn ids(deliveries: &[DeliveryView]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.delivery_id.to_string()).collect()
}

fn got_ids(got: &[Got]) -> Vec<&str> {
    got.iter().map(Got::id).collect()
}

/// Asks until it is so; the server writes down how an attempt ended after the other side saw it.
#[track_caller]
fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} never happened")
}

#[track_caller]
fn delivery_is(merchant: &Client, at: usize, state: DeliveryState) -> DeliveryView {
    eventually(&format!("{state:?}"), || {
        own(merchant).into_iter().nth(at).filter(|found| found.state == state)
    })
}

/// Ends the server in one way or another, and starts it again on the same folder.
fn restart(mut fixture: Fixture, end: impl FnOnce(Server)) -> Fixture {
    let folder = fixture.server.data().parent().unwrap().to_owned();
    let database = fixture.server.database().map(str::to_owned);
    end(fixture.server);
    let policy = Some(folder.join("policy.toml")).filter(|path| path.is_file());
    let again = Start { policy, database, ..start(&folder, &models()) };
    fixture.server = Server::start(&again).unwrap();
    for client in [&mut fixture.staff, &mut fixture.merchant, &mut fixture.terminal, &mut fixture.payer] {
        *client = client.moved_to(&fixture.server.client());
    }
    fixture
}

#[test]
fn what_happens_reaches_the_merchant_signed_and_in_order() {
    let fixture = Fixture::new();
    let receiver = Receiver::willing();
    let secret = hook(&fixture.staff, fixture.merchant_id, &receiver.url());

    let (_, first) = paid(&fixture, "first");
    refund(&fixture.merchant, first, "stain");
    let (second, _) = paid(&fixture, "second");
    let path = format!("/v1/orders/{}/reverse", second.order_id);
    let _: OrderView = fixture.merchant.post_empty(&path).unwrap();
    let (_, third) = paid(&fixture, "third");
    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let _: DisputeView = fixture.payer.post(&format!("/v1/me/payments/{third}/not-me"), &not_me).unwrap();

    let sent = own(&fixture.merchant);
    let got = receiver.wait_for(sent.len());
    assert_eq!(got_ids(&got), ids(&sent), "in order");
    got.iter().for_each(|got| got.assert_signed(&secret));
    assert!(got.iter().all(|got| got.path == "/hooks?shop=1"));
    let kinds: Vec<String> = got.iter().map(Got::kind).collect();
    let wanted = [
        "payment.captured",
        "refund.succeeded",
        "payment.captured",
        "payment.reversed",
        "payment.captured",
        "dispute.opened",
    ];
    let mut rest = kinds.iter();
    for kind in wanted {
        assert!(rest.any(|found| found == kind), "{kind} is missing, or not in its place: {kinds:?}");
    }
    let of = |at: usize| got[at].json()["data"].clone();
    assert_eq!((&of(0)["payment_id"], &of(0)["out_trade_no"]), (&json!(first), &json!("first")));
    assert_eq!(of(1)["refund"]["out_refund_no"], "stain");
    let all: String = got.iter().map(|got| got.body.as_str()).collect();
    assert!(!all.contains(&fixture.payer_id.to_string()), "no payer is named");

    for at in 0..sent.len() {
        let delivery = delivery_is(&fixture.merchant, at, DeliveryState::Delivered);
        assert_eq!((delivery.attempts, delivery.last_error), (1, None));
    }
    let metrics =
        fixture.anybody.send(RawCall { method: "GET", path: "/metrics", content_type: None, body: &[] });
    let metrics = metrics.unwrap().body;
    // Codes by text message go out as well.
    let all = fixture.staff.get::<DeliveryList>("/v1/deliveries").unwrap().deliveries.len();
    assert!(metrics.contains(&format!("surety_deliveries_total{{outcome=\"sent\"}} {all}")), "{metrics}");
    assert!(metrics.contains("surety_deliveries_waiting"), "{metrics}");
    assert!(metrics.contains("surety_deliveries_oldest_waiting_seconds"), "{metrics}");

    // Somebody else sees none of it.
    let other = NewMerchant { name: "Panda Toys".to_owned(), city: "Chengdu".to_owned() };
    let other: NewMerchantReply = fixture.staff.post("/v1/merchants", &other).unwrap();
    assert_eq!(own(&fixture.anybody.with_key(&other.api_key)), []);
}

#[test]
fn a_start_settles_and_ends_what_is_over() {
    let fixture = Fixture::new();
    let receiver = Receiver::willing();
    let secret = hook(&fixture.staff, fixture.merchant_id, &receiver.url());
    let (_, captured) = paid(&fixture, "captured");
    let order = NewOrder { capture: CaptureMode::Manual, ..new_order(fixture.terminal_id, "set aside") };
    let order: OrderView = fixture.merchant.post("/v1/orders", &order).unwrap();
    let order_id = order.order_id;
    let session: NewSessionReply =
        fixture.terminal.post("/v1/capture-sessions", &NewSession { order_id }).unwrap();
    let authorised = pay(&fixture.terminal, &Attempt { order_id, session });
    let before = receiver.wait_for(2);
    assert_eq!(before[1].kind(), "payment.authorised");

    // A day passes: for the payment that is under dispute as well, which is not settled.
    let due = tamper(
        &fixture.server,
        "UPDATE payments SET captured_at = captured_at - 86400000000 WHERE state = 'captured'",
    );
    assert_eq!(due, 2);
    let over = format!("SELECT hold_id FROM payments WHERE id = '{authorised}'");
    tamper(&fixture.server, &format!("UPDATE entries SET expires_at = at + 1 WHERE id = ({over})"));
    tamper(&fixture.server, &format!("UPDATE payments SET expires_at = at + 1 WHERE id = '{authorised}'"));
    let fixture = restart(fixture, drop);

    let after = receiver.wait_for(4);
    after.iter().for_each(|got| got.assert_signed(&secret));
    let find = |kind: &str| -> Value {
        let found = after.iter().find(|got| got.kind() == kind);
        found.unwrap_or_else(|| panic!("{kind} in {after:#?}")).json()["data"].clone()
    };
    let settlement = find("settlement.completed");
    assert_eq!((&settlement["payments"], &settlement["net_minor"]), (&json!(1), &json!(2_000)));
    assert_eq!(find("payment.expired")["payment_id"], json!(authorised));
    let settlements: SettlementList = fixture.merchant.get("/v1/merchant/settlements").unwrap();
    assert_eq!(json!(settlements.settlements[0].settlement_id), settlement["settlement_id"]);
    let view: Value = fixture.merchant.get(&format!("/v1/payments/{captured}")).unwrap();
    assert_eq!(view["settlement_id"], settlement["settlement_id"]);
}

#[test]
fn a_receiver_that_fails_gets_it_again_and_nothing_overtakes() {
    let fixture = fixture("[1, 1]", 20);
    let elsewhere = Receiver::willing();
    let mut first =
        [Answer::Status(500), Answer::Redirect(307, elsewhere.url()), Answer::Status(200)].into_iter();
    let receiver = Receiver::new(move |_| first.next().unwrap_or(Answer::Status(202)));
    let secret = hook(&fixture.staff, fixture.merchant_id, &receiver.url());
    let (_, payment) = paid(&fixture, "first");
    refund(&fixture.merchant, payment, "second");
    refund(&fixture.merchant, payment, "third");

    let got = receiver.wait_for(5);
    let sent = ids(&own(&fixture.merchant));
    assert_eq!(got_ids(&got), [&sent[0], &sent[0], &sent[0], &sent[1], &sent[2]]);
    got.iter().for_each(|got| got.assert_signed(&secret));
    assert!(got[0].body == got[1].body && got[0].body == got[2].body);
    for (earlier, later) in [(0, 1), (1, 2)] {
        let waited = got[later].at - got[earlier].at;
        assert!(waited >= Duration::from_millis(890), "the schedule says 1 s: {waited:?}");
    }
    assert!(got[2].sent_at() > got[0].sent_at(), "each attempt is signed at its time");
    let first = delivery_is(&fixture.merchant, 0, DeliveryState::Delivered);
    assert_eq!((first.attempts, first.last_error), (3, None));
    assert_eq!(elsewhere.got().len(), 0, "a redirect is not followed");

    // One that is never taken is given up, and the next one goes on.
    receiver.decide(|got| Answer::Status(if got.body.contains("fourth") { 410 } else { 200 }));
    refund(&fixture.merchant, payment, "fourth");
    refund(&fixture.merchant, payment, "fifth");
    let got = receiver.wait_for(9);
    let sent = ids(&own(&fixture.merchant));
    assert_eq!(got_ids(&got[5..]), [&sent[3], &sent[3], &sent[3], &sent[4]]);
    for (earlier, later) in [(4, 5), (7, 8)] {
        let waited = got[later].at - got[earlier].at;
        assert!(waited < Duration::from_secs(15), "a lease that has done its work is given back: {waited:?}");
    }
    let dead = delivery_is(&fixture.merchant, 3, DeliveryState::Dead);
    assert_eq!((dead.attempts, dead.last_error.as_deref()), (3, Some("status 410")));
    assert!(dead.done_at.is_some());
    delivery_is(&fixture.merchant, 4, DeliveryState::Delivered);
    let listed: DeliveryList = fixture.staff.get("/v1/deliveries?state=dead").unwrap();
    assert_eq!(listed.deliveries, [dead]);

    // Staff sends it again; the merchant may not.
    receiver.decide(|_| Answer::Status(200));
    let path = format!("/v1/deliveries/{}/resend", sent[3]);
    assert!(fixture.merchant.post_empty::<Value>(&path).is_err());
    let again: DeliveryView = fixture.staff.post_empty(&path).unwrap();
    assert_eq!((again.state, again.attempts, again.done_at), (DeliveryState::Waiting, 0, None));
    let got = receiver.wait_for(10);
    assert_eq!(got[9].id(), sent[3]);
    got[9].assert_signed(&secret);
    let taken = delivery_is(&fixture.merchant, 3, DeliveryState::Delivered);
    assert_eq!((taken.attempts, taken.last_error), (1, None));
}

#[test]
fn a_receiver_that_hangs_holds_up_nobody_else() {
    let fixture = fixture("[3600]", 3);
    let hanging = Receiver::new(|_| Answer::Hang);
    let (other, terminal) = second_shop(&fixture);
    let brisk = Receiver::willing();
    hook(&fixture.staff, other.merchant_id, &brisk.url());
    let merchant = fixture.anybody.with_key(&other.api_key);
    let till = fixture.anybody.with_signature(terminal.key);
    let attempt = attempt(&merchant, &till, terminal.terminal_id, "first");
    let payment = pay(&till, &attempt);
    brisk.wait_for(1);

    hook(&fixture.staff, fixture.merchant_id, &hanging.url());
    paid(&fixture, "stuck");
    hanging.wait_for(1);
    refund(&merchant, payment, "brisk");
    brisk.wait_for(2);
    assert_eq!((hanging.got().len(), hanging.given_up()), (1, 0), "the other one hangs all the while");

    hanging.wait_for_given_up(1);
    failed(&fixture, "timeout");
}

/// The merchant's only delivery failed once, for this reason.
#[track_caller]
fn failed(fixture: &Fixture, why: &str) {
    let found = eventually("a failure", || own(&fixture.merchant).pop().filter(|found| found.attempts == 1));
    assert_eq!((found.state, found.last_error.as_deref()), (DeliveryState::Waiting, Some(why)));
}

fn resend(fixture: &Fixture) {
    let delivery = own(&fixture.merchant).swap_remove(0).delivery_id;
    let again: DeliveryView = fixture.staff.post_empty(&format!("/v1/deliveries/{delivery}/resend")).unwrap();
    assert_eq!((again.state, again.attempts, again.done_at), (DeliveryState::Waiting, 0, None));
}

#[test]
fn what_is_no_success_is_a_failure_with_a_short_reason() {
    let fixture = fixture("[3600]", 2);
    let (elsewhere, receiver) = (Receiver::willing(), Receiver::new(|_| Answer::Status(503)));
    hook(&fixture.staff, fixture.merchant_id, &receiver.url());
    let (_, payment) = paid(&fixture, "first");
    failed(&fixture, "status 503");
    let wrong = [
        (Answer::Status(404), "status 404"),
        (Answer::Nonsense, "no HTTP answer"),
        (Answer::Redirect(302, elsewhere.url()), "status 302"),
        (Answer::Redirect(308, elsewhere.url()), "status 308"),
        (Answer::Hang, "timeout"),
    ];
    for (answer, why) in wrong {
        receiver.decide(move |_| answer.clone());
        resend(&fixture);
        failed(&fixture, why);
    }
    assert_eq!(elsewhere.got().len(), 0, "a redirect is not followed");
    hook(&fixture.staff, fixture.merchant_id, &format!("http://{}/", nobody()));
    resend(&fixture);
    failed(&fixture, "connection refused");

    // Taken is taken, however the answer ends; and the next one follows at once, whatever the schedule said.
    let secret = hook(&fixture.staff, fixture.merchant_id, &receiver.url());
    receiver.decide(
        |got| if got.kind() == "payment.captured" { Answer::TakeAndHang } else { Answer::Status(200) },
    );
    refund(&fixture.merchant, payment, "second");
    let before = receiver.got().len();
    resend(&fixture);
    let got = receiver.wait_for(before + 2).split_off(before);
    assert_eq!(got_ids(&got), ids(&own(&fixture.merchant)));
    got.iter().for_each(|got| got.assert_signed(&secret));
    delivery_is(&fixture.merchant, 0, DeliveryState::Delivered);
}

#[test]
fn a_delivery_outlives_the_server() {
    let fixture = fixture("[3600]", 2);
    let receiver = Receiver::new(|_| Answer::Hang);
    let secret = hook(&fixture.staff, fixture.merchant_id, &receiver.url());
    let (_, payment) = paid(&fixture, "first");
    receiver.wait_for(1);

    // Asked to stop, it finishes what it is sending.
    let fixture = restart(fixture, drop);
    failed(&fixture, "timeout");
    resend(&fixture);
    receiver.wait_for(2);

    // Without warning, it sends again once nobody can be sending any more.
    refund(&fixture.merchant, payment, "second");
    receiver.decide(|_| Answer::Status(200));
    let fixture = restart(fixture, |server| server.cut_power().unwrap());
    let got = receiver.wait_for(4);
    let sent = ids(&own(&fixture.merchant));
    assert_eq!(got_ids(&got), [&sent[0], &sent[0], &sent[0], &sent[1]]);
    got.iter().for_each(|got| got.assert_signed(&secret));
    assert!(got[2].at - got[1].at >= Duration::from_secs(5), "somebody else might still have been sending");
}

#[test]
fn messages_to_payers_reach_the_push_gateway() {
    let gateway = Receiver::willing();
    let fixture = Fixture::with(&Setup { push_gateway: Some(gateway.url()), ..Setup::default() });
    let secret = std::fs::read_to_string(fixture.server.data().join("push.key")).unwrap();
    let mut inbox = fixture.payer.get::<MessageList>("/v1/me/messages").unwrap().messages;
    inbox.reverse();
    let got = gateway.wait_for(inbox.len());
    assert!(inbox.len() > 3);
    for (got, message) in got.iter().zip(&inbox) {
        got.assert_signed(&secret);
        assert_eq!(got.kind(), format!("message.{}", message.kind));
        let data = &got.json()["data"];
        assert_eq!(
            (&data["message_id"], &data["payer_id"]),
            (&json!(message.message_id), &json!(fixture.payer_id))
        );
    }
    let recipient = format!("payer:{}", fixture.payer_id);
    // Codes by text message go another way.
    let all = || {
        let mut all = fixture.staff.get::<DeliveryList>("/v1/deliveries").unwrap().deliveries;
        all.retain(|delivery| delivery.recipient == recipient);
        all
    };
    let sent = eventually("all delivered", || {
        Some(all()).filter(|all| all.iter().all(|delivery| delivery.state == DeliveryState::Delivered))
    });
    assert_eq!(got_ids(&got), ids(&sent));
    assert_eq!(own(&fixture.merchant), [], "not for merchants");

    // Without a gateway what still waits fails; it is not forgotten.
    let fixture = restart(fixture, drop);
    let again = format!("/v1/deliveries/{}/resend", sent[0].delivery_id);
    let _: DeliveryView = fixture.staff.post_empty(&again).unwrap();
    let first = eventually("a failure", || {
        let all = fixture.staff.get::<DeliveryList>("/v1/deliveries?state=waiting").unwrap().deliveries;
        all.into_iter().find(|found| found.attempts > 0)
    });
    assert_eq!((first.delivery_id, first.last_error.as_deref()), (sent[0].delivery_id, Some("no address")));
}

fn second_shop(fixture: &Fixture) -> (NewMerchantReply, Device) {
    let shop = NewMerchant { name: "Panda Toys".to_owned(), city: "Hangzhou".to_owned() };
    let shop: NewMerchantReply = fixture.staff.post("/v1/merchants", &shop).unwrap();
    let till = NewTerminal { label: "till 1".to_owned(), place: home() };
    let till = onboard(&fixture.staff, shop.merchant_id, &till).unwrap();
    (shop, till)
}
