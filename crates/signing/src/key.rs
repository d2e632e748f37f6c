//! Ed25519 keys (RFC 8032).

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

/// Bytes that are no key to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point of the curve, or not written in the one canonical way.
    #[error("these 32 bytes are no Ed25519 public key")]
    NotAPoint,
    /// A point of small order: one signature would fit many messages.
    #[error("this Ed25519 public key is weak; make another one")]
    Weak,
    /// The file is no private key in PKCS#8.
    #[error("this is no Ed25519 private key in PEM (PKCS#8); `openssl genpkey -algorithm ed25519` makes one")]
    NotPem,
}

/// What checks signatures. Holding one means that the bytes are a key and not a weak one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`], [`KeyError::Weak`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let Ok(key) = VerifyingKey::from_bytes(bytes) else { return Err(KeyError::NotAPoint) };
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NotAPoint);
        }
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Did this key sign this? Strict: a malleable signature is none.
    pub(crate) fn is_by(&self, signature: &[u8; 64], message: &[u8]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// What makes signatures. Wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// From the 32 bytes of RFC 8032, which must be unpredictable.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// From a PEM file as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`KeyError::NotPem`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        match SigningKey::from_pkcs8_pem(pem.trim()) {
            Ok(key) => Ok(Self(key)),
            Err(_) => Err(KeyError::NotPem),
        }
    }

    /// As a PEM file that OpenSSL reads.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        // Version 1 of PKCS#8, without the public key: OpenSSL reads no other.
        let mut pair = ed25519_dalek::pkcs8::KeypairBytes::from(&self.0);
        pair.public_key = None;
        pair.to_pkcs8_pem(LineEnding::LF).expect("32 bytes always fit a PKCS#8 document")
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
