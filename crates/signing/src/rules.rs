//! What a signature must cover and say before anybody looks at the key.

use sfv::BareItem;
use types::{KeyId, SignedDuration, Timestamp};

use crate::digest::ContentDigest;
use crate::key::PublicKey;
use crate::message::{Input, base, header};
use crate::request::Parts;

/// How far `created` may be from the server's clock, either way.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// The `keyid` of a key that the server does not know yet.
pub const NEW_KEY: &str = "new";
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// Why a signature counts for nothing. Each has a stable code, and says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not written as the RFC and this page want it.
    #[error("the signature cannot be read: {0}; docs/signatures.md shows a right one")]
    Malformed(&'static str),
    /// It covers too little, or what is not supported.
    #[error(
        "the signature covers the wrong components: {0}; cover \"@method\" \"@authority\" \"@path\", \"@query\" when there is one, and \"content-digest\" when there is a body"
    )]
    Components(&'static str),
    /// Made with something else than Ed25519.
    #[error("the signature's alg must be \"ed25519\", or be left out")]
    Algorithm,
    /// Made too long ago, or in the future, or over.
    #[error(
        "the signature's `created` is not within five minutes of the server's clock, or it has expired; set the clock and sign again"
    )]
    Stale,
    /// Not made by this key over this request.
    #[error("the signature does not fit this request and key; sign exactly what is sent")]
    Wrong,
    /// The digest cannot be read.
    #[error("Content-Digest must be sha-256=:...: with 32 bytes in base64, and nothing else")]
    DigestMalformed,
    /// The body is another one.
    #[error("the body is not the one that Content-Digest and the signature are about")]
    DigestWrong,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "signature_malformed",
            Self::Components(_) => "signature_components",
            Self::Algorithm => "signature_algorithm",
            Self::Stale => "signature_stale",
            Self::Wrong => "signature_wrong",
            Self::DigestMalformed => "digest_malformed",
            Self::DigestWrong => "digest_wrong",
        }
    }
}

/// Whose key a signature names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key that the server knows.
    Key(KeyId),
    /// One that is shown for the first time, to prove that its holder has the private half.
    New,
}

/// A signature that was read and follows the rules; nobody has looked whether it is right.
#[derive(Clone, Debug)]
pub struct Claim {
    signer: Signer,
    created: i64,
    expires: Option<i64>,
    nonce: String,
    digest: Option<ContentDigest>,
    base: String,
    signature: [u8; 64],
}

/// A signature that is right. The body is still to be compared with `digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Used once by this key.
    pub nonce: String,
    /// What the body must have; none: there must be no body.
    pub digest: Option<ContentDigest>,
}

/// Compares a body with what a signature covers of it.
///
/// # Errors
/// [`Refusal::DigestWrong`]; [`Refusal::Components`] for a body that is not covered.
pub fn check_body(covered: Option<ContentDigest>, body: &[u8]) -> Result<(), Refusal> {
    match covered {
        Some(digest) if digest.is_of(body) => Ok(()),
        Some(_) => Err(Refusal::DigestWrong),
        None if body.is_empty() => Ok(()),
        None => Err(Refusal::Components("there is a body, and no content-digest is covered")),
    }
}

impl Claim {
    /// Reads the signature of a request, if it has one.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Components`], [`Refusal::Algorithm`], [`Refusal::DigestMalformed`].
    pub fn read(parts: &Parts<'_>) -> Result<Option<Self>, Refusal> {
        let (input, signature) = match (header(parts, "signature-input")?, header(parts, "signature")?) {
            (Some(input), Some(signature)) => (input, signature),
            (None, None) => return Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                return Err(Refusal::Malformed("send both Signature-Input and Signature"));
            }
        };
        let (input, signature) = Input::parse(input, signature)?;
        let digest = needed_are_covered(parts, &input.names()?)?;
        let [created, expires, nonce, key_id] = parameters(&input)?;
        let created = integer(created).ok_or(Refusal::Malformed("`created` is a Unix time in seconds"))?;
        let expires = match expires {
            Some(_) => {
                Some(integer(expires).ok_or(Refusal::Malformed("`expires` is a Unix time in seconds"))?)
            }
            None => None,
        };
        let nonce = text(nonce).filter(|nonce| is_nonce(nonce));
        let nonce = nonce.ok_or(Refusal::Malformed("`nonce` is 16 to 64 letters, digits, - or _"))?;
        let signer = match text(key_id) {
            Some(NEW_KEY) => Signer::New,
            Some(id) => match id.parse() {
                Ok(id) => Signer::Key(id),
                Err(_) => return Err(Refusal::Malformed("`keyid` is the key_... that the key was given")),
            },
            None => return Err(Refusal::Malformed("`keyid` is the key_... that the key was given")),
        };
        let base = base(parts, &input)?;
        Ok(Some(Self { signer, created, expires, nonce: nonce.to_owned(), digest, base, signature }))
    }

    /// Whose key it names.
    #[must_use]
    pub const fn signer(&self) -> Signer {
        self.signer
    }

    /// What it says the body to be; none: there must be no body.
    #[must_use]
    pub const fn digest(&self) -> Option<ContentDigest> {
        self.digest
    }

    /// Is it right, and of now?
    ///
    /// # Errors
    /// [`Refusal::Stale`], [`Refusal::Wrong`].
    pub fn check(self, key: &PublicKey, now: Timestamp) -> Result<Verified, Refusal> {
        let age = now.as_second().saturating_sub(self.created);
        let over = self.expires.is_some_and(|expires| expires <= now.as_second());
        if age.saturating_abs() > WINDOW.as_secs() || over {
            return Err(Refusal::Stale);
        }
        if !key.is_by(&self.signature, self.base.as_bytes()) {
            return Err(Refusal::Wrong);
        }
        Ok(Verified { nonce: self.nonce, digest: self.digest })
    }
}

/// Reads and checks the signature of a whole request at once.
///
/// # Errors
/// Every [`Refusal`]; a request without a signature is [`Refusal::Malformed`].
pub fn verify(
    parts: &Parts<'_>,
    body: &[u8],
    key: &PublicKey,
    now: Timestamp,
) -> Result<(Signer, Verified), Refusal> {
    let claim = Claim::read(parts)?.ok_or(Refusal::Malformed("there is no signature"))?;
    let signer = claim.signer;
    let verified = claim.check(key, now)?;
    check_body(verified.digest, body)?;
    Ok((signer, verified))
}

/// What must be covered is; returns the digest.
fn needed_are_covered(parts: &Parts<'_>, names: &[&str]) -> Result<Option<ContentDigest>, Refusal> {
    let has = |name| names.contains(&name);
    if !(has("@method") && has("@authority") && has("@path")) {
        return Err(Refusal::Components("one of \"@method\", \"@authority\", \"@path\" is missing"));
    }
    if parts.query.is_some() && !has("@query") {
        return Err(Refusal::Components("there is a query, and \"@query\" is missing"));
    }
    match (header(parts, "content-digest")?, has("content-digest")) {
        (Some(field), true) => Ok(Some(ContentDigest::parse(field).ok_or(Refusal::DigestMalformed)?)),
        (Some(_), false) => Err(Refusal::Components("\"content-digest\" is missing")),
        // `base` finds that a covered header is not there.
        (None, _) => Ok(None),
    }
}

/// `created`, `expires`, `nonce`, `keyid`; `alg` is looked at here, and any other is refused.
fn parameters(input: &Input) -> Result<[Option<&BareItem>; 4], Refusal> {
    let mut found = [None; 4];
    for (name, value) in input.parameters() {
        let place = match name {
            "created" => 0,
            "expires" => 1,
            "nonce" => 2,
            "keyid" => 3,
            "alg" if text(Some(value)) == Some("ed25519") => continue,
            "alg" => return Err(Refusal::Algorithm),
            _ => {
                return Err(Refusal::Malformed("a parameter is none of created, expires, nonce, keyid, alg"));
            }
        };
        found[place] = Some(value);
    }
    Ok(found)
}

fn integer(value: Option<&BareItem>) -> Option<i64> {
    value?.as_integer().map(i64::from)
}

fn text(value: Option<&BareItem>) -> Option<&str> {
    value?.as_string().map(sfv::StringRef::as_str)
}

fn is_nonce(nonce: &str) -> bool {
    NONCE_CHARS.contains(&nonce.len())
        && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
