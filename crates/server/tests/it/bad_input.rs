//! Every operation gets nonsense in every place: always a 4xx problem document with a code, nothing written, the
//! process alive.

use std::collections::BTreeSet;

use api::Problem;
use scenario::{Client, RawCall, Reply};
use serde_json::{Value, json};

use crate::database::Dump;
use crate::fixture::{Fixture, Setup, transfer, yuan};
use crate::operations::{self, Operation, Role};

const JSON: Option<&str> = Some("application/json");

#[test]
fn every_operation_refuses_nonsense() {
    // One address sends thousands of wrong requests in a few seconds.
    let policy = include_str!("../../../../policy/default.toml");
    let patient = policy.replace("burst = 1000 }", "burst = 100000 }");
    assert_ne!(patient, policy);
    let fixture = Fixture::with(&Setup { policy: Some(patient), ..Setup::default() });
    let operations = operations::all(&fixture);
    let before = Dump::of(&fixture.server);
    let mut tried = 0;
    for operation in &operations {
        tried += wrong_keys(&fixture, operation);
        tried += wrong_bodies(&fixture, operation);
        tried += wrong_ids(&fixture, operation);
        tried += wrong_queries(&fixture, operation);
        fixture.assert_alive(&operation.name());
        before.assert_same(&Dump::of(&fixture.server), &operation.name());
    }
    assert!(tried > 1_000, "only {tried} wrong requests for {} operations", operations.len());
    println!("{tried} wrong requests to {} operations: each refused, nothing written", operations.len());
}

/// A new operation must come into `operations.rs`, and so into these tests.
#[test]
fn every_operation_of_the_document_is_tried() {
    let fixture = Fixture::new();
    let document: Value = fixture.anybody.get("/openapi.json").unwrap();
    let mut served = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            served.insert(format!("{} {}", method.to_uppercase(), path.join("/")));
        }
    }
    served.remove("GET /openapi.json");
    let name = |operation: &Operation| {
        let path = operation.path.split('?').next().unwrap();
        format!("{} {path}", operation.method)
    };
    let tried: BTreeSet<String> = operations::all(&fixture).iter().map(name).collect();
    assert_eq!(served, tried);
}

/// What must hold of every refusal.
pub(crate) fn refused(reply: &Reply, what: &str) -> Problem {
    assert!((400..500).contains(&reply.status), "{what}: status {}, {}", reply.status, reply.body);
    let problem = reply.problem();
    let problem = problem.unwrap_or_else(|| panic!("{what}: {:?} {}", reply.media_type, reply.body));
    assert_eq!(problem.status, reply.status, "{what}");
    assert_eq!(problem.kind, format!("urn:surety:problem:{}", problem.code), "{what}");
    assert!(!problem.code.is_empty() && !problem.detail.is_empty(), "{what}: {problem:?}");
    problem
}

fn key_of(fixture: &Fixture, role: Role) -> &Client {
    match role {
        Role::Admin => &fixture.admin,
        Role::Staff => &fixture.staff,
        Role::Merchant => &fixture.merchant,
        Role::Terminal => &fixture.terminal,
        Role::Payer => &fixture.payer,
    }
}

fn right_key<'a>(fixture: &'a Fixture, operation: &Operation) -> &'a Client {
    operation.roles.first().map_or(&fixture.anybody, |role| key_of(fixture, *role))
}

fn send(client: &Client, operation: &Operation, path: &str, body: Option<&Value>) -> Reply {
    let body = body.map(|body| serde_json::to_vec(body).unwrap());
    let content_type = body.as_ref().and(JSON);
    let call =
        RawCall { method: operation.method, path, content_type, body: body.as_deref().unwrap_or_default() };
    client.send(call).unwrap_or_else(|e| panic!("{} {path}: {e}", operation.method))
}

fn wrong_keys(fixture: &Fixture, operation: &Operation) -> usize {
    if operation.roles.is_empty() {
        return 0;
    }
    let path = operation.path_in(fixture);
    let body = operation.body.as_ref();
    let check = |client: &Client, status: u16, code: &str| {
        let problem = refused(&send(client, operation, &path, body), &operation.name());
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{}", operation.name());
    };
    check(&fixture.anybody, 401, "key_missing");
    for key in ["sk_0000", "x", "a key with spaces"] {
        check(&fixture.anybody.with_key(key), 401, "key_unknown");
    }
    let others: Vec<Role> = Role::ALL.into_iter().filter(|role| !operation.roles.contains(role)).collect();
    for role in &others {
        let of_staff = |role: &Role| matches!(role, Role::Admin | Role::Staff);
        let near = of_staff(role) && operation.roles.iter().any(of_staff);
        check(key_of(fixture, *role), 403, if near { "role_missing" } else { "wrong_role" });
    }
    4 + others.len()
}

fn wrong_bodies(fixture: &Fixture, operation: &Operation) -> usize {
    let Some(body) = &operation.body else { return 0 };
    let (client, path) = (right_key(fixture, operation), operation.path_in(fixture));
    let mut tried = 0;
    let mut check = |content_type: Option<&str>, body: &[u8], code: &str| {
        let call = RawCall { method: operation.method, path: &path, content_type, body };
        let start = String::from_utf8_lossy(&body[..body.len().min(200)]);
        let what = format!("{} with {content_type:?} {start}", operation.name());
        let reply = client.send(call).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(refused(&reply, &what).code, code, "{what}: {}", reply.body);
        tried += 1;
    };
    let right = serde_json::to_vec(body).unwrap();
    check(JSON, b"", "body_missing");
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("a/b/c")] {
        check(content_type, &right, "media_type");
    }
    for text in malformed(&right) {
        check(JSON, &text, "body_malformed");
    }
    for (_, wrong) in mutations(body, operation.optional) {
        check(JSON, &serde_json::to_vec(&wrong).unwrap(), "body_malformed");
    }
    check(JSON, &oversized(), "body_too_large");
    tried
}

/// Texts that are no JSON, or not JSON once.
fn malformed(right: &[u8]) -> Vec<Vec<u8>> {
    let cut = right[..right.len() - 1].to_vec();
    let twice = [right, right].concat();
    let mut texts = vec![cut, twice, vec![0xff, 0xfe, 0x00], "[".repeat(60_000).into_bytes()];
    for text in ["{", "}", "nonsense", "{'name':'x'}", "{\"a\":}", "\u{0}", "NaN"] {
        texts.push(text.as_bytes().to_vec());
    }
    texts
}

fn oversized() -> Vec<u8> {
    let padding = "a".repeat(12 * 1024 * 1024);
    format!("{{\"padding\":\"{padding}\"}}").into_bytes()
}

/// Every way to put the wrong type in one place of a right body, to leave a field out, or to add one; with a name.
fn mutations(body: &Value, optional: &[&str]) -> Vec<(String, Value)> {
    let mut wrong: Vec<(String, Value)> = Vec::new();
    for other in [json!(null), json!(true), json!(42), json!("text"), json!([]), json!([[1]])] {
        wrong.push(("the body".to_owned(), other));
    }
    // The right values without their names.
    let values = body.as_object().unwrap().values().cloned().collect();
    wrong.push(("the body".to_owned(), Value::Array(values)));
    let mut places = Vec::new();
    collect(body, String::new(), &mut places);
    for place in &places {
        let at = body.pointer(place).unwrap();
        let may_be_missing = place.strip_prefix('/').is_some_and(|field| optional.contains(&field));
        for other in other_types(at) {
            if may_be_missing && other.is_null() {
                continue;
            }
            let mut changed = body.clone();
            *changed.pointer_mut(place).unwrap() = other;
            wrong.push((place.clone(), changed));
        }
        let (parent, field) = place.rsplit_once('/').unwrap();
        let mut without = body.clone();
        if let Some(object) = without.pointer_mut(parent).unwrap().as_object_mut()
            && !may_be_missing
        {
            object.remove(field);
            wrong.push((format!("{place} missing"), without));
        }
    }
    let objects = places.into_iter().chain([String::new()]);
    // What a browser gives is the W3C's, and may hold more.
    let ours = objects.filter(|place| place != "/credential");
    for place in ours.filter(|place| body.pointer(place).unwrap().is_object()) {
        let mut more = body.clone();
        more.pointer_mut(&place).unwrap()["unheard_of"] = json!(1);
        wrong.push((format!("{place} with more"), more));
    }
    wrong
}

/// The places of all values inside of `value`.
fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    let mut inside = |key: &str, inner: &Value| {
        let place = format!("{at}/{key}");
        places.push(place.clone());
        collect(inner, place, places);
    };
    if let Some(fields) = value.as_object() {
        fields.iter().for_each(|(key, inner)| inside(key, inner));
    }
    if let Some(elements) = value.as_array() {
        elements.iter().enumerate().for_each(|(index, inner)| inside(&index.to_string(), inner));
    }
}

fn other_types(value: &Value) -> Vec<Value> {
    let all = [json!(null), json!(true), json!(42), json!("x"), json!([]), json!({})];
    let same = |other: &Value| std::mem::discriminant(other) == std::mem::discriminant(value);
    let mut others: Vec<Value> = all.into_iter().filter(|other| !same(other)).collect();
    if value.is_i64() {
        others.extend([json!(1.5), json!(1e300), json!(u64::MAX)]);
    }
    others
}

fn wrong_ids(fixture: &Fixture, operation: &Operation) -> usize {
    if !operation.has_parameter() {
        return 0;
    }
    let (client, body) = (right_key(fixture, operation), operation.body.as_ref());
    let path = operation.path_with(operations::unknown);
    let problem = refused(&send(client, operation, &path, body), &path);
    assert_eq!(problem.status, 404, "{path}: {problem:?}");
    assert!(problem.code.ends_with("_unknown"), "{path}: {problem:?}");

    let long = "a".repeat(5_000);
    let malformed =
        ["x", "0", "-1", "pay_", "%00", "%FF%FE", "..%2F..%2Fetc", "' OR 1=1 --", "ord_ZZ", &long];
    for id in malformed {
        let path = operation.path_with(|_| id.replace(' ', "%20"));
        let problem = refused(&send(client, operation, &path, body), &path);
        assert!([400, 404, 414].contains(&problem.status), "{path}: {problem:?}");
    }
    1 + malformed.len()
}

fn wrong_queries(fixture: &Fixture, operation: &Operation) -> usize {
    let path = operation.path_in(fixture);
    let Some((path, query)) = path.split_once('?') else { return 0 };
    let (name, value) = query.split_once('=').unwrap();
    let capital = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let mut queries = vec![
        format!("?{name}"),
        format!("?{name}="),
        format!("?{name}=%FF"),
        format!("?{name}={value}%00"),
        format!("?{name}={value}&{name}={value}"),
        format!("?{name}={value}&more=1"),
        format!("?{capital}={value}"),
    ];
    // Which deliveries need not be said.
    if name != "state" {
        queries.extend([String::new(), "?".to_owned()]);
    }
    let nonsense: &[&str] = match name {
        "purpose" => &["curiosity"],
        "frame" => &["x", "-1", "9", "0.5", "4294967296"],
        "state" => &["lost", "Dead", "dead%20"],
        "date" => &["2025-02-30", "yesterday", "0", "-9999-01-01", "-009999-01-01", "9999-12-31", "2025-1-2"],
        "out_trade_no" => &["nobody", "%F0%9F%8D%9C", "' OR 1=1 --"],
        other => panic!("what is nonsense for {other}?"),
    };
    queries.extend(nonsense.iter().map(|wrong| format!("?{name}={}", wrong.replace(' ', "%20"))));
    let client = right_key(fixture, operation);
    for query in &queries {
        let path = format!("{path}{query}");
        refused(&send(client, operation, &path, None), &path);
    }
    queries.len()
}

/// Of the right type, and still wrong.
#[test]
fn values_that_make_no_sense_are_refused() {
    // One phone number is sent far more often than anybody types it.
    let policy = include_str!("../../../../policy/default.toml");
    let patient =
        policy.replace("phone = { per_minute = 2, burst = 10 }", "phone = { per_minute = 600, burst = 600 }");
    assert_ne!(patient, policy);
    let fixture = Fixture::with(&Setup { policy: Some(patient), ..Setup::default() });
    let operations = operations::all(&fixture);
    // A capture that is refused for its frames leaves the trace that it came.
    let kept = || Dump::of(&fixture.server).but("events").but("terminal_watches").but("capture_reports");
    let before = kept();
    let mut tried = 0;
    for (name, place, values) in nonsense() {
        let operation = operations.iter().find(|operation| operation.name() == name).unwrap();
        for value in values {
            let mut body = operation.body.clone().unwrap();
            *body.pointer_mut(place).unwrap_or_else(|| panic!("{name} has {place}")) = value;
            let reply =
                send(right_key(&fixture, operation), operation, &operation.path_in(&fixture), Some(&body));
            let start: String = body.to_string().chars().take(300).collect();
            refused(&reply, &format!("{name} with {start}"));
            tried += 1;
        }
    }
    before.assert_same(&kept(), "nonsense");
    fixture.assert_alive("nonsense");
    println!("{tried} values that make no sense: each refused, nothing written");
}

const CAPTURE: &str = "POST /v1/capture-sessions/{}/capture";

/// Operation, place in its body, and what is put there.
type Nonsense = (&'static str, &'static str, Vec<Value>);

#[expect(clippy::too_many_lines, reason = "a flat table, a line for each field")]
fn nonsense() -> Vec<Nonsense> {
    let long = |length: usize| json!("x".repeat(length));
    let amounts = || {
        let minor = |minor: i64| json!({ "minor": minor, "currency": "CNY" });
        let mut amounts: Vec<Value> = [0, -1, i64::MIN].into_iter().map(minor).collect();
        amounts.extend([json!({ "minor": 1, "currency": "YUAN" }), json!({ "minor": 1, "currency": "cny" })]);
        amounts
    };
    let phones = ["", "13800138000", "+0123456789", "+86 13800138000", "+8613800138024x"].map(|p| json!(p));
    let pins = ["", "12345", "1234567", "12345a", "１２３４５６"].map(|p| json!(p));
    let days = ["", "2001-02-30", "1801-01-01", "2999-01-01", "23.6.1987"].map(|day| json!(day));
    let names = || vec![json!(""), json!("   "), long(101)];
    let points = [[91.0, 0.0], [-90.5, 0.0], [0.0, 180.5], [1e300, 0.0]].map(|[latitude, longitude]| {
        let point = json!({ "latitude": latitude, "longitude": longitude });
        json!({ "city": "Nowhere", "address": "no road", "point": point })
    });
    let ids = || vec![json!(""), json!("tr_1"), json!("tr_0192F0C1AAAA7AAAAAAAAAAAAAAAAAAA"), json!("pay_0")];
    // The last is a point of small order.
    let public_keys =
        ["", "x", "AAAA", "/+8=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="].map(|key| json!(key));
    let too_large =
        vec![json!({ "minor": i64::MAX, "currency": "CNY" }), json!({ "minor": 1, "currency": "EUR" })];
    vec![
        ("POST /v1/payers", "/name", names()),
        (CAPTURE, "/report/counter", vec![json!(0), json!(-1), json!(1_u64 << 53), json!(1.5), json!("1")]),
        (CAPTURE, "/report/taken_at", vec![json!("yesterday"), json!(""), json!("1999-01-01T00:00:00Z")]),
        (CAPTURE, "/report/accuracy_m", vec![json!(-1), json!(1e300), json!("far")]),
        (CAPTURE, "/report/point", vec![json!({ "latitude": 91, "longitude": 0 }), json!("here")]),
        (CAPTURE, "/report/camera", vec![json!(""), json!("  "), json!("a\nb"), long(101)]),
        ("POST /v1/phone-codes", "/phone", phones.to_vec()),
        ("POST /v1/phone-codes", "/purpose", vec![json!("everything"), json!("")]),
        ("POST /v1/payers", "/birth_date", days.to_vec()),
        ("POST /v1/payers", "/device", names()),
        ("POST /v1/payers/{}/identity", "/birth_date", days.to_vec()),
        ("POST /v1/payers/{}/identity", "/document_number", vec![json!(" "), long(41)]),
        ("POST /v1/me/pin", "/new", pins.to_vec()),
        ("POST /v1/logins/payer", "/device", names()),
        ("POST /v1/payers", "/pin", pins.to_vec()),
        ("POST /v1/payers", "/language", vec![json!("fr"), json!("")]),
        ("POST /v1/payers", "/home", points.to_vec()),
        ("POST /v1/merchants", "/name", names()),
        ("POST /v1/merchants", "/city", names()),
        ("POST /v1/merchants/{}/terminals", "/label", names()),
        ("POST /v1/merchants/{}/terminals", "/place", points.to_vec()),
        ("POST /v1/terminals/{}/relocations", "/place", points.to_vec()),
        ("POST /v1/terminals/{}/relocations", "/reason", vec![json!(" "), long(201)]),
        ("POST /v1/terminals/{}/suspend", "/reason", vec![json!(""), long(201)]),
        ("POST /v1/terminals/{}/revoke", "/reason", vec![json!(""), long(201)]),
        ("POST /v1/terminal-activations", "/public_key", public_keys.to_vec()),
        ("POST /v1/merchant/keys", "/public_key", public_keys.to_vec()),
        ("POST /v1/merchant/keys", "/label", names()),
        ("POST /v1/merchant/keys", "/rights", vec![json!([]), json!(["everything"])]),
        ("POST /v1/merchant/keys", "/expires_in_days", vec![json!(0), json!(3_651), json!(u32::MAX)]),
        ("POST /v1/merchant/keys/{}/rotate", "/overlap_hours", vec![json!(169), json!(u32::MAX)]),
        ("POST /v1/merchants/{}/keys", "/reason", vec![json!(""), long(201)]),
        ("POST /v1/reserve/fundings", "/amount", amounts()),
        ("POST /v1/reserve/fundings", "/transfer_id", ids()),
        ("POST /v1/payers/{}/top-ups", "/amount", amounts()),
        ("POST /v1/orders", "/amount", amounts()),
        ("POST /v1/orders", "/amount", too_large),
        ("POST /v1/orders", "/out_trade_no", vec![json!(""), long(65)]),
        ("POST /v1/orders", "/description", names()),
        ("POST /v1/orders", "/terminal_id", vec![json!("term_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa")]),
        ("POST /v1/capture-sessions", "/order_id", vec![json!("ord_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa")]),
        ("POST /v1/capture-sessions/{}/capture", "/nonce", vec![json!(""), long(64), long(100_000)]),
        ("POST /v1/capture-sessions/{}/capture", "/frames", vec![json!([]), json!(["", "", "", "", "", ""])]),
        ("POST /v1/capture-sessions/{}/step-up", "/check", vec![json!("dna"), json!("pin")]),
        ("POST /v1/disputes/{}/statement", "/stance", vec![json!(""), json!("perhaps")]),
        ("POST /v1/disputes/{}/statement", "/text", vec![json!(""), long(2_001)]),
        ("POST /v1/disputes/{}/finding", "/finding", vec![json!(""), json!("guilty")]),
        ("POST /v1/disputes/{}/finding", "/note", vec![json!(""), long(2_001)]),
        ("POST /v1/disputes/{}/recovery", "/transfer_id", ids()),
        ("POST /v1/me/consent", "/version", vec![json!(""), json!("1"), long(100_000)]),
        ("POST /v1/me/enrolments", "/frames", vec![json!([]), json!([""]), json!(["", "", "", "", "", ""])]),
        ("POST /v1/me/payments/{}/not-me", "/words", vec![long(2_001)]),
    ]
    .into_iter()
    .chain(nonsense_about_money(&amounts()))
    .collect()
}

fn nonsense_about_money(amounts: &[Value]) -> Vec<Nonsense> {
    let numbers = || vec![json!(""), json!("  "), json!("x".repeat(65)), json!("nul\u{0}")];
    let urls =
        ["", "ftp://example.org", "http://example.org/plain", "https://", "//x", "javascript:alert(1)"];
    let ids = ["", "tr_1", "stl_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa"].map(|id| json!(id)).to_vec();
    vec![
        ("POST /v1/reversals", "/out_trade_no", numbers()),
        ("POST /v1/payments/{}/capture", "/amount", amounts.to_vec()),
        ("POST /v1/payments/{}/refunds", "/amount", amounts.to_vec()),
        ("POST /v1/payments/{}/refunds", "/out_refund_no", numbers()),
        ("POST /v1/payments/{}/refunds", "/reason", vec![json!(""), json!("x".repeat(201))]),
        ("PUT /v1/merchants/{}/terms", "/settle_after_days", vec![json!(0), json!(91), json!(u32::MAX)]),
        ("PUT /v1/merchants/{}/terms", "/fee_bps", vec![json!(10_001), json!(-1), json!(u32::MAX)]),
        ("PUT /v1/merchants/{}/webhook", "/url", urls.map(|url| json!(url)).to_vec()),
        ("POST /v1/settlements/{}/payout", "/transfer_id", ids),
    ]
}

/// The reserve cannot be asked for more than the ledger can hold.
#[test]
fn money_does_not_overflow() {
    let fixture = Fixture::new();
    let before = Dump::of(&fixture.server);
    let body = json!({ "transfer_id": transfer(99), "amount": yuan(i64::MAX) });
    let bytes = serde_json::to_vec(&body).unwrap();
    for path in ["/v1/reserve/fundings".to_owned(), format!("/v1/payers/{}/top-ups", fixture.payer_id)] {
        let call = RawCall { method: "POST", path: &path, content_type: JSON, body: &bytes };
        refused(&fixture.staff.send(call).unwrap(), &path);
    }
    before.assert_same(&Dump::of(&fixture.server), "an overflow");
    fixture.assert_alive("an overflow");
}
