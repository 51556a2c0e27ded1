//! Passwords: argon2id, few at a time, and as slow for an unknown person as for a known one.

use anyhow::Context as _;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use berth_api_types::v1::session::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use berth_domain::field_error::{FieldCode, FieldError};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Calls that may wait for a turn, per core. At about 30 ms each nobody waits much longer than a second.
const WAITING_PER_CORE: usize = 32;
/// What a password is checked against when nobody has that name: as dear as a real one, and matched by none, as it was
/// not made from a password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$YmVydGg6IG5vYm9keSA6KQ$dGhpcyBpcyBub2JvZHlzIHBhc3N3b3JkIGhhc2ggMzI";
/// Known to every guesser, and long enough to pass the length rule.
const COMMON: &str = include_str!("common_passwords.txt");

/// Too many sign-ins at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at once")]
pub struct Busy;

/// Hashes and checks passwords.
pub struct Passwords {
    argon: Argon2<'static>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Passwords {
    /// With one turn per core.
    pub fn new() -> anyhow::Result<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon,
            turns: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
            waiting_max: cores * WAITING_PER_CORE,
        })
    }

    /// A PHC string of a new password.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let argon = self.argon.clone();
        let password = Zeroizing::new(password.as_bytes().to_vec());
        self.in_turn(move || argon.hash_password(&password).map(|hash| hash.to_string()))
            .await?
            .map_err(|e| PasswordError::Fault(anyhow::anyhow!("argon2: {e}")))
    }

    /// Whether `password` is the one behind `hash`. Without a hash (nobody of that name) it takes as long, and is not.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, PasswordError> {
        let argon = self.argon.clone();
        let known = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let matches = self
            .in_turn(move || PasswordHash::new(&hash).map(|hash| argon.verify_password(&password, &hash).is_ok()))
            .await?
            .map_err(|e| PasswordError::Fault(anyhow::anyhow!("a damaged password hash: {e}")))?;
        Ok(matches && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _place = Place::take(&self.waiting, self.waiting_max).ok_or(PasswordError::Busy(Busy))?;
        let turn = self.turns.clone().acquire_owned().await.context("the semaphore is never closed")?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        Ok(done.await.context("hashing a password panicked")?)
    }
}

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Come back in a moment.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A fault of ours.
    #[error(transparent)]
    Fault(#[from] anyhow::Error),
}

/// A place in the queue, given back when dropped, also when the caller hangs up.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::SeqCst) < max).then_some(place)
    }
}
impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether a new password may be taken (OWASP ASVS 5.0, 6.2: length and a list of the common ones, nothing else).
pub fn check_new(field: &str, password: &str, email: &str) -> Result<(), FieldError> {
    let error = |code, message: String| FieldError::new(field, code, message);
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(error(FieldCode::TooShort, format!("at least {PASSWORD_CHARS_MIN} characters"))
            .limit(PASSWORD_CHARS_MIN as u64));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(
            error(FieldCode::TooLong, format!("at most {PASSWORD_BYTES_MAX} bytes")).limit(PASSWORD_BYTES_MAX as u64)
        );
    }
    let lower = password.to_lowercase();
    let one_character = lower.chars().all(|c| lower.starts_with(c));
    if one_character || lower == email.to_lowercase() || COMMON.lines().any(|common| common == lower) {
        return Err(error(FieldCode::TooCommon, "everybody who guesses passwords tries this one first".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_opens_only_its_own_hash() {
        let passwords = Passwords::new().expect("parameters are valid");
        let hash = passwords.hash("correct horse battery").await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse battery", Some(&hash)).await.expect("checks"));
        assert!(!passwords.verify("wrong horse battery", Some(&hash)).await.expect("checks"));
        assert!(!passwords.verify("this is nobodys password hash 32", None).await.expect("it is checked all the same"));
    }

    #[test]
    fn short_long_and_common_passwords_are_refused() {
        let code = |password: &str| check_new("password", password, "ann@example.com").map_err(|e| e.code);
        assert_eq!(code("short"), Err(FieldCode::TooShort));
        assert_eq!(code(&"x1".repeat(PASSWORD_BYTES_MAX)), Err(FieldCode::TooLong));
        assert_eq!(code("Password1234"), Err(FieldCode::TooCommon));
        assert_eq!(code("aaaaaaaaaaaaa"), Err(FieldCode::TooCommon));
        assert_eq!(code("Ann@example.com"), Err(FieldCode::TooCommon));
        assert_eq!(code("十二个汉字也是一个好密码"), Ok(()));
    }
}
