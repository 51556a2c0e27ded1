//! People of a tenant and their roles at it.

use super::{StoreError, users::role_of};
use berth_domain::{
    id::{TenantId, UserId},
    right::Role,
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Who.
    pub id: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// The role at the tenant.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// People with a role at the tenant, by id.
pub async fn list_people(
    conn: &mut PgConnection,
    tenant: TenantId,
    one: Option<UserId>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<PersonRecord>, StoreError> {
    let rows = sqlx::query!(
        "SELECT u.id, u.email, u.display_name, b.role, b.created_at
         FROM role_bindings b JOIN users u ON u.id = b.user_id
         WHERE b.tenant_id = $1 AND b.project_id IS NULL
           AND ($2::uuid IS NULL OR u.id = $2) AND ($3::uuid IS NULL OR u.id > $3)
         ORDER BY u.id LIMIT $4",
        tenant.uuid(),
        one.map(UserId::uuid),
        after.map(UserId::uuid),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PersonRecord {
                id: UserId::new(row.id),
                email: row.email,
                display_name: row.display_name,
                role: role_of(&row.role)?,
                since: row.created_at,
            })
        })
        .collect()
}

/// Locks the tenant's owners and returns them: of two calls that take owners away, the second sees what the first left.
pub async fn lock_owners(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<UserId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT user_id FROM role_bindings WHERE tenant_id = $1 AND project_id IS NULL AND role = 'owner' FOR UPDATE",
        tenant.uuid(),
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(UserId::new).collect())
}

/// Takes all roles of a person in the tenant away, those in its projects too.
pub async fn delete_roles(conn: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM role_bindings WHERE tenant_id = $1 AND user_id = $2", tenant.uuid(), user.uuid())
        .execute(conn)
        .await?;
    Ok(())
}
