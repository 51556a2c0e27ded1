//! Reading an audit trail, and checking its chain.

use super::{
    Store, StoreError,
    audit::{AuditResult, AuditRow, hash_row},
};
use berth_domain::id::{AuditId, RequestId, TenantId, UserId};
use sqlx::PgConnection;

/// A row with its place in the chain.
#[derive(Debug, Clone)]
pub struct ChainedRow {
    /// What it says.
    pub row: AuditRow,
    /// Its place, from 1.
    pub sequence: i64,
    /// Hash of the row before.
    pub previous_sha256: Vec<u8>,
    /// Its own hash.
    pub sha256: Vec<u8>,
}

impl ChainedRow {
    /// Whether its hash is the one of what it says.
    pub fn holds(&self) -> bool {
        self.sha256 == hash_row(&self.row, self.sequence, &self.previous_sha256)
    }
}

/// Rows of a chain before a place, the newest first. No tenant: the platform's chain.
pub async fn list_audit(
    conn: &mut PgConnection,
    tenant: Option<TenantId>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ChainedRow>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, tenant_id, sequence, at, actor_id, actor, action, target, target_id, result, request_id, source,
                before, after, previous_sha256, sha256
         FROM audit
         WHERE tenant_id IS NOT DISTINCT FROM $1 AND ($2::bigint IS NULL OR sequence < $2)
         ORDER BY sequence DESC LIMIT $3",
        tenant.map(TenantId::uuid),
        before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ChainedRow {
                row: AuditRow {
                    id: AuditId::new(row.id),
                    tenant: row.tenant_id.map(TenantId::new),
                    at: row.at,
                    actor_id: row.actor_id.map(UserId::new),
                    actor: row.actor,
                    action: row.action,
                    target: row.target,
                    target_id: row.target_id,
                    result: AuditResult::from_word(&row.result)
                        .ok_or_else(|| StoreError::Damaged(format!("audit.result {}", row.result)))?,
                    request_id: RequestId::new(row.request_id),
                    source: row.source,
                    before: row.before,
                    after: row.after,
                },
                sequence: row.sequence,
                previous_sha256: row.previous_sha256,
                sha256: row.sha256,
            })
        })
        .collect()
}

/// How a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainState {
    /// So many rows, each after the one before it.
    Whole {
        /// Rows.
        rows: i64,
    },
    /// The first place where it is broken.
    Broken {
        /// Sequence of the row that is missing or does not hold.
        at: i64,
    },
}

/// Checks a whole chain, from its head back to its first row.
pub async fn verify_chain(store: &Store, tenant: Option<TenantId>) -> Result<ChainState, StoreError> {
    const STEP: i64 = 1_000;
    let mut conn = store.system.acquire().await?;
    let chain = tenant.map_or(uuid::Uuid::nil(), TenantId::uuid);
    let head = sqlx::query!("SELECT sequence, sha256 FROM audit_heads WHERE chain = $1", chain)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(head) = head else { return Ok(ChainState::Whole { rows: 0 }) };
    let (mut expected, mut sequence) = (head.sha256, head.sequence);
    let mut broken = None;
    while sequence > 0 {
        let rows = list_audit(&mut conn, tenant, Some(sequence + 1), STEP).await?;
        if rows.is_empty() {
            return Ok(ChainState::Broken { at: sequence });
        }
        for row in rows {
            if row.sequence != sequence || row.sha256 != expected || !row.holds() {
                broken = Some(sequence);
                // Go on behind it: the first broken place is what is asked for.
                sequence = row.sequence;
            }
            expected = row.previous_sha256;
            sequence -= 1;
        }
    }
    match broken {
        Some(at) => Ok(ChainState::Broken { at }),
        None if expected.iter().any(|byte| *byte != 0) => Ok(ChainState::Broken { at: 1 }),
        None => Ok(ChainState::Whole { rows: head.sequence }),
    }
}
