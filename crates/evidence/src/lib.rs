//! Keeping what was recorded: sealed at rest, found again only by those who hold the master key.
//!
//! Invariants: every sealed value has a data key of its own, wrapped by the master key, and is bound to a
//! label that says what it is and whose; a value moved to another row does not open. Plain bytes are wiped.
//! Constructions: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) for both layers, HKDF-SHA-256 (RFC 5869) to
//! derive the purpose keys, HMAC-SHA-256 (RFC 2104) for the blind index. All from the `RustCrypto` crates.
#![forbid(unsafe_code)]

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::{Digest as _, Sha256};
use types::Digest;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES + NONCE_BYTES;

/// The SHA-256 digest of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The keys of one operator, derived from one master key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Keyring {
    wrapping: [u8; KEY_BYTES],
    index: [u8; KEY_BYTES],
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

/// A sealed value did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or of a version this program does not know.
    #[error("the stored bytes are not a sealed value of a known version")]
    NotSealed,
    /// Changed, sealed for something else, or sealed under another master key.
    #[error("a sealed value did not open: it was changed, moved, or sealed under another master key")]
    DoesNotOpen,
}

impl Keyring {
    /// The keyring of a master key.
    #[must_use]
    pub fn new(master: &[u8; KEY_BYTES]) -> Self {
        let kdf = Hkdf::<Sha256>::new(None, master);
        let derive = |purpose: &[u8]| {
            let mut key = [0; KEY_BYTES];
            kdf.expand(purpose, &mut key).expect("32 bytes are within the limit of HKDF-SHA-256");
            key
        };
        Self { wrapping: derive(b"surety wrapping v1"), index: derive(b"surety blind index v1") }
    }

    /// Seals `plain` under a fresh data key, bound to `label` (what it is and whose).
    #[must_use]
    pub fn seal(&self, label: &str, plain: &[u8], random: &mut dyn Rng) -> Vec<u8> {
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        let (mut key_nonce, mut nonce) = ([0; NONCE_BYTES], [0; NONCE_BYTES]);
        random.fill_bytes(&mut *data_key);
        random.fill_bytes(&mut key_nonce);
        random.fill_bytes(&mut nonce);
        let wrapped = encrypt(&self.wrapping, &key_nonce, label, &*data_key);
        let body = encrypt(&data_key, &nonce, label, plain);
        [&[VERSION][..], &key_nonce, &wrapped, &nonce, &body].concat()
    }

    /// Opens what [`Keyring::seal`] made for the same label.
    ///
    /// # Errors
    /// [`OpenError`]; nothing of the content leaks through it.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (header, body) = sealed.split_at_checked(HEADER_BYTES).ok_or(OpenError::NotSealed)?;
        let (version, rest) = header.split_at(1);
        if version != [VERSION] {
            return Err(OpenError::NotSealed);
        }
        let (key_nonce, rest) = rest.split_at(NONCE_BYTES);
        let (wrapped, nonce) = rest.split_at(KEY_BYTES + TAG_BYTES);
        let data_key = decrypt(&self.wrapping, key_nonce, label, wrapped)?;
        decrypt(&data_key, nonce, label, body)
    }

    /// A keyed fingerprint of a personal value, for looking it up without storing it in the clear.
    #[must_use]
    pub fn blind_index(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.index)
            .expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn encrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], label: &str, plain: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: label.as_bytes() };
    XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(*nonce), payload)
        .expect("a value in memory is below the cipher's length limit")
}

fn decrypt(key: &[u8], nonce: &[u8], label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (Ok(cipher), Ok(nonce)) =
        (XChaCha20Poly1305::new_from_slice(key), <[u8; NONCE_BYTES]>::try_from(nonce))
    else {
        return Err(OpenError::NotSealed);
    };
    let payload = Payload { msg: sealed, aad: label.as_bytes() };
    cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).or(Err(OpenError::DoesNotOpen))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn opens_only_whole_in_place_and_under_its_key() {
        let mut random = StdRng::seed_from_u64(1);
        let keyring = Keyring::new(&[7; 32]);
        let sealed = keyring.seal("template of payer 1", b"a face", &mut random);
        assert!(!sealed.windows(6).any(|w| w == b"a face"));
        assert_eq!(&**keyring.open("template of payer 1", &sealed).unwrap(), b"a face");
        assert_eq!(keyring.open("template of payer 2", &sealed).unwrap_err(), OpenError::DoesNotOpen);
        assert_eq!(
            Keyring::new(&[8; 32]).open("template of payer 1", &sealed).unwrap_err(),
            OpenError::DoesNotOpen
        );
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(keyring.open("template of payer 1", &flipped).is_err(), "byte {at}");
            assert!(keyring.open("template of payer 1", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_ne!(sealed, keyring.seal("template of payer 1", b"a face", &mut random));
    }

    #[test]
    fn blind_index_depends_on_kind_value_and_key() {
        let keyring = Keyring::new(&[7; 32]);
        assert_eq!(keyring.blind_index("phone", "+1"), keyring.blind_index("phone", "+1"));
        assert_ne!(keyring.blind_index("phone", "+1"), keyring.blind_index("phone", "+2"));
        assert_ne!(keyring.blind_index("phone", "+1"), keyring.blind_index("name", "+1"));
        assert_ne!(keyring.blind_index("phone", "+1"), Keyring::new(&[8; 32]).blind_index("phone", "+1"));
    }
}
