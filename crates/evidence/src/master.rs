//! The master key, generation after generation, and what is derived from each.

use std::fmt;
use std::str::FromStr;

use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cipher::{DataKey, KEY_BYTES};
use crate::index::IndexKey;

const FINGERPRINT_BYTES: usize = 8;

/// One generation of an operator's master key: 256 random bits. Wiped when dropped, never in `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_BYTES]);

/// The name of a generation: a fingerprint of its key that says nothing else about it. 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation([u8; FINGERPRINT_BYTES]);

/// The text names no generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a generation is named by 16 hexadecimal digits")]
pub struct GenerationError;

impl MasterKey {
    /// The key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A fresh key.
    #[must_use]
    pub fn draw(random: &mut dyn Rng) -> Self {
        let mut key = Self([0; KEY_BYTES]);
        random.fill_bytes(&mut key.0);
        key
    }

    /// The bytes, to be written where they are kept.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Its name.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(self.derive(b"surety generation v1"))
    }

    /// The key of the blind index as it was derived before it was kept by itself.
    #[must_use]
    pub fn first_index(&self) -> IndexKey {
        IndexKey::new(DataKey(self.derive(b"surety blind index v1")))
    }

    /// What wraps data keys.
    pub(crate) fn wrapping(&self) -> DataKey {
        DataKey(self.derive(b"surety key wrapping v2"))
    }

    /// What wrapped the data keys inside values of the first version.
    pub(crate) fn first_wrapping(&self) -> DataKey {
        DataKey(self.derive(b"surety wrapping v1"))
    }

    fn derive<const BYTES: usize>(&self, purpose: &[u8]) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        let kdf = Hkdf::<Sha256>::new(None, &self.0);
        kdf.expand(purpose, &mut key).expect("a key is within the limit of HKDF-SHA-256");
        key
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.generation())
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Generation {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, GenerationError> {
        let mut bytes = [0; FINGERPRINT_BYTES];
        if text.len() != 2 * FINGERPRINT_BYTES
            || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(GenerationError);
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).or(Err(GenerationError))?;
        }
        Ok(Self(bytes))
    }
}
