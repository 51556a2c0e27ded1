//! Opaque secrets: personal tokens, refresh tokens, set-up tokens. Only their SHA-256 is kept; they hold 256 bits, so
//! a plain hash cannot be guessed back.

use crate::clock::Ids;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// What personal tokens start with.
pub const PERSONAL_PREFIX: &str = "berth_pat_";
/// What set-up tokens start with.
pub const SETUP_PREFIX: &str = "berth_setup_";
/// What refresh tokens start with.
pub const REFRESH_PREFIX: &str = "berth_refresh_";
/// No secret of ours is longer, in bytes; more is not looked up.
const SECRET_BYTES_MAX: usize = 128;

/// A fresh secret: `prefix` and 32 random bytes.
pub fn generate(ids: &dyn Ids, prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(ids.secret::<32>()))
}

/// What is kept of a secret. `None`: it cannot be one that starts with `prefix`.
pub fn sha256(prefix: &str, secret: &str) -> Option<[u8; 32]> {
    (secret.starts_with(prefix) && secret.len() <= SECRET_BYTES_MAX).then(|| Sha256::digest(secret).into())
}
