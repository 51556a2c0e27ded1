//! Idempotency keys: written in the transaction of their effect, so that a key is known exactly when its effect is
//! there. The answer follows as soon as it was made; a key without an answer says that the effect is there.

use super::{Store, StoreError};
use crate::authz::permit::Claim;
use berth_domain::id::UserId;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

/// How long keys are kept: longer than any client repeats a call.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// The status of a key whose answer is not known: not yet, or not ever if the server died in between.
const UNANSWERED: i32 = 0;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// SHA-256 of the request that it came with first.
    pub request_sha256: Vec<u8>,
    /// Its answer, if it is known: status and body.
    pub answer: Option<(u16, Vec<u8>)>,
}

/// Looks a key up.
pub async fn get(store: &Store, actor: UserId, key: &str) -> Result<Option<Remembered>, StoreError> {
    let row = sqlx::query!(
        "SELECT request_sha256, status, body FROM idempotency_keys WHERE actor_id = $1 AND key = $2",
        actor.uuid(),
        key,
    )
    .fetch_optional(&store.system)
    .await?;
    Ok(row.map(|row| Remembered {
        request_sha256: row.request_sha256,
        answer: (row.status != UNANSWERED).then(|| (u16::try_from(row.status).unwrap_or(500), row.body)),
    }))
}

/// Claims a key for the effect of this transaction; waits while another one holds it.
pub(super) async fn insert(
    connection: &mut PgConnection,
    actor: UserId,
    claim: &Claim,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let written = sqlx::query!(
        "INSERT INTO idempotency_keys (actor_id, key, request_sha256, status, body, created_at)
         VALUES ($1, $2, $3, $4, '', $5) ON CONFLICT DO NOTHING",
        actor.uuid(),
        claim.key,
        &claim.request_sha256[..],
        UNANSWERED,
        at,
    )
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 { Err(StoreError::KeyUsed) } else { Ok(()) }
}

/// Keeps the answer beside its key. Does nothing when the call had no effect and so left no key.
pub async fn put_answer(store: &Store, actor: UserId, key: &str, status: u16, body: &[u8]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE idempotency_keys SET status = $3, body = $4 WHERE actor_id = $1 AND key = $2 AND status = $5",
        actor.uuid(),
        key,
        i32::from(status),
        body,
        UNANSWERED,
    )
    .execute(&store.system)
    .await?;
    Ok(())
}

/// Forgets keys that are older than [`KEPT_FOR`].
pub async fn delete_old(store: &Store) -> Result<u64, StoreError> {
    let before = store.clock.now() - KEPT_FOR;
    let deleted =
        sqlx::query!("DELETE FROM idempotency_keys WHERE created_at < $1", before).execute(&store.system).await?;
    Ok(deleted.rows_affected())
}
