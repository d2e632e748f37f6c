//! Data keys, and values sealed under them.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::Rng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const TAG_BYTES: usize = 16;

/// Of the form a sealed value has; its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Carries its own wrapped data key.
    First,
    /// Nonce and body: the key lies elsewhere.
    Second,
}

impl Version {
    /// The first byte of a sealed value of this version.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }

    /// The version of a sealed value.
    ///
    /// # Errors
    /// [`OpenError::NotSealed`].
    pub fn of(sealed: &[u8]) -> Result<Self, OpenError> {
        match sealed.first() {
            Some(1) => Ok(Self::First),
            Some(2) => Ok(Self::Second),
            Some(_) | None => Err(OpenError::NotSealed),
        }
    }
}

/// A sealed value or a wrapped key did not open. Nothing of the content leaks through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or of a version this program does not know.
    #[error("the stored bytes are not a sealed value of a known version")]
    NotSealed,
    /// Changed, sealed for something else, or sealed under another key.
    #[error("a sealed value did not open: it was changed, moved, or sealed under another key")]
    DoesNotOpen,
    /// Wrapped by a master key that is not on the ring.
    #[error(
        "a key is wrapped by a generation of the master key that is not here; bring that line of master.key back"
    )]
    GenerationUnknown,
}

/// What values are sealed under: 256 random bits. Wiped when dropped, never in `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DataKey(pub(crate) [u8; KEY_BYTES]);

impl DataKey {
    /// A fresh key.
    #[must_use]
    pub fn draw(random: &mut dyn Rng) -> Self {
        let mut key = Self([0; KEY_BYTES]);
        random.fill_bytes(&mut key.0);
        key
    }

    /// Seals `plain`, bound to `label` (what it is and whose).
    #[must_use]
    pub fn seal(&self, label: &str, plain: &[u8], random: &mut dyn Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill_bytes(&mut nonce);
        let body = encrypt(&self.0, &nonce, label, plain);
        [&[Version::Second.byte()][..], &nonce, &body].concat()
    }

    /// Opens what [`DataKey::seal`] made for the same label.
    ///
    /// # Errors
    /// [`OpenError::NotSealed`], also for a value of the first version; [`OpenError::DoesNotOpen`].
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match Version::of(sealed)? {
            Version::First => return Err(OpenError::NotSealed),
            Version::Second => {}
        }
        let (nonce, body) = sealed[1..].split_at_checked(NONCE_BYTES).ok_or(OpenError::NotSealed)?;
        decrypt(&self.0, nonce, label, body)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

pub(crate) fn encrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    label: &str,
    plain: &[u8],
) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: label.as_bytes() };
    XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(*nonce), payload)
        .expect("a value in memory is below the cipher's length limit")
}

pub(crate) fn decrypt(
    key: &[u8],
    nonce: &[u8],
    label: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (Ok(cipher), Ok(nonce)) =
        (XChaCha20Poly1305::new_from_slice(key), <[u8; NONCE_BYTES]>::try_from(nonce))
    else {
        return Err(OpenError::NotSealed);
    };
    let payload = Payload { msg: sealed, aad: label.as_bytes() };
    cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).or(Err(OpenError::DoesNotOpen))
}
