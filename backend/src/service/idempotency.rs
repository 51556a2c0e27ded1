//! What is remembered of calls with an idempotency key.

use super::error::Error;
use crate::{startup::App, store::idempotency as keys};
use berth_domain::id::UserId;

/// What is known of a key.
pub type Remembered = keys::Remembered;

/// What an earlier call with this key of this person left.
pub async fn recall(app: &App, user: UserId, key: &str) -> Result<Option<Remembered>, Error> {
    Ok(keys::get(&app.store, user, key).await?)
}

/// Keeps the answer of a call beside its key, for when the call is repeated.
pub async fn keep(app: &App, user: UserId, key: &str, status: u16, body: &[u8]) -> Result<(), Error> {
    Ok(keys::put_answer(&app.store, user, key, status, body).await?)
}
