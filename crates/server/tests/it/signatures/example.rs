//! The worked example of `docs/signatures.md`, computed again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use signing::{ContentDigest, Parts, PrivateKey, PublicKey, Request, Stamp, sign, verify};
use types::Timestamp;

use crate::fixture::workspace;

/// The first block of the page after a line, without its fences.
fn block<'a>(page: &'a str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(after).unwrap_or_else(|| panic!("the page has no {after:?}"));
    let (_, rest) = rest.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn the_worked_example_is_right() {
    let page = std::fs::read_to_string(workspace().join("docs/signatures.md")).unwrap();
    let key = PrivateKey::from_pem(block(&page, "The private key")).unwrap();
    assert!(
        page.contains(&STANDARD.encode(key.public())),
        "the public key {}",
        STANDARD.encode(key.public())
    );
    let body = block(&page, "The body");
    assert!(page.contains(&ContentDigest::of(body.as_bytes()).to_field()), "its digest");
    let request =
        Request { method: "POST", authority: "pay.example", target: "/v1/orders", body: body.as_bytes() };
    let created = Timestamp::from_second(1_764_000_000).unwrap();
    let id = "key_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa".parse().unwrap();
    let headers = sign(&key, &request, &Stamp { key: Some(id), created, nonce: "Zm9vYmFyYmF6cXV4cXV1eA" });
    let text: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(block(&page, "These headers"), text.join("\n"));
    // The base of the page is what the signature is over.
    let base = block(&page, "The signature base");
    let lines: Vec<&str> = base.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(headers[1].1.ends_with(lines[4].strip_prefix("\"@signature-params\": ").unwrap()));
    let signature = STANDARD.decode(headers[2].1.trim_start_matches("sig1=:").trim_end_matches(':')).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&key.public()).unwrap();
    public.verify_strict(base.as_bytes(), &signature).unwrap();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let parts = Parts {
        method: "POST",
        authority: "pay.example",
        path: "/v1/orders",
        query: None,
        headers: &headers,
    };
    verify(&parts, body.as_bytes(), &PublicKey::from_bytes(&key.public()).unwrap(), created).unwrap();
}
