//! A merchant's keys: what they may do, how they follow one another, and that somebody is always left who may manage.

use api::{
    DeliveryList, KeyKind, MerchantBalances, MerchantKeyList, MerchantKeyView, NewMerchantKey, NewRefund,
    OrderView, Reason, RefundView, RotateKey, Webhook, WebhookReply,
};
use scenario::{CallError, Client, DeviceKey};
use types::{KeyId, Right, Rights};

use crate::database::tamper;
use crate::fixture::{new_order, yuan};
use crate::money::{Shop, at_once, put, refused};
use crate::signatures::{Signers, signing_key};

fn new_key(rights: impl Into<Rights>) -> NewMerchantKey {
    NewMerchantKey {
        label: "desk".to_owned(),
        rights: rights.into(),
        public_key: None,
        expires_in_days: None,
    }
}

fn make(merchant: &Client, rights: impl Into<Rights>) -> MerchantKeyView {
    merchant.post("/v1/merchant/keys", &new_key(rights)).unwrap()
}

fn with(merchant: &Client, key: &MerchantKeyView) -> Client {
    merchant.with_key(key.api_key.clone().unwrap())
}

fn rotate(merchant: &Client, id: KeyId, overlap_hours: u32) -> Result<MerchantKeyView, CallError> {
    let rotation = RotateKey { overlap_hours, public_key: None };
    merchant.post(&format!("/v1/merchant/keys/{id}/rotate"), &rotation)
}

fn delete(merchant: &Client, id: KeyId) -> Result<(), CallError> {
    merchant.delete(&format!("/v1/merchant/keys/{id}"))
}

fn list(merchant: &Client) -> Vec<MerchantKeyView> {
    merchant.get::<MerchantKeyList>("/v1/merchant/keys").unwrap().keys
}

#[test]
fn a_key_does_what_it_may() {
    let shop = Shop::new();
    let payment = shop.pay("paid", 5_000);
    let desk = with(&shop.merchant, &make(&shop.merchant, Right::Orders));
    let _: OrderView = desk.post("/v1/orders", &new_order(shop.terminal_id, "by the desk")).unwrap();
    let refund = NewRefund { out_refund_no: "1".to_owned(), amount: yuan(100), reason: "cold".to_owned() };
    let refunds = format!("/v1/payments/{payment}/refunds");
    let error = desk.post::<RefundView>(&refunds, &refund).unwrap_err();
    assert_eq!(error.code(), Some("right_missing"));
    let CallError::Problem(problem) = error else { panic!("{error}") };
    assert_eq!(problem.status, 403);
    assert!(problem.detail.contains("refunds"), "{}", problem.detail);
    refused(desk.get::<MerchantBalances>("/v1/merchant/balances"), "right_missing");
    refused(desk.get::<MerchantKeyList>("/v1/merchant/keys"), "right_missing");
    refused(desk.post::<MerchantKeyView>("/v1/merchant/keys", &new_key(Right::Orders)), "right_missing");

    // One that signs, for refunds alone.
    let system = shop.merchant.with_signature(signing_key(&shop.merchant, Right::Refunds.into()));
    let _: RefundView = system.post(&refunds, &refund).unwrap();
    refused(system.post::<OrderView>("/v1/orders", &new_order(shop.terminal_id, "2")), "right_missing");
}

#[test]
fn nobody_gives_more_than_he_has() {
    let signers = Signers::new();
    let owner = &signers.merchant;
    let clerk = with(owner, &make(owner, Right::Manage | Right::Orders));
    let all = make(owner, Rights::all());
    refused(clerk.post::<MerchantKeyView>("/v1/merchant/keys", &new_key(Rights::all())), "right_missing");
    refused(clerk.post::<MerchantKeyView>("/v1/merchant/keys", &new_key(Right::Refunds)), "right_missing");
    // Rotating gives a new secret with all that the old one had.
    refused(rotate(&clerk, all.key_id, 1), "right_missing");
    make(&clerk, Right::Orders);
    // Keys of others are not there.
    let shop = api::NewMerchant { name: "Panda Toys".to_owned(), city: "Chengdu".to_owned() };
    let shop: api::NewMerchantReply = signers.staff.post("/v1/merchants", &shop).unwrap();
    let stranger = owner.with_key(shop.api_key);
    refused(rotate(&stranger, all.key_id, 1), "key_id_unknown");
    refused(delete(&stranger, all.key_id), "key_id_unknown");
}

#[test]
fn a_key_is_replaced_with_an_overlap() {
    let signers = Signers::new();
    let owner = &signers.merchant;
    let old = make(owner, Right::Orders);
    let new = rotate(owner, old.key_id, 24).unwrap();
    assert_eq!((new.rights, new.kind, new.label.as_str()), (old.rights, KeyKind::Bearer, "desk"));
    let works = |key: &MerchantKeyView| {
        with(owner, key).get::<OrderView>("/v1/orders?out_trade_no=none").unwrap_err().code()
            == Some("order_unknown")
    };
    assert!(works(&old) && works(&new), "both, for a day");
    let ends = list(owner).into_iter().find(|key| key.key_id == old.key_id).unwrap().expires_at.unwrap();
    assert_eq!(ends, new.created_at + types::SignedDuration::from_hours(24));
    // A day passes.
    let past = format!("UPDATE credentials SET expires_at = 1 WHERE id = '{}'", old.key_id);
    assert_eq!(tamper(&signers.server, &past), 1);
    assert!(!works(&old) && works(&new));
    refused(rotate(owner, old.key_id, 1), "key_id_unknown");

    // At once.
    let newest = rotate(owner, new.key_id, 0).unwrap();
    assert!(!works(&new) && works(&newest));

    // A system that signs changes its key; a bearer key cannot become one that signs on the way.
    let (first, second) = (&signers.system, DeviceKey::generate());
    let path = format!("/v1/merchant/keys/{}/rotate", first.id.unwrap());
    refused(rotate(owner, first.id.unwrap(), 1), "rotation_kind");
    let rotation = RotateKey { overlap_hours: 1, public_key: Some(second.public_key()) };
    let other = format!("/v1/merchant/keys/{}/rotate", newest.key_id);
    refused(owner.post::<MerchantKeyView>(&other, &rotation), "rotation_kind");
    let taken = RotateKey { public_key: Some(first.public_key()), ..rotation.clone() };
    refused(owner.post::<MerchantKeyView>(&path, &taken), "public_key_taken");
    let made: MerchantKeyView = owner.post(&path, &rotation).unwrap();
    let second = DeviceKey { id: Some(made.key_id), ..second };
    for key in [first.clone(), second] {
        let order = new_order(signers.till.terminal_id, &key.public_key());
        let _: OrderView = owner.with_signature(key).post("/v1/orders", &order).unwrap();
    }
}

#[test]
fn somebody_is_left_who_may_manage() {
    let signers = Signers::new();
    let owner = &signers.merchant;
    make(owner, Right::Orders);
    let first = list(owner)[0].key_id;
    refused(delete(owner, first), "last_key");
    let second = make(owner, Rights::all());
    // Two keys end each other at the same moment: one of them is left, whichever.
    let other = with(owner, &second);
    let results = at_once(vec![
        Box::new(|| delete(owner, second.key_id)) as Box<dyn Fn() -> Result<(), CallError> + Send>,
        Box::new(|| delete(&other, first)),
    ]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let left = if results[0].is_ok() { owner } else { &other };
    let managing = list(left).into_iter().filter(|key| key.rights.contains(Right::Manage)).count();
    assert_eq!(managing, 1);
}

#[test]
fn a_merchant_that_lost_all_keys_gets_a_first_one_again() {
    let signers = Signers::new();
    let owner = &signers.merchant;
    make(owner, Right::Orders);
    let hook = Webhook { url: "http://127.0.0.1:9/nobody".to_owned() };
    let _: WebhookReply =
        put(&signers.staff, &format!("/v1/merchants/{}/webhook", signers.merchant_id), &hook);
    let path = format!("/v1/merchants/{}/keys", signers.merchant_id);
    let reason = Reason { reason: "the safe burned down".to_owned() };
    refused(owner.post::<MerchantKeyView>(&path, &reason), "wrong_role");
    let key: MerchantKeyView = signers.staff.post(&path, &reason).unwrap();
    assert_eq!(key.rights, Rights::all());
    refused(owner.get::<MerchantKeyList>("/v1/merchant/keys"), "key_unknown");
    let again = with(owner, &key);
    assert_eq!(list(&again).len(), 1);
    refused(
        again.with_signature(signers.system.clone()).get::<OrderView>("/v1/orders?out_trade_no=none"),
        "key_unknown",
    );
    let deliveries: DeliveryList = again.get("/v1/merchant/deliveries?state=waiting").unwrap();
    let mut kinds: Vec<&str> = deliveries.deliveries.iter().map(|delivery| delivery.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["key.created", "key.revoked", "key.revoked", "key.revoked"]);
}

#[test]
fn a_key_ends_on_its_day() {
    let signers = Signers::new();
    let owner = &signers.merchant;
    let new = NewMerchantKey { expires_in_days: Some(30), ..new_key(Right::Orders) };
    let key: MerchantKeyView = owner.post("/v1/merchant/keys", &new).unwrap();
    assert_eq!(key.expires_at, Some(key.created_at + types::SignedDuration::from_hours(30 * 24)));
    // Its successor ends on the same day.
    assert_eq!(rotate(owner, key.key_id, 0).unwrap().expires_at, key.expires_at);
    assert!(list(owner).iter().all(|key| key.api_key.is_none()), "a secret is shown once");
}
