//! The generations of a master key that are at hand, and what they wrap.

use std::fmt;

use rand::Rng;
use types::Digest;
use zeroize::Zeroizing;

use crate::cipher::{DataKey, KEY_BYTES, NONCE_BYTES, OpenError, TAG_BYTES, Version, decrypt, encrypt};
use crate::digest;
use crate::master::{Generation, MasterKey};

/// Of a value of the first version: version, nonce and wrapped data key, nonce of the body.
const FIRST_HEADER_BYTES: usize = 1 + NONCE_BYTES + KEY_BYTES + TAG_BYTES + NONCE_BYTES;

/// The generations of one operator's master key: any of them unwraps, a named one wraps.
pub struct Keyring {
    generations: Vec<Ring>,
}

struct Ring {
    name: Generation,
    wrapping: DataKey,
    first_wrapping: DataKey,
}

/// A data key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which generation of the master key wrapped it.
    pub generation: Generation,
    /// Nonce and sealed key.
    pub bytes: Vec<u8>,
}

impl WrappedKey {
    /// What a tombstone remembers of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.bytes)
    }
}

impl Keyring {
    /// The ring of these generations, newest first; none when there are none.
    #[must_use]
    pub fn new(masters: &[MasterKey]) -> Option<Self> {
        let ring = |master: &MasterKey| Ring {
            name: master.generation(),
            wrapping: master.wrapping(),
            first_wrapping: master.first_wrapping(),
        };
        (!masters.is_empty()).then(|| Self { generations: masters.iter().map(ring).collect() })
    }

    /// The newest generation.
    #[must_use]
    pub fn newest(&self) -> Generation {
        self.generations[0].name
    }

    /// Is this generation on the ring?
    #[must_use]
    pub fn knows(&self, generation: Generation) -> bool {
        self.generations.iter().any(|ring| ring.name == generation)
    }

    /// Wraps a data key, bound to `label` (what it is for and whose) and to the generation.
    ///
    /// # Errors
    /// [`OpenError::GenerationUnknown`].
    pub fn wrap(
        &self,
        generation: Generation,
        label: &str,
        key: &DataKey,
        random: &mut dyn Rng,
    ) -> Result<WrappedKey, OpenError> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill_bytes(&mut nonce);
        let wrapped = encrypt(&self.ring(generation)?.wrapping.0, &nonce, &bound(generation, label), &key.0);
        Ok(WrappedKey { generation, bytes: [&nonce[..], &wrapped].concat() })
    }

    /// The data key that [`Keyring::wrap`] wrapped for the same label.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn unwrapped(&self, label: &str, wrapped: &WrappedKey) -> Result<DataKey, OpenError> {
        let ring = self.ring(wrapped.generation)?;
        let (nonce, body) = wrapped.bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::NotSealed)?;
        let plain = decrypt(&ring.wrapping.0, nonce, &bound(wrapped.generation, label), body)?;
        plain.as_slice().try_into().map(DataKey).or(Err(OpenError::NotSealed))
    }

    /// Opens a value of the first version, sealed for this label under any generation on the ring.
    ///
    /// # Errors
    /// [`OpenError::NotSealed`], also for a value of another version; [`OpenError::DoesNotOpen`].
    pub fn open_first(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match Version::of(sealed)? {
            Version::First => {}
            Version::Second => return Err(OpenError::NotSealed),
        }
        let (header, body) = sealed.split_at_checked(FIRST_HEADER_BYTES).ok_or(OpenError::NotSealed)?;
        let (key_nonce, rest) = header[1..].split_at(NONCE_BYTES);
        let (wrapped, nonce) = rest.split_at(KEY_BYTES + TAG_BYTES);
        let keys = self
            .generations
            .iter()
            .filter_map(|ring| decrypt(&ring.first_wrapping.0, key_nonce, label, wrapped).ok());
        let key = keys.into_iter().next().ok_or(OpenError::DoesNotOpen)?;
        decrypt(&key, nonce, label, body)
    }

    fn ring(&self, generation: Generation) -> Result<&Ring, OpenError> {
        self.generations.iter().find(|ring| ring.name == generation).ok_or(OpenError::GenerationUnknown)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.generations.iter().map(|ring| ring.name)).finish()
    }
}

fn bound(generation: Generation, label: &str) -> String {
    format!("{generation} {label}")
}
