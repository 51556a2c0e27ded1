//! One-time tokens with which nodes join. Only their hash is kept.

use super::{StoreError, SystemTx};
use berth_domain::id::{JoinTokenId, NodeId, UserId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A token to keep.
#[derive(Debug, Clone)]
pub struct NewJoinToken {
    /// Which.
    pub id: JoinTokenId,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// Who made it; none: the server itself, for its first node.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// Keeps a token.
pub async fn insert_join_token(conn: &mut PgConnection, new: &NewJoinToken) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO join_tokens (id, secret_sha256, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        new.id.uuid(),
        &new.secret_sha256[..],
        new.created_by.map(UserId::uuid),
        new.created_at,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses a token up for a node that was just written. `None`: it is unknown, used or out of date.
pub async fn use_join_token(
    tx: &mut SystemTx,
    secret_sha256: &[u8; 32],
    node: NodeId,
) -> Result<Option<JoinTokenId>, StoreError> {
    let now = tx.now();
    let id = sqlx::query_scalar!(
        "UPDATE join_tokens SET used_at = $2, node_id = $3
         WHERE secret_sha256 = $1 AND used_at IS NULL AND expires_at > $2 RETURNING id",
        &secret_sha256[..],
        now,
        node.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(JoinTokenId::new))
}

/// Whether a token could be used now.
pub async fn is_good(tx: &mut SystemTx, secret_sha256: &[u8; 32]) -> Result<bool, StoreError> {
    let now = tx.now();
    let good = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM join_tokens WHERE secret_sha256 = $1 AND used_at IS NULL AND expires_at > $2)
           AS "good!""#,
        &secret_sha256[..],
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(good)
}

/// Deletes tokens that can no longer be used: out of date for a day, never used.
pub async fn delete_expired(tx: &mut SystemTx) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query!(
        "DELETE FROM join_tokens WHERE used_at IS NULL AND expires_at < $1::timestamptz - interval '1 day'",
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
