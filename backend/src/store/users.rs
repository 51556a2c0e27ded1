//! Accounts. They belong to no tenant: read and written as the system role.

use super::{Store, StoreError};
use berth_domain::{
    id::{TenantId, UserId},
    right::Role,
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// What signing in needs.
#[derive(Clone)]
pub struct SignInRecord {
    /// Who.
    pub id: UserId,
    /// E-mail as it is kept.
    pub email: String,
    /// PHC string.
    pub password_hash: String,
}

/// An account to write.
#[derive(Clone)]
pub struct NewUser<'a> {
    /// Its id.
    pub id: UserId,
    /// E-mail.
    pub email: &'a str,
    /// Shown name.
    pub display_name: &'a str,
    /// PHC string.
    pub password_hash: &'a str,
    /// Whether it administers the platform.
    pub platform_administrator: bool,
    /// `en` or `zh-CN`.
    pub locale: &'a str,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The account of an e-mail address that may sign in.
pub async fn get_sign_in(store: &Store, email: &str) -> Result<Option<SignInRecord>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, email, password_hash FROM users WHERE lower(email) = lower($1) AND deactivated_at IS NULL",
        email,
    )
    .fetch_optional(&store.system)
    .await?;
    Ok(row.map(|row| SignInRecord { id: UserId::new(row.id), email: row.email, password_hash: row.password_hash }))
}

/// The account itself.
pub async fn get_sign_in_by_id(store: &Store, user: UserId) -> Result<Option<SignInRecord>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, email, password_hash FROM users WHERE id = $1 AND deactivated_at IS NULL",
        user.uuid(),
    )
    .fetch_optional(&store.system)
    .await?;
    Ok(row.map(|row| SignInRecord { id: UserId::new(row.id), email: row.email, password_hash: row.password_hash }))
}

/// Whether anybody has this address, and who.
pub async fn get_id_by_email(conn: &mut PgConnection, email: &str) -> Result<Option<UserId>, StoreError> {
    let id =
        sqlx::query_scalar!("SELECT id FROM users WHERE lower(email) = lower($1)", email).fetch_optional(conn).await?;
    Ok(id.map(UserId::new))
}

/// Writes an account. `false`: the address is taken, nothing was written.
pub async fn insert_user(conn: &mut PgConnection, new: NewUser<'_>) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO users (id, email, display_name, password_hash, platform_administrator, locale, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (lower(email)) DO NOTHING",
        new.id.uuid(),
        new.email,
        new.display_name,
        new.password_hash,
        new.platform_administrator,
        new.locale,
        new.created_at,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// What people may change of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Shown name.
    pub display_name: String,
    /// `en` or `zh-CN`.
    pub locale: String,
}

/// Reads it.
pub async fn get_profile(conn: &mut PgConnection, user: UserId) -> Result<Option<Profile>, StoreError> {
    let row = sqlx::query_as!(Profile, "SELECT display_name, locale FROM users WHERE id = $1", user.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row)
}

/// Writes it.
pub async fn update_profile(conn: &mut PgConnection, user: UserId, profile: &Profile) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE users SET display_name = $2, locale = $3 WHERE id = $1",
        user.uuid(),
        profile.display_name,
        profile.locale,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the hash of a new password.
pub async fn update_password(conn: &mut PgConnection, user: UserId, password_hash: &str) -> Result<(), StoreError> {
    sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", user.uuid(), password_hash).execute(conn).await?;
    Ok(())
}

/// A role of a person, by names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBinding {
    /// In which tenant.
    pub tenant: TenantId,
    /// Its name.
    pub tenant_name: String,
    /// None: at the tenant.
    pub project: Option<String>,
    /// None: at the tenant or project.
    pub environment: Option<String>,
    /// Which.
    pub role: Role,
}

/// All roles of a person, by tenant, project and environment.
pub async fn list_bindings(conn: &mut PgConnection, user: UserId) -> Result<Vec<NamedBinding>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT t.id AS tenant_id, t.name AS tenant_name, p.name AS "project?", e.name AS "environment?", b.role
           FROM role_bindings b JOIN tenants t ON t.id = b.tenant_id
           LEFT JOIN projects p ON p.id = b.project_id LEFT JOIN environments e ON e.id = b.environment_id
           WHERE b.user_id = $1 ORDER BY t.name, p.name NULLS FIRST, e.name NULLS FIRST"#,
        user.uuid(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(NamedBinding {
                tenant: TenantId::new(row.tenant_id),
                tenant_name: row.tenant_name,
                project: row.project,
                environment: row.environment,
                role: role_of(&row.role)?,
            })
        })
        .collect()
}

/// The role of its word in the database.
pub(super) fn role_of(word: &str) -> Result<Role, StoreError> {
    Role::from_word(word).ok_or_else(|| StoreError::Damaged(format!("role {word}")))
}
