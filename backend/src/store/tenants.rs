//! Tenants with their quotas. Written as the system role: a tenant does not own its own row.

use super::StoreError;
use berth_domain::{
    id::{TenantId, UserId},
    name::Name,
    quantity::{Mebibytes, MilliCpu},
    quota::{Quota, Usage},
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// Which.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// What it may use.
    pub quota: Quota,
    /// What it has reserved.
    pub usage: Usage,
}

/// Which tenants to read.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// One.
    One(TenantId),
    /// A page, by name.
    Page {
        /// Only those that this person belongs to.
        of: Option<UserId>,
        /// The last name of the page before.
        after: &'a str,
        /// At most so many.
        limit: i64,
    },
}

/// Reads one tenant.
pub async fn get_tenant(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<TenantRecord>, StoreError> {
    Ok(list_tenants(conn, Wanted::One(tenant)).await?.pop())
}

/// Locks a tenant's row, so that its quota changes once at a time, and returns it.
pub async fn lock_tenant(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<TenantRecord>, StoreError> {
    sqlx::query!("SELECT id FROM tenants WHERE id = $1 FOR UPDATE", tenant.uuid()).fetch_optional(&mut *conn).await?;
    get_tenant(conn, tenant).await
}

/// Reads tenants, by name.
pub async fn list_tenants(conn: &mut PgConnection, wanted: Wanted<'_>) -> Result<Vec<TenantRecord>, StoreError> {
    let (one, of, after, limit) = match wanted {
        Wanted::One(tenant) => (Some(tenant.uuid()), None, "", 1),
        Wanted::Page { of, after, limit } => (None, of.map(UserId::uuid), after, limit),
    };
    let rows = sqlx::query!(
        "SELECT t.id, t.name, t.created_at, t.quota_cpu_milli, t.quota_memory_mib, t.quota_instances, t.quota_apps,
                u.cpu_milli, u.memory_mib, u.instances, u.apps
         FROM tenants t JOIN tenant_usage u ON u.tenant_id = t.id
         WHERE ($1::uuid IS NULL OR t.id = $1) AND t.name > $3
           AND ($2::uuid IS NULL OR EXISTS (SELECT FROM role_bindings b WHERE b.tenant_id = t.id AND b.user_id = $2))
         ORDER BY t.name LIMIT $4",
        one,
        of,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TenantRecord {
            id: TenantId::new(row.id),
            name: row.name,
            created_at: row.created_at,
            quota: Quota {
                cpu_milli: MilliCpu(row.quota_cpu_milli.unsigned_abs()),
                memory_mib: Mebibytes(row.quota_memory_mib.unsigned_abs()),
                instances: count(row.quota_instances),
                apps: count(row.quota_apps),
            },
            usage: Usage {
                cpu_milli: MilliCpu(row.cpu_milli.unsigned_abs()),
                memory_mib: Mebibytes(row.memory_mib.unsigned_abs()),
                instances: count(row.instances),
                apps: count(row.apps),
            },
        })
        .collect())
}

fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Writes a tenant that uses nothing. `false`: the name is taken, nothing was written.
pub async fn insert_tenant(
    conn: &mut PgConnection,
    id: TenantId,
    name: &Name,
    quota: Quota,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "WITH tenant AS (
             INSERT INTO tenants (id, name, created_at, quota_cpu_milli, quota_memory_mib, quota_instances, quota_apps)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING RETURNING id)
         INSERT INTO tenant_usage (tenant_id) SELECT id FROM tenant",
        id.uuid(),
        name.as_str(),
        at,
        signed(quota.cpu_milli.0),
        signed(quota.memory_mib.0),
        i64::from(quota.instances),
        i64::from(quota.apps),
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Writes a tenant's quota. It may be less than what is used: then the tenant can only shrink.
pub async fn update_quota(conn: &mut PgConnection, tenant: TenantId, quota: Quota) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE tenants SET quota_cpu_milli = $2, quota_memory_mib = $3, quota_instances = $4, quota_apps = $5
         WHERE id = $1",
        tenant.uuid(),
        signed(quota.cpu_milli.0),
        signed(quota.memory_mib.0),
        i64::from(quota.instances),
        i64::from(quota.apps),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Deletes a tenant with its roles and its usage; [`StoreError::Referenced`] while it has projects.
pub async fn delete_tenant(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM tenants WHERE id = $1", tenant.uuid()).execute(conn).await?;
    Ok(())
}
