//! Every operation of the interface: whose key it takes, and a body that would be right.

use scenario::{Code, new_payer};
use serde_json::{Value, json};

use crate::fixture::{Fixture, PIN, capture, holder, home, new_order, transfer, yuan};

/// Of the vectors of RFC 8032; nobody signs with it here.
const PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Staff,
    Merchant,
    Terminal,
    Payer,
}

impl Role {
    pub(crate) const ALL: [Self; 5] = [Self::Admin, Self::Staff, Self::Merchant, Self::Terminal, Self::Payer];
}

pub(crate) struct Operation {
    pub(crate) method: &'static str,
    /// As in the document, with `{}` for every parameter.
    pub(crate) path: &'static str,
    /// None: it takes no key.
    pub(crate) roles: &'static [Role],
    /// None: it takes no body.
    pub(crate) body: Option<Value>,
    /// Fields that may be left out.
    pub(crate) optional: &'static [&'static str],
}

impl Operation {
    /// The path with ids that exist.
    pub(crate) fn path_in(&self, fixture: &Fixture) -> String {
        self.path_with(|folder| existing(fixture, folder))
    }

    /// The path with `id` of the folder it stands in for every parameter.
    pub(crate) fn path_with(&self, id: impl Fn(&str) -> String) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let mut filled = String::new();
        let mut folder = "";
        for segment in path.split('/').skip(1) {
            filled.push('/');
            if segment == "{}" {
                filled.push_str(&id(folder))
            } else {
                filled.push_str(segment)
            }
            folder = segment;
        }
        if query.is_empty() { filled } else { format!("{filled}?{query}") }
    }

    pub(crate) fn has_parameter(&self) -> bool {
        self.path.contains("{}")
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn existing(fixture: &Fixture, folder: &str) -> String {
    match folder {
        "users" => fixture.user_id.to_string(),
        "merchants" => fixture.merchant_id.to_string(),
        "payers" => fixture.payer_id.to_string(),
        "orders" => fixture.open.order_id.to_string(),
        "capture-sessions" => fixture.open.session.session_id.to_string(),
        "enrolments" => fixture.enrolment_id.to_string(),
        "payments" => fixture.payment_id.to_string(),
        "disputes" => fixture.dispute_id.to_string(),
        "terminals" => fixture.terminal_id.to_string(),
        "consent-texts" => "2026-11".to_owned(),
        "order-codes" => fixture.order_code(),
        // No question was put to the payer's device, nothing was settled, no webhook is set: well-formed ids of none.
        "confirmations" | "passkeys" | "settlements" | "deliveries" | "break-glass" | "relocations"
        | "keys" | "wards" | "devices" => unknown(folder),
        other => panic!("whose ids stand in /{other}/?"),
    }
}

/// A well-formed id that nobody has.
pub(crate) fn unknown(folder: &str) -> String {
    let prefix = match folder {
        "merchants" => "mer",
        "payers" => "payer",
        "orders" => "ord",
        "capture-sessions" => "ses",
        "enrolments" => "enr",
        "payments" => "pay",
        "disputes" => "dis",
        "consent-texts" => "2026",
        "order-codes" => "code",
        "confirmations" => "cnf",
        "passkeys" => "psk",
        "settlements" => "stl",
        "deliveries" => "dlv",
        "users" => "usr",
        "break-glass" => "brg",
        "terminals" => "term",
        "relocations" => "rel",
        "keys" => "key",
        "wards" => "payer",
        "devices" => "key",
        "phone-codes" => "otp",
        other => panic!("whose ids stand in /{other}/?"),
    };
    format!("{prefix}_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa")
}

fn get(path: &'static str, roles: &'static [Role]) -> Operation {
    Operation { method: "GET", path, roles, body: None, optional: &[] }
}

fn post(path: &'static str, roles: &'static [Role], body: Value) -> Operation {
    Operation { method: "POST", path, roles, body: Some(body), optional: &[] }
}

fn post_empty(path: &'static str, roles: &'static [Role]) -> Operation {
    Operation { method: "POST", path, roles, body: None, optional: &[] }
}

fn put(path: &'static str, roles: &'static [Role], body: Value) -> Operation {
    Operation { method: "PUT", path, roles, body: Some(body), optional: &[] }
}

/// The whole interface. A test holds it against the document that the server serves.
pub(crate) fn all(fixture: &Fixture) -> Vec<Operation> {
    let mut operations = public();
    operations.extend(staff());
    operations.extend(people());
    operations.extend(logins());
    operations.extend(shop(fixture));
    operations.extend(shop_money());
    operations.extend(payer(fixture));
    operations.extend(terminals());
    operations.extend(keys());
    operations.extend(account());
    operations.extend(payer_passkeys());
    operations
}

const PHONE: &str = "+8613700099999";
const CARRIER: &[&str] = &["carrier"];

/// Of a code that was never sent.
fn code() -> Code {
    let challenge_id = unknown("phone-codes").parse().unwrap();
    Code { challenge_id, code: "123456".to_owned() }
}

fn with_code(mut body: Value) -> Value {
    let Code { challenge_id, code } = code();
    body["challenge_id"] = json!(challenge_id);
    body["code"] = json!(code);
    body
}

fn public() -> Vec<Operation> {
    vec![
        get("/health", &[]),
        get("/metrics", &[]),
        get("/v1/consent-text", &[]),
        post("/v1/phone-codes", &[], json!({ "phone": PHONE, "purpose": "login", "language": "en" })),
        Operation { optional: CARRIER, ..post("/v1/payers", &[], json!(new_payer(&holder(PHONE), &code()))) },
        Operation {
            optional: CARRIER,
            ..post(
                "/v1/logins/payer",
                &[],
                with_code(json!({ "pin": "918204", "device": "tablet", "carrier": "bearer" })),
            )
        },
        post("/v1/pin-recoveries", &[], with_code(json!({}))),
        Operation {
            optional: CARRIER,
            ..post(
                "/v1/logins/payer-recovery",
                &[],
                with_code(json!({ "pin": "918204", "device": "tablet", "carrier": "bearer" })),
            )
        },
        get("/v1/consent-texts/{}", &[]),
        get("/v1/processing-register", &[]),
    ]
}

fn staff() -> Vec<Operation> {
    const STAFF: &[Role] = &[Role::Staff];
    let identity = json!({
        "document_kind": "passport", "document_number": "E12345678", "name": "Wang Wei", "birth_date": "1987-06-23",
    });
    let funding = json!({ "transfer_id": transfer(77), "amount": yuan(100) });
    vec![
        post("/v1/merchants", STAFF, json!({ "name": "Panda Toys", "city": "Chengdu" })),
        post("/v1/reserve/fundings", STAFF, funding.clone()),
        get("/v1/reserve", STAFF),
        post("/v1/payers/{}/top-ups", STAFF, funding),
        post("/v1/payers/{}/identity", STAFF, identity),
        get("/v1/disputes", STAFF),
        get("/v1/disputes/{}?purpose=dispute", STAFF),
        get("/v1/gallery", &[Role::Admin, Role::Staff]),
        get("/v1/duplicate-accounts?purpose=security", STAFF),
        get("/v1/accesses", STAFF),
        post_empty("/v1/disputes/{}/gather", STAFF),
        get("/v1/disputes/{}/evidence?purpose=dispute", STAFF),
        post("/v1/disputes/{}/finding", STAFF, json!({ "finding": "other", "note": "because" })),
        post_empty("/v1/disputes/{}/compensation", STAFF),
        post("/v1/disputes/{}/recovery", STAFF, json!({ "transfer_id": transfer(78) })),
        post_empty("/v1/disputes/{}/close", STAFF),
        get("/v1/capture-sessions/{}/decisions?purpose=dispute", STAFF),
        get("/v1/capture-sessions/{}/picture?frame=0&purpose=dispute", STAFF),
        put("/v1/merchants/{}/terms", STAFF, json!({ "settle_after_days": 1, "fee_bps": 60 })),
        put("/v1/merchants/{}/webhook", STAFF, json!({ "url": "http://127.0.0.1:9/nobody" })),
        post_empty("/v1/settlement-runs", STAFF),
        post("/v1/settlements/{}/payout", STAFF, json!({ "transfer_id": transfer(79) })),
        get("/v1/deliveries?state=dead", STAFF),
        post_empty("/v1/deliveries/{}/resend", STAFF),
    ]
}

/// Users and invitations.
fn people() -> Vec<Operation> {
    const ADMIN: &[Role] = &[Role::Admin];
    const STAFF: &[Role] = &[Role::Staff];
    const MERCHANT: &[Role] = &[Role::Merchant];
    const EITHER: &[Role] = &[Role::Admin, Role::Merchant];
    let user =
        json!({ "login": "wang", "name": "Wang", "roles": ["investigator"], "phone": "+8613700099998" });
    let owner = json!({ "login": "zhao", "name": "Zhao" });
    let cashier = json!({ "login": "chen", "name": "Chen", "role": "cashier" });
    let accept = json!({ "invitation": "inv_0", "password": "twelve chars", "without_totp": false });
    vec![
        Operation { optional: &["phone"], ..post("/v1/users", ADMIN, user) },
        get("/v1/users", &[Role::Admin, Role::Staff]),
        put("/v1/users/{}/roles", ADMIN, json!({ "roles": ["auditor"] })),
        post_empty("/v1/users/{}/reset", EITHER),
        post_empty("/v1/users/{}/disable", EITHER),
        post_empty("/v1/users/{}/enable", EITHER),
        post("/v1/merchants/{}/owners", STAFF, owner),
        post("/v1/merchant/users", MERCHANT, cashier),
        get("/v1/merchant/users", MERCHANT),
        put("/v1/merchant/users/{}/role", MERCHANT, json!({ "role": "finance" })),
        Operation { optional: &["without_totp"], ..post("/v1/invitations/accept", &[], accept) },
        post("/v1/invitations/confirm", &[], json!({ "invitation": "inv_0", "code": "000000" })),
    ]
}

fn logins() -> Vec<Operation> {
    const STAFF: &[Role] = &[Role::Admin, Role::Staff];
    let delete = |path| Operation { method: "DELETE", path, roles: STAFF, body: None, optional: &[] };
    let login = json!({ "login": "li.na", "password": "x", "totp": "000000", "carrier": "bearer" });
    let passkey = json!({ "ceremony_id": CEREMONY, "credential": {}, "carrier": "bearer" });
    let more = json!({ "reason": "nobody else is here", "roles": ["approver"], "minutes": 5 });
    vec![
        Operation { optional: &["totp", "carrier"], ..post("/v1/logins", &[], login) },
        get("/v1/logins", STAFF),
        delete("/v1/logins"),
        get("/v1/login", STAFF),
        delete("/v1/login"),
        put("/v1/login/password", STAFF, json!({ "old": "x", "new": "twelve chars" })),
        Operation {
            optional: &["login"],
            ..post("/v1/logins/passkey/challenge", &[], json!({ "login": "li.na" }))
        },
        Operation { optional: &["carrier"], ..post("/v1/logins/passkey", &[], passkey) },
        post("/v1/login/passkeys/registrations", STAFF, json!({})),
        post("/v1/login/passkeys", STAFF, new_passkey()),
        get("/v1/login/passkeys", STAFF),
        delete("/v1/login/passkeys/{}"),
        post("/v1/break-glass", STAFF, more),
        get("/v1/break-glass", STAFF),
        post_empty("/v1/break-glass/{}/end", &[Role::Admin]),
        get("/v1/oidc/start", &[]),
        get("/v1/oidc/callback?state=x", &[]),
        post("/v1/oidc/code", &[], json!({ "totp": "000000" })),
    ]
}

/// Terminals: what staff does, and what a merchant may do about its own.
fn terminals() -> Vec<Operation> {
    const STAFF: &[Role] = &[Role::Staff];
    const BOTH: &[Role] = &[Role::Staff, Role::Merchant];
    let reason = json!({ "reason": "because" });
    let activation = json!({ "code": "123-456", "public_key": PUBLIC_KEY, "serial": "SN 1" });
    vec![
        post("/v1/terminal-activations", &[], activation),
        post("/v1/merchants/{}/terminals", BOTH, json!({ "label": "till 2", "place": home() })),
        get("/v1/merchants/{}/terminals", BOTH),
        get("/v1/terminals/{}", &[Role::Staff, Role::Merchant, Role::Terminal]),
        post_empty("/v1/terminals/{}/onboarding-codes", BOTH),
        post("/v1/terminals/{}/suspend", BOTH, reason.clone()),
        post("/v1/terminals/{}/resume", STAFF, reason.clone()),
        post("/v1/terminals/{}/revoke", STAFF, reason),
        post("/v1/terminals/{}/relocations", BOTH, json!({ "place": home(), "reason": "a larger shop" })),
        post_empty("/v1/relocations/{}/approve", STAFF),
        post_empty("/v1/relocations/{}/reject", STAFF),
        get("/v1/alerts", STAFF),
    ]
}

/// A merchant's keys.
fn keys() -> Vec<Operation> {
    const MERCHANT: &[Role] = &[Role::Merchant];
    let key = json!({
        "label": "till", "rights": ["orders"], "public_key": PUBLIC_KEY, "expires_in_days": 30,
    });
    let rotation = json!({ "overlap_hours": 1, "public_key": PUBLIC_KEY });
    vec![
        Operation {
            optional: &["public_key", "expires_in_days"],
            ..post("/v1/merchant/keys", MERCHANT, key)
        },
        get("/v1/merchant/keys", MERCHANT),
        Operation { optional: &["public_key"], ..post("/v1/merchant/keys/{}/rotate", MERCHANT, rotation) },
        Operation {
            method: "DELETE",
            path: "/v1/merchant/keys/{}",
            roles: MERCHANT,
            body: None,
            optional: &[],
        },
        post("/v1/merchants/{}/keys", &[Role::Staff], json!({ "reason": "all keys were lost" })),
    ]
}

fn shop(fixture: &Fixture) -> Vec<Operation> {
    const MERCHANT: &[Role] = &[Role::Merchant];
    const TERMINAL: &[Role] = &[Role::Terminal];
    const EITHER: &[Role] = &[Role::Merchant, Role::Terminal];
    let nonce = &fixture.open.session.nonce;
    let step_up = json!({ "nonce": nonce, "check": "pin", "answer": "000000" });
    let mut full = capture(&fixture.open);
    (full.report.point, full.report.accuracy_m) = (Some(home().point), Some(15.5));
    full.report.camera = Some("HD Pro Webcam C920".to_owned());
    vec![
        Operation {
            optional: &["capture"],
            ..post("/v1/orders", MERCHANT, json!(new_order(fixture.terminal_id, "new")))
        },
        get("/v1/orders?out_trade_no=paid", MERCHANT),
        post("/v1/reversals", MERCHANT, json!({ "out_trade_no": "open" })),
        get("/v1/orders/{}", EITHER),
        post_empty("/v1/orders/{}/reverse", EITHER),
        get("/v1/orders/{}/code", EITHER),
        post("/v1/disputes/{}/statement", MERCHANT, json!({ "stance": "contest", "text": "it was her" })),
        post("/v1/capture-sessions", TERMINAL, json!({ "order_id": fixture.open.order_id })),
        Operation {
            optional: &["report/point", "report/accuracy_m", "report/camera"],
            ..post("/v1/capture-sessions/{}/capture", TERMINAL, json!(full))
        },
        Operation { optional: &["answer"], ..post("/v1/capture-sessions/{}/step-up", TERMINAL, step_up) },
        get("/v1/capture-sessions/{}", TERMINAL),
    ]
}

/// What a merchant does with payments and its money.
fn shop_money() -> Vec<Operation> {
    const MERCHANT: &[Role] = &[Role::Merchant];
    let refund = json!({ "out_refund_no": "r1", "amount": yuan(100), "reason": "cold soup" });
    vec![
        get("/v1/payments/{}", MERCHANT),
        post("/v1/payments/{}/capture", MERCHANT, json!({ "amount": yuan(100) })),
        post_empty("/v1/payments/{}/void", MERCHANT),
        post("/v1/payments/{}/refunds", MERCHANT, refund),
        get("/v1/merchant/balances", MERCHANT),
        get("/v1/merchant/settlements", MERCHANT),
        get("/v1/merchant/bill?date=2025-01-02", MERCHANT),
        get("/v1/merchant/bill.csv?date=2025-01-02", MERCHANT),
        get("/v1/merchant/deliveries?state=dead", MERCHANT),
    ]
}

fn payer(fixture: &Fixture) -> Vec<Operation> {
    const PAYER: &[Role] = &[Role::Payer];
    let not_me = json!({ "words": "not me", "freeze": false });
    let confirm = json!({ "code": fixture.enrolment_code });
    let code_payment = json!({ "code": "00ff", "pin": "000000", "again": false });
    vec![
        get("/v1/me", PAYER),
        get("/v1/me/messages", PAYER),
        get("/v1/me/payments", PAYER),
        get("/v1/me/payments/{}", PAYER),
        post("/v1/me/consent", PAYER, json!({ "version": "another" })),
        Operation { method: "DELETE", path: "/v1/me/consent", roles: PAYER, body: None, optional: &[] },
        post("/v1/me/closing", PAYER, json!({ "pin": "000000" })),
        post("/v1/me/enrolments", PAYER, json!({ "frames": capture(&fixture.open).frames })),
        Operation { optional: &["pin", "passkey"], ..post("/v1/me/enrolments/{}/confirm", PAYER, confirm) },
        post("/v1/me/face/freeze", PAYER, json!({})),
        Operation {
            optional: &["pin", "passkey"],
            ..post("/v1/me/face/unfreeze", PAYER, json!({ "pin": "000000" }))
        },
        post("/v1/me/device-location", PAYER, json!({ "point": home().point })),
        Operation {
            optional: &["pin", "passkey"],
            ..post("/v1/me/confirmations/{}", PAYER, json!({ "yes": true }))
        },
        Operation { optional: &["words", "freeze"], ..post("/v1/me/payments/{}/not-me", PAYER, not_me) },
        get("/v1/me/disputes/{}", PAYER),
        get("/v1/me/accesses", PAYER),
        get("/v1/order-codes/{}", PAYER),
        Operation { optional: &["again"], ..post("/v1/me/order-code-payments", PAYER, code_payment) },
    ]
}

/// What payers do with devices, PIN, number and wards.
fn account() -> Vec<Operation> {
    const PAYER: &[Role] = &[Role::Payer];
    let delete = |path| Operation { method: "DELETE", path, roles: PAYER, body: None, optional: &[] };
    let pin = json!({ "pin": "918204" });
    vec![
        get("/v1/me/devices", PAYER),
        delete("/v1/me/devices"),
        delete("/v1/me/devices/{}"),
        delete("/v1/me/login"),
        get("/v1/me/csrf-token", PAYER),
        post("/v1/me/pin", PAYER, json!({ "old": "918204", "new": "582913" })),
        post("/v1/me/pin/recovery", PAYER, with_code(pin.clone())),
        delete("/v1/me/pin/recovery"),
        post("/v1/me/phone", PAYER, with_code(pin.clone())),
        get("/v1/me/wards", PAYER),
        post("/v1/me/wards", PAYER, with_code(pin.clone())),
        delete("/v1/me/wards/{}"),
        post_empty("/v1/me/wards/{}/freeze", PAYER),
        post_empty("/v1/me/wards/{}/allow", PAYER),
        post("/v1/me/guardian", PAYER, pin),
    ]
}

/// A challenge that nobody was sent.
const CEREMONY: &str = "cer_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa";

fn new_passkey() -> Value {
    json!({ "ceremony_id": CEREMONY, "label": "phone", "credential": {} })
}

fn payer_passkeys() -> Vec<Operation> {
    const PAYER: &[Role] = &[Role::Payer];
    vec![
        post("/v1/me/passkeys/registrations", PAYER, json!({ "pin": PIN })),
        post("/v1/me/passkeys", PAYER, new_passkey()),
        get("/v1/me/passkeys", PAYER),
        post("/v1/me/passkeys/{}/remove", PAYER, json!({ "pin": PIN })),
        post("/v1/me/confirmations/{}/challenge", PAYER, json!({})),
        post("/v1/me/enrolments/{}/challenge", PAYER, json!({})),
        post("/v1/me/face/unfreeze/challenge", PAYER, json!({})),
    ]
}
