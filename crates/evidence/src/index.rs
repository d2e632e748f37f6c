//! Looking a personal value up without storing it.

use std::fmt;

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;

use crate::cipher::DataKey;

/// The key of the blind index. It stays the same for the life of an installation: a changed one would find nobody.
pub struct IndexKey(DataKey);

impl IndexKey {
    /// A fresh key.
    #[must_use]
    pub fn draw(random: &mut dyn Rng) -> Self {
        Self(DataKey::draw(random))
    }

    /// The key that was wrapped as this data key.
    #[must_use]
    pub const fn new(key: DataKey) -> Self {
        Self(key)
    }

    /// What is wrapped to keep it.
    #[must_use]
    pub const fn key(&self) -> &DataKey {
        &self.0
    }

    /// A keyed fingerprint of a personal value, for looking it up without storing it in the clear.
    #[must_use]
    pub fn blind_index(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.0.0)
            .expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(…)")
    }
}
