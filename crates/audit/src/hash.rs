//! A SHA-256 value, and hashing of fields without ambiguity.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// 32 bytes; hexadecimal in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256Hash(pub [u8; 32]);

impl Sha256Hash {
    /// What stands before the first row.
    pub const ZERO: Self = Self([0; 32]);

    /// Of 32 bytes; `None` when there are not as many.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Sha256Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // One spelling only: a file whose bytes changed is not the one that was written.
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let bytes = hex::decode(&text).ok().filter(|_| lower);
        bytes.and_then(|bytes| Self::from_slice(&bytes)).ok_or_else(|| D::Error::custom("no 64 hexadecimal digits"))
    }
}

/// Hashes fields, each with its length before it, so that no two different lists of fields are hashed alike.
pub(crate) struct FieldHasher(Sha256);

impl FieldHasher {
    /// `purpose` keeps what is hashed for one thing from being taken for another.
    pub(crate) fn new(purpose: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(purpose))
    }

    /// A field that may be missing.
    pub(crate) fn field(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => {
                self.0.update([1]);
                self.0.update((bytes.len() as u64).to_be_bytes());
                self.0.update(bytes);
            }
            None => self.0.update([0]),
        }
    }

    pub(crate) fn finish(self) -> Sha256Hash {
        Sha256Hash(self.0.finalize().into())
    }
}
