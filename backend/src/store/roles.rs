//! Roles bound at tenants, projects and environments.

use super::{Connection, StoreError, access::Binding, users::role_of};
use crate::authz::scope::Place;
use berth_domain::{
    id::{EnvironmentId, ProjectId, TenantId, UserId},
    right::Role,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A role of a person that holds at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    /// Who.
    pub user: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// None: bound at the tenant.
    pub project: Option<ProjectId>,
    /// None: bound at the tenant or the project.
    pub environment: Option<EnvironmentId>,
    /// Which.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Roles that hold at a place: bound there, or above. Of at most `limit` people after `after`, by person, the widest first;
/// with `one`, of that person alone.
pub async fn list_roles_at(
    conn: &mut Connection,
    place: Place,
    one: Option<UserId>,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<RoleRecord>, StoreError> {
    let rows = sqlx::query!(
        "SELECT u.id, u.email, u.display_name, b.project_id, b.environment_id, b.role, b.created_at
         FROM role_bindings b JOIN users u ON u.id = b.user_id
         WHERE b.tenant_id = $1 AND (b.project_id IS NULL OR b.project_id = $2)
           AND (b.environment_id IS NULL OR b.environment_id = $3)
           AND u.id IN (SELECT DISTINCT i.user_id FROM role_bindings i
                        WHERE i.tenant_id = $1 AND (i.project_id IS NULL OR i.project_id = $2)
                          AND (i.environment_id IS NULL OR i.environment_id = $3)
                          AND ($4::uuid IS NULL OR i.user_id = $4) AND ($5::uuid IS NULL OR i.user_id > $5)
                        ORDER BY i.user_id LIMIT $6)
         ORDER BY u.id, b.project_id NULLS FIRST, b.environment_id NULLS FIRST",
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        one.map(UserId::uuid),
        after.map(UserId::uuid),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RoleRecord {
                user: UserId::new(row.id),
                email: row.email,
                display_name: row.display_name,
                project: row.project_id.map(ProjectId::new),
                environment: row.environment_id.map(EnvironmentId::new),
                role: role_of(&row.role)?,
                since: row.created_at,
            })
        })
        .collect()
}

/// A role of a person somewhere in a tenant, with the names of where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBinding {
    /// The role and the place.
    pub binding: Binding,
    /// The project's name.
    pub project: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
}

/// Every role of a person in a tenant, the widest first.
pub async fn list_roles_of(
    conn: &mut Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Vec<NamedBinding>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT b.role, b.project_id, b.environment_id, p.name AS "project?", e.name AS "environment?"
           FROM role_bindings b
           LEFT JOIN projects p ON p.tenant_id = b.tenant_id AND p.id = b.project_id
           LEFT JOIN environments e ON e.tenant_id = b.tenant_id AND e.id = b.environment_id
           WHERE b.tenant_id = $1 AND b.user_id = $2
           ORDER BY b.project_id NULLS FIRST, b.environment_id NULLS FIRST"#,
        tenant.uuid(),
        user.uuid(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let binding = Binding {
                project: row.project_id.map(ProjectId::new),
                environment: row.environment_id.map(EnvironmentId::new),
                role: role_of(&row.role)?,
            };
            Ok(NamedBinding { binding, project: row.project, environment: row.environment })
        })
        .collect()
}

/// The ids of a project and of an environment of it, by their names in a tenant.
pub async fn get_place_ids(
    conn: &mut Connection,
    tenant: TenantId,
    project: &str,
    environment: Option<&str>,
) -> Result<Option<(ProjectId, Option<EnvironmentId>)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT p.id, e.id AS "environment?" FROM projects p
           LEFT JOIN environments e ON e.tenant_id = p.tenant_id AND e.project_id = p.id AND e.name = $3
           WHERE p.tenant_id = $1 AND p.name = $2"#,
        tenant.uuid(),
        project,
        environment,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (ProjectId::new(row.id), row.environment.map(EnvironmentId::new))))
}

/// Whether a person has any role anywhere in a tenant.
pub async fn is_of_tenant(conn: &mut Connection, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
    let is = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM role_bindings WHERE tenant_id = $1 AND user_id = $2) AS "is!""#,
        tenant.uuid(),
        user.uuid(),
    )
    .fetch_one(conn)
    .await?;
    Ok(is)
}

/// The role that was given to a person at the place itself.
pub async fn get_role_at(conn: &mut Connection, place: Place, user: UserId) -> Result<Option<Role>, StoreError> {
    let role = sqlx::query_scalar!(
        "SELECT role FROM role_bindings WHERE tenant_id = $1 AND project_id IS NOT DISTINCT FROM $2
           AND environment_id IS NOT DISTINCT FROM $3 AND user_id = $4",
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        user.uuid(),
    )
    .fetch_optional(conn)
    .await?;
    role.map(|word| role_of(&word)).transpose()
}

/// The role that was given to a person at the place itself, with its row locked.
pub async fn lock_role_at(conn: &mut Connection, place: Place, user: UserId) -> Result<Option<Role>, StoreError> {
    let role = sqlx::query_scalar!(
        "SELECT role FROM role_bindings WHERE tenant_id = $1 AND project_id IS NOT DISTINCT FROM $2
           AND environment_id IS NOT DISTINCT FROM $3 AND user_id = $4 FOR UPDATE",
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        user.uuid(),
    )
    .fetch_optional(conn)
    .await?;
    role.map(|word| role_of(&word)).transpose()
}

/// Gives a person a role at a place. `false`: they have one there, nothing was written.
pub async fn insert_role_at(
    conn: &mut Connection,
    id: Uuid,
    place: Place,
    user: UserId,
    role: Role,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO role_bindings (id, tenant_id, project_id, environment_id, user_id, role, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, project_id, environment_id, user_id) DO NOTHING",
        id,
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        user.uuid(),
        role.as_str(),
        at,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Changes the role that a person was given at a place.
pub async fn update_role_at(conn: &mut Connection, place: Place, user: UserId, role: Role) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE role_bindings SET role = $5 WHERE tenant_id = $1 AND project_id IS NOT DISTINCT FROM $2
           AND environment_id IS NOT DISTINCT FROM $3 AND user_id = $4",
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        user.uuid(),
        role.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the role away that a person was given at a place; roles above and below stay.
pub async fn delete_role_at(conn: &mut Connection, place: Place, user: UserId) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM role_bindings WHERE tenant_id = $1 AND project_id IS NOT DISTINCT FROM $2
           AND environment_id IS NOT DISTINCT FROM $3 AND user_id = $4",
        place.tenant.uuid(),
        place.project.map(ProjectId::uuid),
        place.environment.map(EnvironmentId::uuid),
        user.uuid(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
