//! The audit trail: one hash chain per tenant and one for the platform. Rows are only ever added, here.

use super::StoreError;
use berth_audit::{Row, Sha256Hash};
use berth_domain::id::{AuditId, RequestId, TenantId, UserId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditResult {
    /// It was done, in the same transaction.
    Done,
    /// The right was missing.
    Denied,
    /// It was tried and refused for another reason, as with a wrong password.
    Failed,
}

impl AuditResult {
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
    /// The result of its word in the database and on the wire.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Done, Self::Denied, Self::Failed].into_iter().find(|result| result.as_str() == word)
    }
}

/// What a service says of its act; who, when, where and the rest come from the permit.
#[derive(Debug, Clone, Default)]
pub struct AuditEntry {
    pub(super) action: Option<&'static str>,
    pub(super) below: Vec<String>,
    pub(super) target_id: Option<Uuid>,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) on_platform: bool,
}

impl AuditEntry {
    /// The permit's action on the permit's scope.
    pub fn new() -> Self {
        Self::default()
    }
    /// A more exact verb than the permit's, such as `app.stop` under a permit for `app.operate`.
    #[must_use]
    pub fn action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }
    /// Into the platform's trail, as when the tenant itself goes and nobody is left to read its own.
    #[must_use]
    pub fn on_platform(mut self) -> Self {
        self.on_platform = true;
        self
    }
    /// The thing below the scope that was made or changed: its name is added to the target's path.
    #[must_use]
    pub fn target(mut self, name: impl Into<String>, id: Uuid) -> Self {
        self.below.push(name.into());
        self.target_id = Some(id);
        self
    }
    /// What was there before. Never a secret.
    #[must_use]
    pub fn before(mut self, value: &impl Serialize) -> Self {
        self.before = serde_json::to_value(value).ok();
        self
    }
    /// What is there now. Never a secret.
    #[must_use]
    pub fn after(mut self, value: &impl Serialize) -> Self {
        self.after = serde_json::to_value(value).ok();
        self
    }
}

/// A row that is to be appended: everything but its place in the chain.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Which.
    pub id: AuditId,
    /// Whose chain; none: the platform's.
    pub tenant: Option<TenantId>,
    /// When, to the microsecond.
    pub at: DateTime<Utc>,
    /// Who; none when nobody is known.
    pub actor_id: Option<UserId>,
    /// E-mail at that time.
    pub actor: String,
    /// `noun.verb`.
    pub action: String,
    /// Names joined by `/`.
    pub target: String,
    /// Id of the target.
    pub target_id: Option<Uuid>,
    /// How it ended.
    pub result: AuditResult,
    /// The request.
    pub request_id: RequestId,
    /// The caller's address.
    pub source: String,
    /// What was there.
    pub before: Option<Value>,
    /// What is there.
    pub after: Option<Value>,
}

/// Appends a row to its chain. The chain's head stays locked until the transaction ends, so that rows have no gap.
pub(super) async fn append(connection: &mut PgConnection, row: &AuditRow) -> Result<(), StoreError> {
    let chain = row.tenant.map_or(Uuid::nil(), TenantId::uuid);
    let head = sqlx::query!(
        r#"INSERT INTO audit_heads (chain, sequence, sha256) VALUES ($1, 0, $2)
           ON CONFLICT (chain) DO UPDATE SET sequence = audit_heads.sequence
           RETURNING sequence, sha256"#,
        chain,
        &[0_u8; 32][..],
    )
    .fetch_one(&mut *connection)
    .await?;
    let previous = Sha256Hash::from_slice(&head.sha256);
    let previous = previous.ok_or_else(|| StoreError::Damaged("audit_heads.sha256".to_owned()))?;
    let sequence = head.sequence + 1;
    let sha256 = chained(row, sequence, previous).sha256.0;
    sqlx::query!(
        r#"WITH added AS (
               INSERT INTO audit (id, tenant_id, sequence, at, actor_id, actor, action, target, target_id, result,
                                  request_id, source, before, after, previous_sha256, sha256)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16))
           UPDATE audit_heads SET sequence = $3, sha256 = $16 WHERE chain = $17"#,
        row.id.uuid(),
        row.tenant.map(TenantId::uuid),
        sequence,
        row.at,
        row.actor_id.map(UserId::uuid),
        row.actor,
        row.action,
        row.target,
        row.target_id,
        row.result.as_str(),
        row.request_id.uuid(),
        row.source,
        row.before,
        row.after,
        head.sha256,
        &sha256[..],
        chain,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The row with its place in the chain, hashed.
fn chained(row: &AuditRow, sequence: i64, previous_sha256: Sha256Hash) -> Row {
    let mut chained = Row {
        sequence,
        id: row.id.uuid(),
        tenant: row.tenant.map(TenantId::uuid),
        at: row.at,
        actor_id: row.actor_id.map(UserId::uuid),
        actor: row.actor.clone(),
        action: row.action.clone(),
        target: row.target.clone(),
        target_id: row.target_id,
        result: row.result.as_str().to_owned(),
        request_id: row.request_id.uuid(),
        source: row.source.clone(),
        before: row.before.clone(),
        after: row.after.clone(),
        previous_sha256,
        sha256: Sha256Hash::ZERO,
    };
    chained.sha256 = chained.hash();
    chained
}
