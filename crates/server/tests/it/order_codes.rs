//! Paying an order's code on the own device: no face, no consent, no capture, and every other rule as for a face.

mod disputes;
mod races;
mod rules;

use std::collections::BTreeMap;

use api::{
    CaptureMode, CodedOrderView, DisputeView, Funding, MessageList, NewOrder, OrderCodePayment,
    OrderCodeView, OrderState, OrderView, PayerView, PaymentState, PaymentView,
};
use scenario::{CallError, Client};
use serde_json::Value;
use types::{Amount, OrderId, PayerId, PaymentId};

use crate::database::Dump;
use crate::fixture::{PIN, holder, home, transfer, yuan};
use crate::money::{Shop, refused};

/// What somebody has at first.
pub(crate) const PURSE: i64 = 50_000;

/// A shop, and somebody who never enrolled a face.
pub(crate) struct Place {
    pub(crate) shop: Shop,
    pub(crate) payer: Client,
    pub(crate) payer_id: PayerId,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::at(Shop::new())
    }

    pub(crate) fn with_policy(changes: &[(&str, &str)]) -> Self {
        Self::at(Shop::with_policy(changes))
    }

    fn at(shop: Shop) -> Self {
        let (payer, payer_id) = somebody(&shop, 1);
        Self { shop, payer, payer_id }
    }

    pub(crate) fn order(&self, number: &str, fen: i64) -> OrderView {
        self.order_as(&self.shop.new_order(number, fen, CaptureMode::Automatic))
    }

    pub(crate) fn order_as(&self, order: &NewOrder) -> OrderView {
        self.shop.merchant.post("/v1/orders", order).unwrap()
    }

    pub(crate) fn code(&self, order: OrderId) -> Result<OrderCodeView, CallError> {
        self.shop.terminal.get(&format!("/v1/orders/{order}/code"))
    }

    /// The code of a new order.
    pub(crate) fn coded(&self, number: &str, fen: i64) -> (OrderId, String) {
        let order = self.order(number, fen).order_id;
        (order, self.code(order).unwrap().code)
    }

    /// A new order, paid by whoever never enrolled.
    pub(crate) fn pay(&self, number: &str, fen: i64) -> PaymentView {
        pay(&self.payer, &self.coded(number, fen).1).unwrap()
    }

    pub(crate) fn state(&self, order: OrderId) -> (OrderState, Option<PaymentId>) {
        let view: OrderView = self.shop.terminal.get(&format!("/v1/orders/{order}")).unwrap();
        (view.state, view.payment_id)
    }

    pub(crate) fn purse(&self) -> i64 {
        purse(&self.payer)
    }

    pub(crate) fn not_me(&self, id: PaymentId) -> DisputeView {
        self.payer.post(&format!("/v1/me/payments/{id}/not-me"), &api::NotMe::default()).unwrap()
    }
}

/// Another person with an account and money, and no face.
pub(crate) fn somebody(shop: &Shop, number: u8) -> (Client, PayerId) {
    let server = shop.server();
    let anybody = server.client();
    let person = server.phones().register(&anybody, &holder(&format!("+86137000200{number:02}"))).unwrap();
    let top_up = Funding { transfer_id: transfer(500 + u128::from(number)), amount: yuan(PURSE) };
    let _: Amount = shop.staff.post(&format!("/v1/payers/{}/top-ups", person.payer_id), &top_up).unwrap();
    let payer = anybody.with_key(&person.device_key);
    // The first use of a key is noted with the key; what must change nothing is tried later.
    assert_eq!(purse(&payer), PURSE);
    (payer, person.payer_id)
}

pub(crate) fn pay_with(payer: &Client, code: &str, pin: &str, again: bool) -> Result<PaymentView, CallError> {
    let wanted = OrderCodePayment { code: code.to_owned(), pin: pin.to_owned(), again };
    payer.post("/v1/me/order-code-payments", &wanted)
}

pub(crate) fn pay(payer: &Client, code: &str) -> Result<PaymentView, CallError> {
    pay_with(payer, code, PIN, false)
}

pub(crate) fn purse(payer: &Client) -> i64 {
    let me: PayerView = payer.get("/v1/me").unwrap();
    me.balances.first().map_or(0, |amount| amount.minor)
}

#[test]
fn whoever_never_enrolled_pays() {
    let place = Place::new();
    let order = place.order("noodles", 2_300);
    let shown = place.code(order.order_id).unwrap();
    assert_eq!(shown.url, format!("surety:pay?code={}", shown.code));
    assert!(shown.code.len() == 64 && shown.code.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(shown.expires_at, order.expires_at);
    assert!(shown.svg.contains("<svg") && !shown.svg.contains("script"));
    let same: OrderCodeView =
        place.shop.merchant.get(&format!("/v1/orders/{}/code", order.order_id)).unwrap();
    assert!(same == shown, "till and shop show the same code, however often it is asked for");
    let another = place.coded("rice", 2_300).1;
    assert_ne!(another, shown.code);

    let asked: CodedOrderView = place.payer.get(&format!("/v1/order-codes/{}", shown.code)).unwrap();
    assert_eq!((asked.shop.as_str(), &asked.place, asked.amount), ("Lantern Deli", &home(), yuan(2_300)));
    assert_eq!((asked.description.as_str(), asked.capture), ("noodles", CaptureMode::Automatic));

    let paid = pay(&place.payer, &shown.code).unwrap();
    assert_eq!(
        (paid.amount, paid.state, paid.merchant.as_str()),
        (yuan(2_300), PaymentState::Captured, "Lantern Deli")
    );
    let recognised = &paid.recognised;
    assert_eq!(recognised.rule, "order_code");
    assert_eq!(recognised.checks, [api::Check::OwnDevice, api::Check::Pin]);
    assert_eq!((recognised.p_wrong, recognised.searched), (None, 0));
    assert_eq!((place.purse(), place.shop.has()), (PURSE - 2_300, [2_300, 0, 0]));
    assert_eq!(place.state(order.order_id), (OrderState::Paid, Some(paid.payment_id)), "the till sees it");

    let inbox: MessageList = place.payer.get("/v1/me/messages").unwrap();
    let told = inbox.messages.iter().find(|message| message.kind == "code_payment_debited").unwrap();
    assert_eq!(told.reference, paid.payment_id.to_string());
    for part in ["23.00", "Lantern Deli", "Hangzhou", "PIN", "not me"] {
        assert!(told.text.contains(part), "{}", told.text);
    }
    place.shop.verify();
}

#[test]
fn asked_again_it_is_the_same_payment() {
    let place = Place::new();
    let (order, code) = place.coded("noodles", 2_300);
    let paid = pay(&place.payer, &code).unwrap();
    place.shop.unchanged("asking again", || {
        assert_eq!(pay(&place.payer, &code).unwrap(), paid);
        // Its owner learns nothing new from it, and no PIN is tried on it.
        assert_eq!(pay_with(&place.payer, &code, "000000", true).unwrap(), paid);
        let (stranger, code) = (&place.shop.payer, &code);
        refused(pay(stranger, code), "order_already_paid");
        refused(stranger.get::<CodedOrderView>(&format!("/v1/order-codes/{code}")), "order_already_paid");
        refused(place.code(order), "order_already_paid");
    });
    assert_eq!(place.purse(), PURSE - 2_300);
}

/// The words of the law: face recognition is never the only way.
#[test]
fn frozen_or_withdrawn_it_goes_on() {
    let place = Place::new();
    let enrolled = &place.shop.payer;
    let mut left = place.shop.purse();
    let mut check = |number: &str, fen: i64| {
        let paid = pay(enrolled, &place.coded(number, fen).1).unwrap();
        left -= fen;
        assert_eq!((paid.amount, place.shop.purse()), (yuan(fen), left), "{number}");
    };
    check("switched on", 1_100);
    let _: PayerView = enrolled.post("/v1/me/face/freeze", &api::Freeze {}).unwrap();
    check("frozen", 1_200);
    let _: PayerView = enrolled.delete("/v1/me/consent").unwrap();
    check("withdrawn", 1_300);
    place.shop.verify();
}

#[test]
fn nothing_of_a_code_is_stored_or_logged() {
    let place = Place::new();
    let (_, open) = place.coded("open", 1_000);
    let (_, paid) = place.coded("paid", 1_100);
    let _: CodedOrderView = place.payer.get(&format!("/v1/order-codes/{open}")).unwrap();
    pay(&place.payer, &paid).unwrap();
    let books = Dump::of(place.shop.server()).text();
    let log = std::fs::read_to_string(place.shop.folder.path().join("server.log")).unwrap();
    for code in [open, paid] {
        let proof = &code[32..];
        assert!(!books.contains(proof), "the database holds what proves a code");
        assert!(!log.contains(proof) && !log.contains(&code), "the log holds a code");
    }
}

#[test]
fn nobody_makes_a_code() {
    let place = Place::new();
    let (order, code) = place.coded("noodles", 2_300);
    let flipped = |at: usize| {
        let mut digits = code.clone().into_bytes();
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(digits).unwrap()
    };
    let other = place.coded("rice", 2_300).1;
    let mixed = format!("{}{}", &code[..32], &other[32..]);
    let mut wrong: Vec<String> = (0..64).map(flipped).collect();
    wrong.extend([mixed, code.to_uppercase(), code[..63].to_owned(), format!("{code}0"), order.to_string()]);
    let guesses =
        [String::new(), "+".repeat(64), "é".repeat(32), format!("{}{}", &code[..32], "0".repeat(32))];
    place.shop.unchanged("a code that is none", || {
        for code in wrong.iter().chain(&guesses) {
            refused(pay(&place.payer, code), "order_code_unknown");
        }
    });

    // Shown by the order's own till and shop only.
    let (stranger, _) = place.shop.another("Panda Toys");
    let path = format!("/v1/orders/{order}/code");
    refused(stranger.get::<OrderCodeView>(&path), "order_unknown");
    for client in [&place.payer, &place.shop.staff] {
        refused(client.get::<OrderCodeView>(&path), "wrong_role");
    }
    // And paid on a payer's own device only.
    for client in [&place.shop.merchant, &place.shop.terminal, &place.shop.staff] {
        refused(pay(client, &code), "wrong_role");
        refused(client.get::<CodedOrderView>(&format!("/v1/order-codes/{code}")), "wrong_role");
    }
    assert_eq!(place.state(order), (OrderState::Open, None));
}

/// Webhook, bill line, events: what follows from a debit follows from this one.
#[test]
fn everybody_hears_of_it() {
    let place = Place::new();
    let webhook = api::Webhook { url: "http://127.0.0.1:9/nobody".to_owned() };
    let path = format!("/v1/merchants/{}/webhook", place.shop.merchant_id);
    let _: api::WebhookReply = crate::money::put(&place.shop.staff, &path, &webhook);
    let id = place.pay("noodles", 2_300).payment_id;
    let books = Dump::of(place.shop.server());
    let rows = |table: &str| -> Vec<BTreeMap<String, Value>> {
        let rows = books.table(table).iter().filter(|row| row.contains(&id.to_string()));
        rows.map(|row| serde_json::from_str(row).unwrap()).collect()
    };
    let kinds = |table: &str| -> Vec<Value> { rows(table).iter().map(|row| row["kind"].clone()).collect() };
    assert_eq!(kinds("outbox"), ["payment.captured"]);
    assert_eq!(kinds("bill_lines"), ["payment"]);
    assert_eq!(rows("payments")[0]["payer_id"], place.payer_id.to_string());
    assert_eq!(books.table("captures").len(), 0, "nobody was looked at");
    let events = books.table("events").join("\n");
    for event in ["order_code_entered", "captured"] {
        assert!(events.contains(event), "{event} is not recorded");
    }
    place.shop.verify();
}
