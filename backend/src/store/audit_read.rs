//! Reading an audit trail.

use super::{StoreError, audit::AuditResult};
use berth_audit::{Row, Sha256Hash};
use berth_domain::id::TenantId;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Which rows of a trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Whose e-mail holds this, in any case of letters.
    pub actor: Option<String>,
    /// Whose action is this, or begins with it and a dot: `app` finds `app.scale`.
    pub action: Option<String>,
    /// Whose target holds this.
    pub target: Option<String>,
    /// That ended so.
    pub result: Option<AuditResult>,
    /// From this moment on.
    pub since: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
}

/// The columns of a row.
struct Columns {
    id: Uuid,
    tenant_id: Option<Uuid>,
    sequence: i64,
    at: DateTime<Utc>,
    actor_id: Option<Uuid>,
    actor: String,
    action: String,
    target: String,
    target_id: Option<Uuid>,
    result: String,
    request_id: Uuid,
    source: String,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
    previous_sha256: Vec<u8>,
    sha256: Vec<u8>,
}

impl From<Columns> for Row {
    fn from(row: Columns) -> Self {
        // A hash of another length holds for nothing, and neither do zeros: a check names the row.
        let hash = |bytes: &[u8]| Sha256Hash::from_slice(bytes).unwrap_or(Sha256Hash::ZERO);
        Self {
            previous_sha256: hash(&row.previous_sha256),
            sha256: hash(&row.sha256),
            sequence: row.sequence,
            id: row.id,
            tenant: row.tenant_id,
            at: row.at,
            actor_id: row.actor_id,
            actor: row.actor,
            action: row.action,
            target: row.target,
            target_id: row.target_id,
            result: row.result,
            request_id: row.request_id,
            source: row.source,
            before: row.before,
            after: row.after,
        }
    }
}

/// Rows of a chain before a place, the newest first. No tenant: the platform's chain.
///
/// `IS NOT DISTINCT FROM` would say the same in fewer words, and Postgres uses no index for it.
pub async fn list_audit(
    conn: &mut PgConnection,
    tenant: Option<TenantId>,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        "SELECT id, tenant_id, sequence, at, actor_id, actor, action, target, target_id, result, request_id, source,
                before, after, previous_sha256, sha256
         FROM audit
         WHERE (tenant_id = $1 OR ($1::uuid IS NULL AND tenant_id IS NULL)) AND ($2::bigint IS NULL OR sequence < $2)
           AND ($4::text IS NULL OR position(lower($4) IN lower(actor)) > 0)
           AND ($5::text IS NULL OR action = $5 OR starts_with(action, $5 || '.'))
           AND ($6::text IS NULL OR position($6 IN target) > 0)
           AND ($7::text IS NULL OR result = $7)
           AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at < $9)
         ORDER BY sequence DESC LIMIT $3",
        tenant.map(TenantId::uuid),
        before,
        limit,
        filter.actor,
        filter.action,
        filter.target,
        filter.result.map(AuditResult::as_str),
        filter.since,
        filter.until,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// Rows of a chain after a place, the oldest first, and none past `to`.
pub async fn list_audit_after(
    conn: &mut PgConnection,
    tenant: Option<TenantId>,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(
        Columns,
        "SELECT id, tenant_id, sequence, at, actor_id, actor, action, target, target_id, result, request_id, source,
                before, after, previous_sha256, sha256
         FROM audit
         WHERE (tenant_id = $1 OR ($1::uuid IS NULL AND tenant_id IS NULL)) AND sequence > $2 AND sequence <= $3
         ORDER BY sequence LIMIT $4",
        tenant.map(TenantId::uuid),
        after,
        to,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// The place of the oldest row that is there: older ones may have been archived. 1 when there is none.
pub async fn get_audit_from(conn: &mut PgConnection, tenant: Option<TenantId>) -> Result<i64, StoreError> {
    let first = sqlx::query_scalar!(
        r#"SELECT COALESCE(MIN(sequence), 1) AS "first!" FROM audit
           WHERE tenant_id = $1 OR ($1::uuid IS NULL AND tenant_id IS NULL)"#,
        tenant.map(TenantId::uuid),
    )
    .fetch_one(conn)
    .await?;
    Ok(first)
}
