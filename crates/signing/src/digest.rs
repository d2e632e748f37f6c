//! The field `Content-Digest` (RFC 9530) with SHA-256, and nothing else.

use sfv::{BareItem, Dictionary, FieldType as _, Item, KeyRef, ListEntry, Parser};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const SHA_256: &str = "sha-256";

/// The SHA-256 that a request claims its body to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// Of these bytes.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// Is this the body?
    #[must_use]
    pub fn is_of(&self, body: &[u8]) -> bool {
        self.0.ct_eq(&Self::of(body).0).into()
    }

    /// The field's value: `sha-256=:...:`.
    #[must_use]
    pub fn to_field(&self) -> String {
        let entry = ListEntry::Item(Item::new(BareItem::ByteSequence(self.0.to_vec())));
        let name = KeyRef::constant(SHA_256).to_owned();
        Dictionary::from_iter([(name, entry)]).serialize().expect("a dictionary of one is not empty")
    }

    /// From the field's value: one member `sha-256` in canonical form.
    pub(crate) fn parse(field: &str) -> Option<Self> {
        let members: Dictionary = Parser::new(field).parse().ok()?;
        let (name, entry) = members.first()?;
        let ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), params }) = entry else {
            return None;
        };
        let digest = Self(bytes.as_slice().try_into().ok()?);
        let canonical = name.as_str() == SHA_256 && params.is_empty() && digest.to_field() == field;
        canonical.then_some(digest)
    }
}
