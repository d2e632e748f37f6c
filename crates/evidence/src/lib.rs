//! Keeping what was recorded: sealed at rest, found again only by those who hold a master key.
//!
//! Invariants: a value is sealed under a data key and bound to a label that says what it is and whose; a value moved
//! to another row does not open. Data keys lie apart from what they seal, wrapped by a master key and bound to a label
//! of their own: whoever destroys the wrapped key has destroyed the value. Plain bytes and keys are wiped.
//! Constructions: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) for both layers, HKDF-SHA-256 (RFC 5869) to
//! derive the purpose keys, HMAC-SHA-256 (RFC 2104) for the blind index. All from the `RustCrypto` crates.
//!
//! # Decisions
//! - *A generation of the master key is named by a fingerprint of the key itself*, eight bytes that HKDF makes of it.
//!   Processes with files of their own then mean the same by it, whatever else stands in their files.
//! - *Two versions of sealed values.* Version 1 carries its own wrapped data key; it still opens, and a rotation turns
//!   it into version 2, which holds a nonce and the body only.
#![forbid(unsafe_code)]

mod cipher;
mod index;
mod keyring;
mod master;

#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};
use types::Digest;

pub use cipher::{DataKey, OpenError, Version};
pub use index::IndexKey;
pub use keyring::{Keyring, WrappedKey};
pub use master::{Generation, MasterKey};

/// The SHA-256 digest of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}
