//! A request as its signature sees it, and how to sign one.

use types::{KeyId, Timestamp};

use crate::digest::ContentDigest;
use crate::key::PrivateKey;
use crate::message::{Input, Params, base, covered, normal_authority};
use crate::rules::{NEW_KEY, Signer};

/// The parts of a request that arrived, without its body.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// `GET`, `POST`, as sent.
    pub method: &'a str,
    /// Host and port as sent; upper case and the default ports of HTTP and HTTPS make no difference.
    pub authority: &'a str,
    /// The path as sent, with its percent signs; empty is `/`.
    pub path: &'a str,
    /// What stands behind the question mark, as sent; none when there is none.
    pub query: Option<&'a str>,
    /// Every header, names in lower case; one that came twice stands there twice.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// Host, and port unless it is the default one.
    pub authority: &'a str,
    /// The path, and behind a question mark the query, exactly as they will be sent.
    pub target: &'a str,
    /// The body; empty: none.
    pub body: &'a [u8],
}

/// What makes one signature different from the next.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Under which id the server knows the key; none for a key that it does not know yet.
    pub key: Option<KeyId>,
    /// When; within five minutes of the server's clock.
    pub created: Timestamp,
    /// 16 to 64 letters, digits, `-` or `_` that were never used with this key.
    pub nonce: &'a str,
}

/// The headers that sign a request: `content-digest` when there is a body, `signature-input`, `signature`.
#[must_use]
pub fn sign(key: &PrivateKey, request: &Request<'_>, stamp: &Stamp<'_>) -> Vec<(&'static str, String)> {
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target, None),
    };
    let digest = (!request.body.is_empty()).then(|| ContentDigest::of(request.body).to_field());
    let headers: Vec<(&str, &[u8])> =
        digest.iter().map(|field| ("content-digest", field.as_bytes())).collect();
    let authority = normal_authority(request.authority);
    let parts = Parts { method: request.method, authority: &authority, path, query, headers: &headers };
    let signer = stamp.key.map_or(Signer::New, Signer::Key);
    let key_id = match signer {
        Signer::Key(id) => id.to_string(),
        Signer::New => NEW_KEY.to_owned(),
    };
    let params = Params { created: stamp.created.as_second(), key_id: &key_id, nonce: stamp.nonce };
    let input = Input::new(&covered(&parts), &params);
    let base = base(&parts, &input).expect("what is covered is there");
    let signature = key.sign(base.as_bytes());
    let mut signed: Vec<(&str, String)> = digest.into_iter().map(|field| ("content-digest", field)).collect();
    signed.push(("signature-input", input.to_field()));
    signed.push(("signature", Input::signature_field(&signature)));
    signed
}
