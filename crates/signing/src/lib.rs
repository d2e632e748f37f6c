//! Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, and Content-Digest (RFC 9530).
//!
//! Works on the plain parts of a request, so that whoever sends and whoever checks share one reading of it.
//!
//! Invariants:
//! - What a signature does not cover decides nothing: method, authority, path, query and body are always covered.
//! - There is one way to write a signature. What is not in its canonical form is refused, so that two readers cannot
//!   see two things in it.
//! - No input panics. [`verify`] takes anything.
//!
//! Decisions: structured fields are read and written by `sfv`, keys and signatures by `ed25519-dalek`; the base
//! string in between is a few lines here. Page 8 of the decisions says what else was looked at.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod digest;
mod key;
mod message;
mod request;
mod rules;

pub use digest::ContentDigest;
pub use key::{KeyError, PrivateKey, PublicKey};
pub use request::{Parts, Request, Stamp, sign};
pub use rules::{Claim, NEW_KEY, Refusal, Signer, Verified, WINDOW, check_body, verify};

#[cfg(test)]
mod tests;
