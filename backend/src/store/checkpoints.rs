//! Signed ends of audit trails.

use super::{Store, StoreError};
use berth_audit::{Checkpoint, Sha256Hash};
use berth_domain::id::TenantId;
use sqlx::PgConnection;
use uuid::Uuid;

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Whose; none: the platform's.
    pub tenant: Option<Uuid>,
    /// Place of its last row; 0 before the first.
    pub sequence: i64,
    /// Hash of its last row.
    pub sha256: Sha256Hash,
}

fn chain_of(tenant: Option<Uuid>) -> Uuid {
    tenant.unwrap_or_default()
}

fn head(chain: Uuid, sequence: i64, sha256: &[u8]) -> Result<ChainHead, StoreError> {
    let sha256 = Sha256Hash::from_slice(sha256).ok_or_else(|| StoreError::Damaged("audit_heads.sha256".to_owned()))?;
    Ok(ChainHead { tenant: Some(chain).filter(|chain| !chain.is_nil()), sequence, sha256 })
}

/// Where a chain ends now.
pub async fn get_head(store: &Store, tenant: Option<TenantId>) -> Result<ChainHead, StoreError> {
    let chain = chain_of(tenant.map(TenantId::uuid));
    let row = sqlx::query!("SELECT sequence, sha256 FROM audit_heads WHERE chain = $1", chain)
        .fetch_optional(&store.system)
        .await?;
    match row {
        Some(row) => head(chain, row.sequence, &row.sha256),
        None => head(chain, 0, &Sha256Hash::ZERO.0),
    }
}

/// The ends of chains that grew since they were signed last.
pub async fn list_unsigned_heads(store: &Store) -> Result<Vec<ChainHead>, StoreError> {
    let rows = sqlx::query!(
        "SELECT chain, sequence, sha256 FROM audit_heads h
         WHERE NOT EXISTS (SELECT FROM audit_checkpoints c WHERE c.chain = h.chain AND c.sequence >= h.sequence)"
    )
    .fetch_all(&store.system)
    .await?;
    rows.into_iter().map(|row| head(row.chain, row.sequence, &row.sha256)).collect()
}

/// Keeps a checkpoint. Of two for the same place the first stays: both say the same.
pub async fn insert_checkpoint(store: &Store, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_checkpoints (chain, sequence, sha256, at, key, signature) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING",
        chain_of(checkpoint.tenant),
        checkpoint.sequence,
        &checkpoint.sha256.0[..],
        checkpoint.at,
        checkpoint.key,
        &checkpoint.signature[..],
    )
    .execute(&store.system)
    .await?;
    Ok(())
}

/// The checkpoint of a row of a chain.
pub async fn get_checkpoint(
    store: &Store,
    tenant: Option<TenantId>,
    sequence: i64,
) -> Result<Option<Checkpoint>, StoreError> {
    let mut conn = store.system.acquire().await?;
    Ok(list_checkpoints(&mut conn, tenant, sequence, sequence).await?.pop())
}

/// Checkpoints of a chain from one place to another, both included, the oldest first.
pub async fn list_checkpoints(
    conn: &mut PgConnection,
    tenant: Option<TenantId>,
    from: i64,
    to: i64,
) -> Result<Vec<Checkpoint>, StoreError> {
    let tenant = tenant.map(TenantId::uuid);
    let rows = sqlx::query!(
        "SELECT sequence, sha256, at, key, signature FROM audit_checkpoints
         WHERE chain = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence",
        chain_of(tenant),
        from,
        to,
    )
    .fetch_all(conn)
    .await?;
    let damaged = || StoreError::Damaged("audit_checkpoints".to_owned());
    rows.into_iter()
        .map(|row| {
            Ok(Checkpoint {
                tenant,
                sequence: row.sequence,
                sha256: Sha256Hash::from_slice(&row.sha256).ok_or_else(damaged)?,
                at: row.at,
                key: row.key,
                signature: row.signature.try_into().map_err(|_| damaged())?,
            })
        })
        .collect()
}
