//! Secrets at rest: AES-256-GCM under the master key. What is sealed is bound to its row and column, so that a
//! sealed value that was moved to another row does not open.

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Ids;

/// Bytes of a nonce (NIST SP 800-38D).
const NONCE_BYTES: usize = 12;
/// First byte of what is sealed today: AES-256-GCM, nonce, ciphertext and tag.
const VERSION: u8 = 1;
/// Characters of a master key that is given as text: fewer cannot hold 128 bits.
const KEY_TEXT_CHARS_MIN: usize = 32;

/// Which column a sealed value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// `installation.authority_key_sealed`.
    AuthorityKey,
    /// `installation.signing_key_sealed`.
    SigningKey,
    /// `installation.audit_key_sealed`.
    AuditKey,
    /// `registry_credentials.password_sealed`.
    RegistryPassword,
}

impl Column {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorityKey => "installation.authority_key",
            Self::SigningKey => "installation.signing_key",
            Self::AuditKey => "installation.audit_key",
            Self::RegistryPassword => "registry_credentials.password",
        }
    }
}

/// A sealed value does not open: another master key, another row, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: another master key, or damaged")]
pub struct DoesNotOpen;

/// Seals and opens with the installation's master key.
pub struct Sealer {
    cipher: Aes256Gcm,
    ids: Arc<dyn Ids>,
}

impl Sealer {
    /// With a key of 32 bytes.
    pub fn new(key: &[u8; 32], ids: Arc<dyn Ids>) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()), ids }
    }

    /// Seals `plain` for the row `row` of `column`.
    pub fn seal(&self, column: Column, row: Uuid, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.ids.fill(&mut nonce);
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &associated(column, row) })
            .expect("AES-GCM takes messages of up to 64 GiB");
        [&[VERSION][..], &nonce, &sealed].concat()
    }

    /// Opens what was sealed for the same row and column.
    pub fn open(&self, column: Column, row: Uuid, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(DoesNotOpen)?;
        let (nonce, message) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
        self.cipher
            .decrypt(&Nonce::from(*nonce), Payload { msg: message, aad: &associated(column, row) })
            .map(Zeroizing::new)
            .map_err(|_| DoesNotOpen)
    }
}

fn associated(column: Column, row: Uuid) -> Vec<u8> {
    [column.as_str().as_bytes(), &[0], row.as_bytes()].concat()
}

/// The master key: from text (64 hexadecimal digits, or a long passphrase), or from a file that is made on the
/// first start, readable by its owner alone.
pub fn master_key(text: Option<&SecretString>, file: &Path, ids: &dyn Ids) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    if let Some(text) = text {
        return key_from_text(text.expose_secret());
    }
    match fs::read_to_string(file) {
        Ok(text) => key_from_text(Zeroizing::new(text).trim()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Zeroizing::new(ids.secret::<32>());
            write_private(file, Zeroizing::new(hex::encode(*key)).as_bytes())
                .with_context(|| format!("cannot write the master key to {}", file.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read the master key from {}", file.display())),
    }
}

/// Of a file that only its owner can read.
pub const PRIVATE_MODE: u32 = 0o600;

/// Writes a new file that only its owner can read.
pub fn write_private(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE_MODE).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn key_from_text(text: &str) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() == 64 && hex::decode_to_slice(text, key.as_mut_slice()).is_ok() {
        if key.iter().all(|byte| *byte == key[0]) {
            bail!("the master key is one byte repeated; make one with `openssl rand -hex 32`");
        }
        return Ok(key);
    }
    if text.chars().count() < KEY_TEXT_CHARS_MIN {
        bail!("the master key is too short; make one with `openssl rand -hex 32`");
    }
    // A long random text of another form: spread over the key's 32 bytes, with a label of its own.
    key.copy_from_slice(&Sha256::new().chain_update(b"berth master key\0").chain_update(text).finalize());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Counting;

    #[test]
    fn a_sealed_value_opens_in_its_own_place_only() {
        let sealer = Sealer::new(&[7; 32], Arc::new(Counting::default()));
        let row = Uuid::from_u128(1);
        let sealed = sealer.seal(Column::SigningKey, row, b"secret");
        assert_eq!(sealer.open(Column::SigningKey, row, &sealed).map(|v| v.to_vec()), Ok(b"secret".to_vec()));
        assert_eq!(sealer.open(Column::AuthorityKey, row, &sealed), Err(DoesNotOpen));
        assert_eq!(sealer.open(Column::SigningKey, Uuid::from_u128(2), &sealed), Err(DoesNotOpen));
        assert_eq!(sealer.open(Column::SigningKey, row, &sealed[..sealed.len() - 1]), Err(DoesNotOpen));
        let other = Sealer::new(&[8; 32], Arc::new(Counting::default()));
        assert_eq!(other.open(Column::SigningKey, row, &sealed), Err(DoesNotOpen));
    }

    #[test]
    fn weak_master_keys_are_refused() {
        assert!(key_from_text("short").is_err());
        assert!(key_from_text(&"00".repeat(32)).is_err());
        assert!(key_from_text(&"0a1b".repeat(16)).is_ok());
    }
}
