//! Where in a tenant somebody may see apps, by name: for streams that speak of things by their names.

use super::StoreError;
use berth_domain::{
    id::{TenantId, UserId},
    right::Role,
};
use sqlx::PgConnection;

/// A place where a role is bound, with all that lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The project's name; none: the whole tenant.
    pub project: Option<String>,
    /// The environment's name; none: the whole project.
    pub environment: Option<String>,
}

/// The places of a tenant where one of `roles` is bound to `user`.
pub async fn list_places(
    conn: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    roles: &[Role],
) -> Result<Vec<Place>, StoreError> {
    let roles: Vec<_> = roles.iter().map(|role| role.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT p.name AS "project?", e.name AS "environment?"
           FROM role_bindings b LEFT JOIN projects p ON p.id = b.project_id
           LEFT JOIN environments e ON e.id = b.environment_id
           WHERE b.tenant_id = $1 AND b.user_id = $2 AND b.role = ANY($3)"#,
        tenant.uuid(),
        user.uuid(),
        &roles,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| Place { project: row.project, environment: row.environment }).collect())
}
