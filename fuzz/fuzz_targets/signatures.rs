//! The signature of a request, as headers say it, and the secret of a webhook: what was signed is verified, and
//! nothing else is.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use signing::{Claim, Parts, PrivateKey, PublicKey, Request, Stamp, sign, verify};
use standardwebhooks::Webhook;
use types::{KeyId, Timestamp};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const NONCE: &str = "0123456789abcdef";

#[derive(Arbitrary, Debug)]
struct Input {
    method: u8,
    authority: String,
    path: String,
    query: Option<String>,
    body: Vec<u8>,
    other_body: Vec<u8>,
    known: bool,
    /// Instead of what was signed.
    signature_input: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    content_digest: Option<Vec<u8>>,
    secret: String,
    pem: String,
}

fuzz_target!(|input: Input| {
    request(&input);
    webhook(&input);
    if let Ok(key) = PrivateKey::from_pem(&input.pem) {
        let again = PrivateKey::from_pem(&key.to_pem()).expect("a key that was written is read");
        assert_eq!(key.public(), again.public(), "the same key");
    }
});

fn request(input: &Input) {
    let method = METHODS[usize::from(input.method) % METHODS.len()];
    let path = format!("/{}", input.path.replace('?', ""));
    let target = input.query.as_ref().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let private = PrivateKey::from_seed(&[7; 32]);
    let public = PublicKey::from_bytes(&private.public()).expect("a key has a public half");
    let key = input.known.then(|| KeyId::from_bits(7));
    let (created, authority, query) =
        (Timestamp::UNIX_EPOCH, input.authority.as_str(), input.query.as_deref());
    let stamp = Stamp { key, created, nonce: NONCE };
    let sent = Request { method, authority, target: &target, body: &input.body };
    let signed = sign(&private, &sent, &stamp);

    let headers: Vec<(&str, &[u8])> = signed.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let parts = Parts { method, authority, path: &path, query, headers: &headers };
    // An authority or a path that no request has is refused, and the same way each time.
    let verified = verify(&parts, &input.body, &public, created);
    assert_eq!(verified.is_ok(), verify(&parts, &input.body, &public, created).is_ok());
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%&=".contains(&byte));
    if plain(authority) && plain(&path) && query.is_none_or(plain) {
        assert!(verified.is_ok(), "what was signed is verified: {verified:?}");
    }
    if input.other_body != input.body {
        assert!(verify(&parts, &input.other_body, &public, created).is_err(), "another body");
    }

    let foreign = [&input.signature_input, &input.signature, &input.content_digest];
    let names = ["signature-input", "signature", "content-digest"];
    let mut changed = false;
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| {
            let at = names.iter().position(|other| other == name);
            let other = at.and_then(|at| foreign[at].as_deref()).unwrap_or(value);
            changed |= other != *value;
            (*name, other)
        })
        .collect();
    let parts = Parts { headers: &headers, ..parts };
    let verified = verify(&parts, &input.body, &public, created);
    assert!(!changed || verified.is_err(), "there is one way to write a signature");
    // Whatever was read, says the same twice.
    let claims = (Claim::read(&parts), Claim::read(&parts));
    match claims {
        (Ok(Some(one)), Ok(Some(two))) => {
            assert!(one.signer() == two.signer() && one.digest() == two.digest())
        }
        (Ok(None), Ok(None)) => {}
        (Err(one), Err(two)) => assert_eq!(one, two),
        (one, two) => panic!("read as {one:?} and as {two:?}"),
    }
}

fn webhook(input: &Input) {
    let Ok(webhook) = Webhook::new(&input.secret) else { return };
    let Ok(signature) = webhook.sign(&input.path, 7, &input.body) else { return };
    let bare = input.secret.strip_prefix("whsec_").unwrap_or(&input.secret);
    let again =
        Webhook::new(bare).expect("the prefix is no part of the secret").sign(&input.path, 7, &input.body);
    assert!(again.is_ok_and(|again| again == signature), "the same is signed the same");
    if let Ok(other) = webhook.sign(&input.path, 7, &input.other_body) {
        assert_eq!(other == signature, input.other_body == input.body, "another body has another signature");
    }
}
