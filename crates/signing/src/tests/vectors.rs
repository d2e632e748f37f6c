//! RFC 9421, appendix B.2.6: a request signed with Ed25519, computed again.

use crate::message::{Input, base};
use crate::{ContentDigest, Parts, PrivateKey, PublicKey};

const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
                   -----END PRIVATE KEY-----\n";
const INPUT: &str = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                     ;created=1618884473;keyid=\"test-key-ed25519\"";
const SIGNATURE: &str =
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
const BASE: &str = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
                    \"@method\": POST\n\
                    \"@path\": /foo\n\
                    \"@authority\": example.com\n\
                    \"content-type\": application/json\n\
                    \"content-length\": 18\n\
                    \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                    ;created=1618884473;keyid=\"test-key-ed25519\"";

#[test]
fn b_2_6_is_computed_again() {
    let headers: [(&str, &[u8]); 4] = [
        ("host", b"example.com"),
        ("date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", b"application/json"),
        ("content-length", b"18"),
    ];
    let query = Some("param=Value&Pet=dog");
    let parts = Parts { method: "POST", authority: "example.com", path: "/foo", query, headers: &headers };
    let (input, signature) = Input::parse(INPUT, SIGNATURE).unwrap();
    let signed = base(&parts, &input).unwrap();
    assert_eq!(signed, BASE);
    let key = PrivateKey::from_pem(KEY).unwrap();
    assert_eq!(key.sign(signed.as_bytes()), signature, "Ed25519 has no randomness: the same bytes come out");
    assert!(PublicKey::from_bytes(&key.public()).unwrap().is_by(&signature, signed.as_bytes()));
    assert_eq!(input.to_field(), INPUT);
}

/// RFC 9421 appendix B.2 has the body's digest in SHA-512; that of RFC 9530, appendix A, is in SHA-256.
#[test]
fn the_digest_of_rfc_9530_is_computed_again() {
    let digest = ContentDigest::of(b"{\"hello\": \"world\"}\n");
    assert_eq!(digest.to_field(), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
    assert_eq!(ContentDigest::parse(&digest.to_field()), Some(digest));
}
