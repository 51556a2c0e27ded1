//! Registry credentials of projects. Passwords come and go sealed.

use super::{StoreError, Tx};
use berth_domain::id::{ProjectId, RegistryCredentialId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Credentials as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    /// Which.
    pub id: RegistryCredentialId,
    /// Host name and port.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// Credentials as they are used.
#[derive(Clone)]
pub struct SealedCredential {
    /// Which; the password is sealed for it.
    pub id: RegistryCredentialId,
    /// User name.
    pub username: String,
    /// Sealed password.
    pub password_sealed: Vec<u8>,
}

/// A page of a project's credentials, by registry.
pub async fn list_credentials(
    conn: &mut PgConnection,
    project: ProjectId,
    after: &str,
    limit: i64,
) -> Result<Vec<CredentialRecord>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, registry, username, created_at FROM registry_credentials
         WHERE project_id = $1 AND registry > $2 ORDER BY registry LIMIT $3",
        project.uuid(),
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| CredentialRecord {
            id: RegistryCredentialId::new(row.id),
            registry: row.registry,
            username: row.username,
            created_at: row.created_at,
        })
        .collect())
}

/// A project's credentials for a registry.
pub async fn get_sealed_credential(
    conn: &mut PgConnection,
    project: ProjectId,
    registry: &str,
) -> Result<Option<SealedCredential>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, username, password_sealed FROM registry_credentials WHERE project_id = $1 AND registry = $2",
        project.uuid(),
        registry,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| SealedCredential {
        id: RegistryCredentialId::new(row.id),
        username: row.username,
        password_sealed: row.password_sealed,
    }))
}

/// Writes credentials; `false`: some for that registry are there, nothing was written.
pub async fn insert_credential(
    tx: &mut Tx,
    project: ProjectId,
    record: &CredentialRecord,
    password_sealed: &[u8],
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO registry_credentials (id, tenant_id, project_id, registry, username, password_sealed, created_at)
         SELECT $1, p.tenant_id, p.id, $3, $4, $5, $6 FROM projects p WHERE p.id = $2
         ON CONFLICT (tenant_id, project_id, registry) DO NOTHING",
        record.id.uuid(),
        project.uuid(),
        record.registry,
        record.username,
        password_sealed,
        record.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Replaces user name and password of credentials that are there.
pub async fn update_credential(
    tx: &mut Tx,
    record: &CredentialRecord,
    password_sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE registry_credentials SET username = $2, password_sealed = $3, created_at = $4 WHERE id = $1",
        record.id.uuid(),
        record.username,
        password_sealed,
        record.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes credentials; returns what they were.
pub async fn delete_credential(
    tx: &mut Tx,
    project: ProjectId,
    id: RegistryCredentialId,
) -> Result<Option<CredentialRecord>, StoreError> {
    let row = sqlx::query!(
        "DELETE FROM registry_credentials WHERE project_id = $1 AND id = $2
         RETURNING id, registry, username, created_at",
        project.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| CredentialRecord {
        id: RegistryCredentialId::new(row.id),
        registry: row.registry,
        username: row.username,
        created_at: row.created_at,
    }))
}
