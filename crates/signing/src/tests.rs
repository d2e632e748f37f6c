//! The vectors of RFC 9421, a request of ours, every way to change one, and noise.

mod changes;
mod vectors;
mod wrong;

use types::{KeyId, Timestamp};

use crate::{
    Claim, Parts, PrivateKey, PublicKey, Refusal, Request, Signer, Stamp, Verified, check_body, sign, verify,
};

const NONCE: &str = "5ks1qVZ4v0mUu3Yx0e6w2g";

fn key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

fn public() -> PublicKey {
    PublicKey::from_bytes(&key().public()).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_750_000_000).unwrap()
}

fn stamp() -> Stamp<'static> {
    Stamp { key: Some(KeyId::from_bits(9)), created: now(), nonce: NONCE }
}

/// A request as it arrives: what can be changed one by one.
#[derive(Clone, Debug)]
struct Arrived {
    method: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Arrived {
    fn signed(method: &str, target: &str, body: &[u8]) -> Self {
        let request = Request { method, authority: "pay.example", target, body };
        let headers = sign(&key(), &request, &stamp());
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Self {
            method: method.to_owned(),
            authority: "pay.example".to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect(),
            body: body.to_vec(),
        }
    }

    fn order() -> Self {
        Self::signed("POST", "/v1/orders?dry=1", br#"{"out_trade_no":"7"}"#)
    }

    fn verify_at(&self, now: Timestamp) -> Result<(Signer, Verified), Refusal> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let parts = Parts {
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
        };
        verify(&parts, &self.body, &public(), now)
    }

    fn verify(&self) -> Result<(Signer, Verified), Refusal> {
        self.verify_at(now())
    }

    fn header(&self, name: &str) -> String {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    }

    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.retain(|(found, _)| found != name);
        self.headers.push((name.to_owned(), value.into()));
    }
}

#[test]
fn what_was_signed_is_right() {
    for (method, target, body) in [
        ("GET", "/v1/orders?out_trade_no=7", ""),
        ("POST", "/", "{}"),
        ("GET", "", ""),
        ("DELETE", "/a%20b", ""),
    ] {
        let arrived = Arrived::signed(method, target, body.as_bytes());
        let (signer, verified) = arrived.verify().unwrap();
        assert_eq!(signer, Signer::Key(KeyId::from_bits(9)), "{arrived:?}");
        assert_eq!(verified.nonce, NONCE);
        assert_eq!(verified.digest.is_some(), !body.is_empty());
    }
}

#[test]
fn case_and_default_port_of_the_host_make_no_difference() {
    for authority in ["PAY.example", "pay.example:443", "Pay.Example:80"] {
        let arrived = Arrived { authority: authority.to_owned(), ..Arrived::order() };
        assert!(arrived.verify().is_ok(), "{authority}");
    }
    for authority in ["pay.example:8443", "pay.example.", "pay.example:", "", "other.example"] {
        let arrived = Arrived { authority: authority.to_owned(), ..Arrived::order() };
        assert_eq!(arrived.verify(), Err(Refusal::Wrong), "{authority}");
    }
}

#[test]
fn the_window_is_five_minutes_either_way() {
    let arrived = Arrived::order();
    let at = |seconds: i64| Timestamp::from_second(1_750_000_000 + seconds).unwrap();
    for seconds in [-300, 0, 300] {
        assert!(arrived.verify_at(at(seconds)).is_ok(), "{seconds}");
    }
    for seconds in [-301, 301, 86_400, -1_750_000_000] {
        assert_eq!(arrived.verify_at(at(seconds)), Err(Refusal::Stale), "{seconds}");
    }
}

/// Whoever passes a request on cannot put a body where there was none.
#[test]
fn a_body_that_nothing_covers_is_refused() {
    let right = Arrived::signed("POST", "/v1/orders/7/reverse", b"");
    assert!(right.verify().is_ok());
    let more = Arrived { body: b"{}".to_vec(), ..right };
    assert!(matches!(more.verify(), Err(Refusal::Components(_))), "{:?}", more.verify());
}

#[test]
fn a_new_key_signs_for_itself() {
    let request = Request { method: "POST", authority: "pay.example", target: "/v1/x", body: b"{}" };
    let headers = sign(&key(), &request, &Stamp { key: None, ..stamp() });
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let parts =
        Parts { method: "POST", authority: "pay.example", path: "/v1/x", query: None, headers: &headers };
    let claim = Claim::read(&parts).unwrap().unwrap();
    assert_eq!(claim.signer(), Signer::New);
    check_body(claim.digest(), b"{}").unwrap();
    claim.check(&public(), now()).unwrap();
}

#[test]
fn private_keys_travel_as_openssl_writes_them() {
    // From RFC 9421, B.1.4.
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
               -----END PRIVATE KEY-----\n";
    let key = PrivateKey::from_pem(pem).unwrap();
    assert_eq!(key.to_pem().as_str(), pem);
    assert_eq!(hex::encode(key.public()), "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb");
    assert_eq!(format!("{key:?}"), "PrivateKey(..)");
    for wrong in ["", "x", &pem[..60], &pem.replace("MC4C", "MC4D")] {
        assert!(PrivateKey::from_pem(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn weak_keys_are_no_keys() {
    use crate::KeyError;
    // The points of small order, as listed in "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020).
    let weak = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for key in weak {
        assert_eq!(PublicKey::from_bytes(&bytes(key)), Err(KeyError::Weak), "{key}");
    }
    let no_point = [
        // Not on the curve, and points whose y is not below the prime.
        "0200000000000000000000000000000000000000000000000000000000000000",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for key in no_point {
        assert_eq!(PublicKey::from_bytes(&bytes(key)), Err(KeyError::NotAPoint), "{key}");
    }
}

fn bytes(digits: &str) -> [u8; 32] {
    hex::decode(digits).unwrap().try_into().unwrap()
}
