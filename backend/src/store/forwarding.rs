//! How far audit trails were sent to a log collector.

use super::{StoreError, SystemTx};
use berth_domain::id::TenantId;
use uuid::Uuid;

/// Only one server sends at a time; the number is this purpose's own.
const LOCK: i64 = 0x6265_7274_6861_7564;

/// A chain of which something was not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsent {
    /// Whose; none: the platform's.
    pub tenant: Option<TenantId>,
    /// Place of its last row.
    pub head: i64,
    /// Place of the last row that was sent; 0: none yet.
    pub sequence: i64,
    /// Row of the last checkpoint that was sent; -1: none yet.
    pub checkpoint: i64,
}

/// Takes the right to send, until the transaction ends; `false` while another server has it.
pub async fn try_lock_forwarding(tx: &mut SystemTx) -> Result<bool, StoreError> {
    let taken =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "taken!""#, LOCK).fetch_one(tx.conn()).await?;
    Ok(taken)
}

/// Chains of which something was not sent yet.
pub async fn list_unsent(tx: &mut SystemTx) -> Result<Vec<Unsent>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT h.chain, h.sequence AS head, COALESCE(f.sequence, 0) AS "sequence!",
                  COALESCE(f.checkpoint, -1) AS "checkpoint!"
           FROM audit_heads h LEFT JOIN audit_forwarded f USING (chain)
           WHERE h.sequence <> COALESCE(f.sequence, 0)
              OR EXISTS (SELECT FROM audit_checkpoints c
                         WHERE c.chain = h.chain AND c.sequence > COALESCE(f.checkpoint, -1))
           ORDER BY h.chain"#
    )
    .fetch_all(tx.conn())
    .await?;
    let unsent = rows.into_iter().map(|row| Unsent {
        tenant: Some(row.chain).filter(|chain| !chain.is_nil()).map(TenantId::new),
        head: row.head,
        sequence: row.sequence,
        checkpoint: row.checkpoint,
    });
    Ok(unsent.collect())
}

/// Remembers how far a chain was sent.
pub async fn upsert_forwarded(tx: &mut SystemTx, sent: &Unsent) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO audit_forwarded (chain, sequence, checkpoint) VALUES ($1, $2, $3)
         ON CONFLICT (chain) DO UPDATE SET sequence = $2, checkpoint = $3",
        sent.tenant.map_or(Uuid::nil(), TenantId::uuid),
        sent.sequence,
        sent.checkpoint,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
