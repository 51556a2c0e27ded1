//! Projects and their environments.

use super::{StoreError, Tx};
use berth_domain::{
    id::{EnvironmentId, ProjectId, TenantId, UserId},
    name::Name,
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// Which.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRecord {
    /// Which.
    pub id: EnvironmentId,
    /// Of which project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Apps in it that are not deleted.
    pub apps: u32,
}

/// Projects of the transaction's tenant that a person may see, by name.
pub async fn list_projects(
    conn: &mut PgConnection,
    user: UserId,
    one: Option<ProjectId>,
    after: &str,
    limit: i64,
) -> Result<Vec<ProjectRecord>, StoreError> {
    let rows = sqlx::query!(
        "SELECT p.id, p.name, p.created_at FROM projects p
         WHERE ($2::uuid IS NULL OR p.id = $2) AND p.name > $3
           AND EXISTS (SELECT FROM role_bindings b WHERE b.user_id = $1 AND b.tenant_id = p.tenant_id
                       AND (b.project_id IS NULL OR b.project_id = p.id))
         ORDER BY p.name LIMIT $4",
        user.uuid(),
        one.map(ProjectId::uuid),
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ProjectRecord { id: ProjectId::new(row.id), name: row.name, created_at: row.created_at })
        .collect())
}

/// Environments of projects that a person may see, in the order of promotion.
pub async fn list_environments(
    conn: &mut PgConnection,
    user: UserId,
    projects: &[ProjectId],
) -> Result<Vec<EnvironmentRecord>, StoreError> {
    let projects: Vec<_> = projects.iter().map(|project| project.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT e.id, e.project_id, e.name,
                  (SELECT count(*) FROM apps a WHERE a.environment_id = e.id AND a.deleted_at IS NULL) AS "apps!"
           FROM environments e
           WHERE e.project_id = ANY($2)
             AND EXISTS (SELECT FROM role_bindings b WHERE b.user_id = $1 AND b.tenant_id = e.tenant_id
                         AND (b.project_id IS NULL OR b.project_id = e.project_id)
                         AND (b.environment_id IS NULL OR b.environment_id = e.id))
           ORDER BY e.project_id, e.position, e.name"#,
        user.uuid(),
        &projects,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| EnvironmentRecord {
            id: EnvironmentId::new(row.id),
            project: ProjectId::new(row.project_id),
            name: row.name,
            apps: u32::try_from(row.apps).unwrap_or(u32::MAX),
        })
        .collect())
}

/// Writes a project. `false`: the name is taken, nothing was written.
pub async fn insert_project(
    tx: &mut Tx,
    tenant: TenantId,
    id: ProjectId,
    name: &Name,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO projects (id, tenant_id, name, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, name) DO NOTHING",
        id.uuid(),
        tenant.uuid(),
        name.as_str(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Deletes a project with its environments, credentials and images; [`StoreError::Referenced`] while it has apps.
pub async fn delete_project(tx: &mut Tx, project: ProjectId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM projects WHERE id = $1", project.uuid()).execute(tx.conn()).await?;
    Ok(())
}

/// Writes an environment after the others. `false`: the name is taken, nothing was written.
pub async fn insert_environment(
    tx: &mut Tx,
    project: ProjectId,
    id: EnvironmentId,
    name: &Name,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO environments (id, tenant_id, project_id, name, position, created_at)
         SELECT $1, p.tenant_id, p.id, $3,
                (SELECT coalesce(max(e.position) + 1, 0) FROM environments e WHERE e.project_id = p.id), $4
         FROM projects p WHERE p.id = $2
         ON CONFLICT (tenant_id, project_id, name) DO NOTHING",
        id.uuid(),
        project.uuid(),
        name.as_str(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Whether the project is there: an environment that was not written may have lost its project meanwhile.
pub async fn has_project(conn: &mut PgConnection, project: ProjectId) -> Result<bool, StoreError> {
    let there =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM projects WHERE id = $1) AS "there!""#, project.uuid())
            .fetch_one(conn)
            .await?;
    Ok(there)
}

/// Whether the environment is there: an app that was not written may have lost its environment meanwhile.
pub async fn has_environment(conn: &mut PgConnection, environment: EnvironmentId) -> Result<bool, StoreError> {
    let there = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM environments WHERE id = $1) AS "there!""#,
        environment.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok(there)
}

/// Deletes an environment; [`StoreError::Referenced`] while it has apps.
pub async fn delete_environment(tx: &mut Tx, environment: EnvironmentId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM environments WHERE id = $1", environment.uuid()).execute(tx.conn()).await?;
    Ok(())
}
