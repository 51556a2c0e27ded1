//! The end of a chain at a moment, signed with Ed25519.

use crate::{
    hash::{FieldHasher, Sha256Hash},
    row::is_whole,
};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// “At this moment this chain ended here.”
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Of which tenant; none: the platform's chain.
    pub tenant: Option<Uuid>,
    /// Of the last row.
    pub sequence: i64,
    /// Of the last row.
    pub sha256: Sha256Hash,
    /// When it was signed, to the microsecond.
    pub at: DateTime<Utc>,
    /// Which key signed it; see [`PublicKey::id`].
    pub key: String,
    /// 64 bytes, in hexadecimal.
    #[serde(with = "hex_signature")]
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// Whether `key` signed just this.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let message = message(self.tenant, self.sequence, &self.sha256, self.at);
        is_whole(self.at)
            && self.key == key.id()
            && key.0.verify_strict(&message.0, &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// What is signed.
fn message(tenant: Option<Uuid>, sequence: i64, sha256: &Sha256Hash, at: DateTime<Utc>) -> Sha256Hash {
    let mut hasher = FieldHasher::new(b"berth audit checkpoint 1\0");
    hasher.field(tenant.as_ref().map(|id| &id.as_bytes()[..]));
    hasher.field(Some(&sequence.to_be_bytes()));
    hasher.field(Some(&sha256.0));
    hasher.field(Some(&at.timestamp_micros().to_be_bytes()));
    hasher.finish()
}

/// Signs checkpoints.
pub struct Signer(SigningKey);

impl Signer {
    /// With a secret of 32 random bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// With which others check.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the end of a chain.
    pub fn sign(&self, tenant: Option<Uuid>, sequence: i64, sha256: Sha256Hash, at: DateTime<Utc>) -> Checkpoint {
        let signature = self.0.sign(&message(tenant, sequence, &sha256, at).0).to_bytes();
        Checkpoint { tenant, sequence, sha256, at, key: self.public_key().id(), signature }
    }
}

/// With which checkpoints are checked. As text: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit key is 64 hexadecimal digits")]
pub struct BadKey;

impl PublicKey {
    /// The first 16 hexadecimal digits of the key's hash: tells keys apart, and people can compare it.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.0.as_bytes())[..8])
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bytes = hex::decode(text.trim()).map_err(|_| BadKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| BadKey)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| BadKey)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

mod hex_signature {
    use super::*;

    pub fn serialize<S: Serializer>(signature: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::encode(signature))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
        let text = String::deserialize(deserializer)?;
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        let bytes = hex::decode(&text).ok().filter(|_| lower);
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| D::Error::custom("no 128 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_holds_for_what_was_signed_and_for_nothing_else() {
        let (signer, other) = (Signer::new(&[7; 32]), Signer::new(&[8; 32]));
        let at = DateTime::from_timestamp_micros(1_764_000_000_000_001).expect("a time");
        let tenant = Some(Uuid::from_u128(1));
        let good = signer.sign(tenant, 9, Sha256Hash([3; 32]), at);
        assert!(good.is_signed_by(&signer.public_key()));
        assert!(!good.is_signed_by(&other.public_key()));
        let changed = [
            Checkpoint { tenant: None, ..good.clone() },
            Checkpoint { sequence: 8, ..good.clone() },
            Checkpoint { sha256: Sha256Hash::ZERO, ..good.clone() },
            Checkpoint { at: at + chrono::TimeDelta::microseconds(1), ..good.clone() },
            Checkpoint { key: other.public_key().id(), ..good.clone() },
            Checkpoint { signature: [0; 64], ..good.clone() },
        ];
        for checkpoint in changed {
            assert!(!checkpoint.is_signed_by(&signer.public_key()), "{checkpoint:?}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Signer::new(&[7; 32]).public_key();
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in ["", "00", "zz", &"0".repeat(63)] {
            assert_eq!(text.parse::<PublicKey>(), Err(BadKey), "{text}");
        }
    }
}
