//! Signed requests: the signature is checked over the headers, the body afterwards against the digest they cover, when
//! a handler reads it. So a request without a valid signature costs no large buffer.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use engine::{AlertKind, Caller};
use signing::{Claim, ContentDigest, PublicKey, Refusal, Signer};
use types::KeyId;

use super::App;
use super::problem::Problem;
use super::run::run;
use crate::clock;

/// What a signature says the body to be.
#[derive(Clone, Copy)]
struct Covered(Option<ContentDigest>);

/// The key whose signature over the headers was right.
#[derive(Clone, Copy)]
pub(crate) struct SignedBy(KeyId);

/// Keeps that what a terminal signed came again, or that something else came.
async fn note_refused(app: &App, SignedBy(key): SignedBy, kind: AlertKind) -> Result<(), Problem> {
    run(app, move |engine, ctx| engine.note_refused_request(ctx, key, kind)).await
}

/// Keeps that a body was not the one that was signed, if that is why it was refused.
pub(crate) async fn note_if_tampered(
    app: &App,
    signed: Option<SignedBy>,
    refused: &Problem,
) -> Result<(), Problem> {
    match signed {
        Some(signed) if refused.is("digest_wrong") => {
            note_refused(app, signed, AlertKind::RequestTampered).await
        }
        Some(_) | None => Ok(()),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Malformed(_)
            | Refusal::Components(_)
            | Refusal::Algorithm
            | Refusal::Stale
            | Refusal::Wrong => StatusCode::UNAUTHORIZED,
            Refusal::DigestMalformed | Refusal::DigestWrong => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

/// The signature of a request, if it has one, as far as it can be judged without its key.
pub(crate) fn claim(parts: &Parts) -> Result<Option<Claim>, Problem> {
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let request = signing::Parts {
        method: parts.method.as_str(),
        authority: authority.or(host).unwrap_or_default(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &headers,
    };
    let Some(claim) = Claim::read(&request)? else { return Ok(None) };
    if claim.digest().is_none() && announces_body(&parts.headers) {
        return Err(Refusal::Components("there is a body, and no content-digest is covered").into());
    }
    Ok(Some(claim))
}

/// A body whose length is not said is found when it is read.
fn announces_body(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// Whom a signature speaks for. A signature over a change is taken once; one over a read changes nothing.
pub(crate) async fn signer(parts: &mut Parts, app: &App, claim: Claim) -> Result<Caller, Problem> {
    let Signer::Key(id) = claim.signer() else {
        return Err(Refusal::Malformed("`keyid` is the key_... that the key was given").into());
    };
    parts.extensions.insert(Covered(claim.digest()));
    let once = !parts.method.is_safe();
    let found = run(app, move |engine, ctx| {
        let key = engine.signing_key(ctx.now, id)?;
        let Ok(public) = PublicKey::from_bytes(&key.public_key) else {
            return Err(engine::Rejected::KeyUnknown.into());
        };
        match claim.check(&public, ctx.now) {
            Ok(right) => engine.signer(ctx.now, &key, once.then_some(right.nonce.as_str())).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    })
    .await;
    let found = found.and_then(|found| found.map_err(Problem::from));
    match &found {
        Ok(_) => drop(parts.extensions.insert(SignedBy(id))),
        Err(problem) if problem.is("signature_replayed") => {
            note_refused(app, SignedBy(id), AlertKind::RequestReplayed).await?;
        }
        Err(_) => {}
    }
    app.limits.looked_up(parts, &id, &found)?;
    found
}

/// A request that proves that its sender holds a key which the server does not know yet, if it is signed at all.
pub(crate) struct Fresh(Option<Claim>);

impl Fresh {
    /// Goes on only if the request is signed with this key.
    pub(crate) fn must_be_by(self, key: &PublicKey) -> Result<(), Problem> {
        let claim = self.0.filter(|claim| claim.signer() == Signer::New).ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "signature_missing",
                "sign this very request with the key that public_key belongs to, and keyid=\"new\"",
            )
        })?;
        claim.check(key, clock::now())?;
        Ok(())
    }
}

impl FromRequestParts<App> for Fresh {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let claim = claim(parts)?;
        if let Some(claim) = &claim {
            parts.extensions.insert(Covered(claim.digest()));
        }
        Ok(Self(claim))
    }
}

/// A body that came is the one that was signed, where the request is signed.
pub(crate) fn check_body(parts: &Parts, body: &[u8]) -> Result<(), Problem> {
    match parts.extensions.get::<Covered>() {
        Some(Covered(digest)) => Ok(signing::check_body(*digest, body)?),
        None => Ok(()),
    }
}
