//! Every way a signed request can be wrong, against the real server, byte by byte: each refused, nothing written. The
//! signatures are made here once more, from RFC 9421's words, so that the server's reading is held against another one.

mod example;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{
    KeyKind, MerchantKeyView, NewMerchant, NewMerchantKey, NewMerchantReply, NewOrder, NewTerminal, OrderView,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use scenario::{Client, Device, DeviceKey, Server, onboard};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use types::{MerchantId, Right};

use crate::database::Dump;
use crate::fixture::{home, models, new_order, start};

/// A shop whose till and whose system sign.
pub(crate) struct Signers {
    // Dropped first, so that the server has stopped when its folder goes.
    pub(crate) server: Server,
    _folder: TempDir,
    pub(crate) staff: Client,
    pub(crate) merchant: Client,
    pub(crate) merchant_id: MerchantId,
    pub(crate) till: Device,
    pub(crate) system: DeviceKey,
}

impl Signers {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&start(folder.path(), &models())).unwrap();
        let staff = crate::fixture::somebody(&server.client().with_key(server.admin_key()), "li.na");
        let shop = NewMerchant { name: "Lantern Deli".to_owned(), city: "Hangzhou".to_owned() };
        let shop: NewMerchantReply = staff.post("/v1/merchants", &shop).unwrap();
        let till = NewTerminal { label: "till 1".to_owned(), place: home() };
        let till = onboard(&staff, shop.merchant_id, &till).unwrap();
        let merchant = server.client().with_key(&shop.api_key);
        let system = signing_key(&merchant, Right::Orders.into());
        Self { server, _folder: folder, staff, merchant, merchant_id: shop.merchant_id, till, system }
    }

    fn order(&self, number: &str) -> OrderView {
        let order: NewOrder = new_order(self.till.terminal_id, number);
        self.merchant.post("/v1/orders", &order).unwrap()
    }

    fn host(&self) -> String {
        self.server.base_url().trim_start_matches("http://").to_owned()
    }
}

/// A key that signs for a merchant's system.
pub(crate) fn signing_key(merchant: &Client, rights: types::Rights) -> DeviceKey {
    let key = DeviceKey::generate();
    let new = NewMerchantKey {
        label: "cash desk".to_owned(),
        rights,
        public_key: Some(key.public_key()),
        expires_in_days: None,
    };
    let made: MerchantKeyView = merchant.post("/v1/merchant/keys", &new).unwrap();
    assert_eq!((made.kind, made.api_key), (KeyKind::Signature, None));
    DeviceKey { id: Some(made.key_id), ..key }
}

/// What goes over the line.
#[derive(Clone)]
struct Sent {
    method: String,
    target: String,
    host: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(found, _)| found != name);
    }

    fn get(&self, name: &str) -> String {
        self.headers.iter().find(|(found, _)| found == name).unwrap().1.clone()
    }

    fn again(&mut self, name: &str) {
        self.headers.push((name.to_owned(), self.get(name)));
    }

    /// Status and code of the answer.
    fn send(&self) -> (u16, String) {
        let mut stream = connect(&self.host);
        let mut bytes = self.head().into_bytes();
        bytes.extend(&self.body);
        stream.write_all(&bytes).unwrap();
        answer(&mut stream)
    }

    fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !self.body.is_empty() {
            write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", self.body.len())
                .unwrap();
        }
        head + "Connection: close\r\n\r\n"
    }
}

fn connect(host: &str) -> TcpStream {
    // A test may put another name into the header; the server is always this one.
    let port: u16 = host.rsplit(':').next().unwrap().parse().unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status =
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text:?}"));
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    // Answers may come in chunks; the document is between the outermost braces.
    let document = body.find('{').zip(body.rfind('}')).map(|(from, to)| &body[from..=to]);
    let document: Value = document.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    (status, document["code"].as_str().unwrap_or_default().to_owned())
}

/// A signature before it is made.
struct Draft {
    label: String,
    covered: Vec<String>,
    created: String,
    key_id: String,
    alg: String,
    nonce: String,
    more: String,
    key: SigningKey,
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn nonce() -> String {
    DeviceKey::generate().public_key().replace(['+', '/', '='], "-")
}

fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

impl Draft {
    fn of(key: &DeviceKey, covered: &[&str]) -> Self {
        let seed = key.private.to_pem();
        let key_id = key.id.map_or("new".to_owned(), |id| id.to_string());
        Self {
            label: "sig1".to_owned(),
            covered: covered.iter().map(|name| format!("\"{name}\"")).collect(),
            created: now().to_string(),
            key_id: format!("\"{key_id}\""),
            alg: ";alg=\"ed25519\"".to_owned(),
            nonce: format!(";nonce=\"{}\"", nonce()),
            more: String::new(),
            key: {
                use ed25519_dalek::pkcs8::DecodePrivateKey;
                SigningKey::from_pkcs8_pem(&seed).unwrap()
            },
        }
    }

    fn cover(&mut self, name: &str) {
        self.covered.push(format!("\"{name}\""));
    }

    fn drop(&mut self, name: &str) {
        self.covered.retain(|found| found.trim_matches('"') != name);
    }

    /// Signs what is there, as section 2.5 of the RFC says.
    fn sign(&self, sent: &mut Sent) {
        let params = format!(
            "({});created={};keyid={}{}{}{}",
            self.covered.join(" "),
            self.created,
            self.key_id,
            self.alg,
            self.nonce,
            self.more
        );
        let (path, query) = sent.target.split_once('?').unwrap_or((&sent.target, ""));
        let mut base = String::new();
        for name in &self.covered {
            let value = match name.trim_matches('"') {
                "@method" => sent.method.clone(),
                "@authority" => sent.host.clone(),
                "@path" => path.to_owned(),
                "@query" => format!("?{query}"),
                "@target-uri" => format!("http://{}{}", sent.host, sent.target),
                header => {
                    sent.headers.iter().find(|(n, _)| n == header).map_or(String::new(), |(_, v)| v.clone())
                }
            };
            writeln!(base, "{name}: {value}").unwrap();
        }
        write!(base, "\"@signature-params\": {params}").unwrap();
        let signature = STANDARD.encode(self.key.sign(base.as_bytes()).to_bytes());
        sent.set("signature-input", format!("{}={params}", self.label));
        sent.set("signature", format!("{}=:{signature}:", self.label));
    }
}

const COVERED: [&str; 5] = ["@method", "@authority", "@path", "@query", "content-digest"];

/// The till wants to open an attempt; every case begins with what would be right.
fn right(signers: &Signers, body: &Value) -> (Draft, Sent) {
    let body = serde_json::to_vec(body).unwrap();
    let sent = Sent {
        method: "POST".to_owned(),
        target: "/v1/capture-sessions?from=till".to_owned(),
        host: signers.host(),
        headers: vec![("content-digest".to_owned(), digest(&body))],
        body,
    };
    (Draft::of(&signers.till.key, &COVERED), sent)
}

/// What is wrong, how it comes to be so before and after signing, and the code it is refused with.
type Case = (&'static str, fn(&mut Draft, &mut Sent), fn(&mut Sent), &'static str);

/// What happens to a request after it was signed, and before.
type Change = fn(&mut Sent);
type Drafting = fn(&mut Draft, &mut Sent);

fn as_is(_: &mut Sent) {}
fn same(_: &mut Draft, _: &mut Sent) {}

#[expect(clippy::too_many_lines, reason = "a flat list of cases")]
fn cases() -> Vec<Case> {
    let changed: [(&str, Change, &str); 27] = [
        ("another method", |s| s.method = "PUT".to_owned(), "method_not_allowed"),
        ("another path", |s| s.target = "/v1/capture-sessions/?from=till".to_owned(), "route_unknown"),
        (
            "path with a percent sign",
            |s| s.target = "/v1/capture%2Dsessions?from=till".to_owned(),
            "route_unknown",
        ),
        ("another query", |s| s.target = "/v1/capture-sessions?from=tilt".to_owned(), "signature_wrong"),
        ("query with more", |s| s.target.push_str("&x=1"), "signature_wrong"),
        ("empty query", |s| s.target = "/v1/capture-sessions?".to_owned(), "signature_wrong"),
        ("no query", |s| s.target = "/v1/capture-sessions".to_owned(), "signature_wrong"),
        (
            "another host",
            |s| s.host = format!("localhost:{}", s.host.rsplit(':').next().unwrap()),
            "signature_wrong",
        ),
        ("another body", |s| s.body[15] ^= 1, "digest_wrong"),
        ("a longer body", |s| s.body.push(b' '), "digest_wrong"),
        ("no body", |s| s.body.clear(), "digest_wrong"),
        (
            "digest of another body",
            |s| {
                s.body = b"{}".to_vec();
                s.set("content-digest", digest(b"{}"));
            },
            "signature_wrong",
        ),
        ("no digest", |s| s.remove("content-digest"), "signature_components"),
        ("digest twice", |s| s.again("content-digest"), "signature_malformed"),
        (
            "digest in SHA-512",
            |s| s.set("content-digest", format!("sha-512=:{}:", STANDARD.encode([1; 64]))),
            "digest_malformed",
        ),
        (
            "digest of 31 bytes",
            |s| s.set("content-digest", format!("sha-256=:{}:", STANDARD.encode([1; 31]))),
            "digest_malformed",
        ),
        ("no signature", |s| s.remove("signature"), "signature_malformed"),
        ("no input", |s| s.remove("signature-input"), "signature_malformed"),
        (
            "neither",
            |s| {
                s.remove("signature");
                s.remove("signature-input");
            },
            "key_missing",
        ),
        ("signature twice", |s| s.again("signature"), "signature_malformed"),
        ("input twice", |s| s.again("signature-input"), "signature_malformed"),
        (
            "zero signature",
            |s| s.set("signature", format!("sig1=:{}:", STANDARD.encode([0; 64]))),
            "signature_wrong",
        ),
        (
            "63 bytes",
            |s| s.set("signature", format!("sig1=:{}:", STANDARD.encode([1; 63]))),
            "signature_malformed",
        ),
        (
            "other labels",
            |s| s.set("signature", s.get("signature").replace("sig1", "sig2")),
            "signature_malformed",
        ),
        (
            "one of two",
            |s| s.set("signature", format!("{0}, sig2={1}", s.get("signature"), &s.get("signature")[5..])),
            "signature_malformed",
        ),
        ("noise", |s| s.set("signature", "%?"), "signature_malformed"),
        ("a bearer key as well", |s| s.set("authorization", "Bearer sk_0"), "key_ambiguous"),
    ];
    let drafted: [(&str, Drafting, &str); 31] = [
        ("method not covered", |d, _| d.drop("@method"), "signature_components"),
        ("authority not covered", |d, _| d.drop("@authority"), "signature_components"),
        ("path not covered", |d, _| d.drop("@path"), "signature_components"),
        ("query not covered", |d, _| d.drop("@query"), "signature_components"),
        ("digest not covered", |d, _| d.drop("content-digest"), "signature_components"),
        ("nothing covered", |d, _| d.covered.clear(), "signature_components"),
        ("covered twice", |d, _| d.cover("@path"), "signature_components"),
        ("target uri", |d, _| d.cover("@target-uri"), "signature_components"),
        ("status", |d, _| d.cover("@status"), "signature_components"),
        ("absent header", |d, _| d.cover("x-absent"), "signature_components"),
        ("component parameter", |d, _| d.covered[2].push_str(";bs"), "signature_components"),
        ("component a token", |d, _| d.covered[2] = "path".to_owned(), "signature_malformed"),
        (
            "no digest at all",
            |d, s| {
                d.drop("content-digest");
                s.remove("content-digest");
            },
            "signature_components",
        ),
        ("six minutes old", |d, _| d.created = (now() - 360).to_string(), "signature_stale"),
        ("six minutes early", |d, _| d.created = (now() + 360).to_string(), "signature_stale"),
        ("of 1970", |d, _| d.created = "0".to_owned(), "signature_stale"),
        ("expired", |d, _| d.more = format!(";expires={}", now()), "signature_stale"),
        ("created a string", |d, _| d.created = format!("\"{}\"", d.created), "signature_malformed"),
        ("no nonce", |d, _| d.nonce.clear(), "signature_malformed"),
        ("short nonce", |d, _| d.nonce = ";nonce=\"short\"".to_owned(), "signature_malformed"),
        ("long nonce", |d, _| d.nonce = format!(";nonce=\"{}\"", "n".repeat(65)), "signature_malformed"),
        (
            "nobody's key",
            |d, _| d.key_id = "\"key_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa\"".to_owned(),
            "key_unknown",
        ),
        ("no key id", |d, _| d.key_id = "\"\"".to_owned(), "signature_malformed"),
        ("a key that is new", |d, _| d.key_id = "\"new\"".to_owned(), "signature_malformed"),
        ("the terminal's id", |d, _| d.key_id = d.key_id.replace("key_", "term_"), "signature_malformed"),
        ("other algorithm", |d, _| d.alg = ";alg=\"hmac-sha256\"".to_owned(), "signature_algorithm"),
        ("a tag", |d, _| d.more = ";tag=\"till\"".to_owned(), "signature_malformed"),
        ("created twice", |d, _| d.more = format!(";created={}", d.created), "signature_malformed"),
        ("label in capitals", |d, _| d.label = "SIG".to_owned(), "signature_malformed"),
        ("another private key", |d, _| d.key = SigningKey::from_bytes(&[5; 32]), "signature_wrong"),
        (
            "a header that changes",
            |d, s| {
                s.set("x-till", "1");
                d.cover("x-till");
            },
            "signature_wrong",
        ),
    ];
    let mut cases: Vec<Case> = changed
        .into_iter()
        .map(|(name, after, code)| (name, same as fn(&mut Draft, &mut Sent), after, code))
        .collect();
    for (name, before, code) in drafted {
        let after: fn(&mut Sent) =
            if name == "a header that changes" { |s| s.set("x-till", "2") } else { as_is };
        cases.push((name, before, after, code));
    }
    cases
}

#[test]
fn every_wrong_signature_is_refused() {
    let signers = Signers::new();
    let body = json!({ "order_id": signers.order("1").order_id });
    let before = Dump::of(&signers.server);
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (name, draft, change, code) in &cases {
        let (mut drafted, mut sent) = right(&signers, &body);
        draft(&mut drafted, &mut sent);
        drafted.sign(&mut sent);
        change(&mut sent);
        let (status, found) = sent.send();
        assert_eq!(found, *code, "{name}: status {status}");
        assert!((400..500).contains(&status), "{name}: status {status}");
    }
    before.assert_same(&Dump::of(&signers.server), "a wrong signature");
    println!("{} wrong signatures: each refused, nothing written", cases.len());

    // And what is right in other ways than ours is right.
    let also_right: [(&str, Drafting); 7] = [
        ("as we do it", same),
        ("no alg", |d, _| d.alg.clear()),
        ("another label", |d, _| d.label = "terminal".to_owned()),
        ("expires later", |d, _| d.more = format!(";expires={}", now() + 60)),
        ("another order", |d, _| d.covered.reverse()),
        ("a header more", |d, s| {
            s.set("x-till", "1");
            d.cover("x-till");
        }),
        ("a slow clock", |d, _| d.created = (now() - 240).to_string()),
    ];
    for (name, draft) in also_right {
        let (mut drafted, mut sent) = right(&signers, &body);
        draft(&mut drafted, &mut sent);
        drafted.sign(&mut sent);
        assert_eq!(sent.send(), (201, String::new()), "{name}");
    }
}

#[test]
fn a_signed_change_is_taken_once() {
    let signers = Signers::new();
    let (draft, mut sent) = right(&signers, &json!({ "order_id": signers.order("1").order_id }));
    draft.sign(&mut sent);
    let at_once: Vec<(u16, String)> = crate::money::at_once((0..6).map(|_| || sent.send()).collect());
    let taken = at_once.iter().filter(|(status, _)| *status == 201).count();
    let replayed = at_once.iter().filter(|(_, code)| code == "signature_replayed").count();
    assert_eq!((taken, replayed), (1, 5), "{at_once:?}");
    assert_eq!(sent.send(), (401, "signature_replayed".to_owned()));
    // Another key may have drawn the same nonce.
    let order = serde_json::to_vec(&new_order(signers.till.terminal_id, "2")).unwrap();
    let mut other = Sent { target: "/v1/orders".to_owned(), headers: Vec::new(), body: order, ..sent };
    other.set("content-digest", digest(&other.body));
    let mut by_system = Draft::of(&signers.system, &["@method", "@authority", "@path", "content-digest"]);
    by_system.nonce.clone_from(&draft.nonce);
    by_system.sign(&mut other);
    assert_eq!(other.send(), (201, String::new()));
}

/// What one is not: a right signature by the wrong one.
#[test]
fn a_signature_opens_what_its_signer_may_open() {
    let signers = Signers::new();
    let (_, sent) = right(&signers, &json!({ "order_id": signers.order("1").order_id }));
    let mut by_system = sent.clone();
    Draft::of(&signers.system, &COVERED).sign(&mut by_system);
    assert_eq!(by_system.send(), (403, "wrong_role".to_owned()));
    // The till's signature under the system's name, and the other way round.
    let mut crossed = Draft::of(&signers.till.key, &COVERED);
    crossed.key_id = format!("\"{}\"", signers.system.id.unwrap());
    let mut claimed = sent.clone();
    crossed.sign(&mut claimed);
    assert_eq!(claimed.send(), (401, "signature_wrong".to_owned()));
}

/// Whoever cannot sign cannot make the server read eleven megabytes either.
#[test]
fn the_body_is_read_after_the_signature() {
    let signers = Signers::new();
    let session = "/v1/capture-sessions/ses_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa/capture";
    let large = vec![b' '; 100_000];
    let mut sent = Sent {
        method: "POST".to_owned(),
        target: session.to_owned(),
        host: signers.host(),
        headers: vec![("content-digest".to_owned(), digest(&large))],
        body: large,
    };
    let draft = Draft::of(&signers.till.key, &["@method", "@authority", "@path", "content-digest"]);
    draft.sign(&mut sent);
    // With the signature right, the body is compared with its digest before anything reads it.
    let mut other = sent.clone();
    *other.body.last_mut().unwrap() = b'x';
    assert_eq!(other.send(), (400, "digest_wrong".to_owned()));

    // With the signature wrong, the answer comes before the body was sent.
    sent.set("signature", format!("sig1=:{}:", STANDARD.encode([1; 64])));
    let mut stream = connect(&sent.host);
    stream.write_all(sent.head().as_bytes()).unwrap();
    assert_eq!(answer(&mut stream), (401, "signature_wrong".to_owned()));
}
