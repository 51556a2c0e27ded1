//! Rows that are limited in number. A count and the insert that it allows must not be parted by somebody else's insert.

use super::{Connection, StoreError};
use berth_domain::id::{ProjectId, TenantId, UserId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is counted, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Credentials of a project.
    Credentials(ProjectId),
    /// Environments of a project.
    Environments(ProjectId),
    /// Images of a project.
    Images(ProjectId),
    /// Join tokens that can be used.
    JoinTokens,
    /// People with a role anywhere in a tenant.
    People(TenantId),
    /// Projects of a tenant.
    Projects(TenantId),
    /// Personal tokens of a person that still work.
    Tokens(UserId),
}

impl Counted {
    /// The key of its lock: a number for the kind, and the parent's id.
    fn key(self) -> (i32, Uuid) {
        match self {
            Self::Credentials(project) => (1, project.uuid()),
            Self::Environments(project) => (2, project.uuid()),
            Self::Images(project) => (3, project.uuid()),
            Self::JoinTokens => (4, Uuid::nil()),
            Self::People(tenant) => (5, tenant.uuid()),
            Self::Projects(tenant) => (6, tenant.uuid()),
            Self::Tokens(user) => (7, user.uuid()),
        }
    }
}

/// How many there are now. Until the transaction ends, others who want to add one of the same wait here.
///
/// An advisory lock, and not the parent's row: the tenants' role may not lock rows that it may not update. A hash that two
/// parents share makes one wait for the other, no more.
pub async fn lock_and_count(conn: &mut Connection, what: Counted, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let (kind, parent) = what.key();
    sqlx::query!("SELECT pg_advisory_xact_lock($1, hashtext($2::uuid::text))", kind, parent)
        .execute(&mut *conn)
        .await?;
    let count = match what {
        Counted::Credentials(_) => {
            sqlx::query_scalar!("SELECT count(*) FROM registry_credentials WHERE project_id = $1", parent)
                .fetch_one(conn)
                .await?
        }
        Counted::Environments(_) => {
            sqlx::query_scalar!("SELECT count(*) FROM environments WHERE project_id = $1", parent)
                .fetch_one(conn)
                .await?
        }
        Counted::Images(_) => {
            sqlx::query_scalar!("SELECT count(*) FROM images WHERE project_id = $1", parent).fetch_one(conn).await?
        }
        Counted::JoinTokens => {
            sqlx::query_scalar!("SELECT count(*) FROM join_tokens WHERE used_at IS NULL AND expires_at > $1", now)
                .fetch_one(conn)
                .await?
        }
        Counted::People(_) => {
            sqlx::query_scalar!("SELECT count(DISTINCT user_id) FROM role_bindings WHERE tenant_id = $1", parent)
                .fetch_one(conn)
                .await?
        }
        Counted::Projects(_) => {
            sqlx::query_scalar!("SELECT count(*) FROM projects WHERE tenant_id = $1", parent).fetch_one(conn).await?
        }
        Counted::Tokens(_) => {
            sqlx::query_scalar!(
                "SELECT count(*) FROM tokens WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2",
                parent,
                now,
            )
            .fetch_one(conn)
            .await?
        }
    };
    Ok(count.unwrap_or(0))
}
