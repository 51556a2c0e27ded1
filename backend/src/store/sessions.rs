//! Sessions of browsers, and personal tokens.

use super::{StoreError, SystemTx};
use berth_domain::id::{SessionId, TokenId, UserId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A session to write.
#[derive(Clone)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of its refresh token.
    pub refresh_sha256: [u8; 32],
    /// The browser, in its own words.
    pub user_agent: &'a str,
    /// The address that it comes from.
    pub source: &'a str,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Writes a session.
pub async fn insert_session(conn: &mut PgConnection, new: NewSession<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO sessions (id, user_id, refresh_sha256, user_agent, source, created_at, refreshed_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        new.id.uuid(),
        new.user.uuid(),
        &new.refresh_sha256[..],
        new.user_agent,
        new.source,
        new.created_at,
        new.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A session as a refresh finds it.
#[derive(Clone)]
pub struct SessionRecord {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// E-mail.
    pub email: String,
    /// Whether the token that was given is the newest one.
    pub is_newest: bool,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Locks the session of a refresh token, the newest one or any that it replaced, unless it ended.
pub async fn lock_session(tx: &mut SystemTx, refresh_sha256: &[u8; 32]) -> Result<Option<SessionRecord>, StoreError> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"SELECT s.id, s.user_id, u.email, s.refresh_sha256 = $1 AS "is_newest!", s.expires_at
           FROM sessions s JOIN users u ON u.id = s.user_id
           WHERE s.id = (SELECT id FROM sessions WHERE refresh_sha256 = $1
                         UNION ALL SELECT session_id FROM spent_refresh_tokens WHERE sha256 = $1 LIMIT 1)
             AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.deactivated_at IS NULL
           FOR UPDATE OF s"#,
        &refresh_sha256[..],
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| SessionRecord {
        id: SessionId::new(row.id),
        user: UserId::new(row.user_id),
        email: row.email,
        is_newest: row.is_newest,
        expires_at: row.expires_at,
    }))
}

/// When a session's token was replaced. A statement of its own after [`lock_session`]: what another refresh wrote while
/// we waited for the lock is seen by it, and not by the statement that waited.
pub async fn get_spent_at(tx: &mut SystemTx, refresh_sha256: &[u8; 32]) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar!("SELECT spent_at FROM spent_refresh_tokens WHERE sha256 = $1", &refresh_sha256[..])
        .fetch_optional(tx.conn())
        .await?;
    Ok(at)
}

/// Replaces the refresh token `given` of a locked session by `next`.
pub async fn update_refresh(
    tx: &mut SystemTx,
    session: SessionId,
    given: &[u8; 32],
    next: &[u8; 32],
) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query!(
        "WITH replaced AS (UPDATE sessions SET refresh_sha256 = $3, refreshed_at = $4 WHERE id = $1)
         INSERT INTO spent_refresh_tokens (sha256, session_id, spent_at) VALUES ($2, $1, $4)",
        session.uuid(),
        &given[..],
        &next[..],
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a session.
pub async fn revoke_session(conn: &mut PgConnection, session: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", session.uuid(), at)
        .execute(conn)
        .await?;
    Ok(())
}

/// A session that goes on, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSessionRecord {
    /// Which.
    pub id: SessionId,
    /// The browser, in its own words.
    pub user_agent: String,
    /// The address from which it was begun.
    pub source: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was refreshed last.
    pub refreshed_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

struct OpenSessionRow {
    id: Uuid,
    user_agent: String,
    source: String,
    created_at: DateTime<Utc>,
    refreshed_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

fn open_session(row: OpenSessionRow) -> OpenSessionRecord {
    OpenSessionRecord {
        id: SessionId::new(row.id),
        user_agent: row.user_agent,
        source: row.source,
        created_at: row.created_at,
        refreshed_at: row.refreshed_at,
        expires_at: row.expires_at,
    }
}

/// Sessions of a person that go on, the newest first.
pub async fn list_sessions(
    conn: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
    after: Option<SessionId>,
    limit: i64,
) -> Result<Vec<OpenSessionRecord>, StoreError> {
    let rows = sqlx::query_as!(
        OpenSessionRow,
        "SELECT id, user_agent, source, created_at, refreshed_at, expires_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        user.uuid(),
        now,
        after.map(SessionId::uuid),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(open_session).collect())
}

/// Ends a session of this person; none when it is not theirs, or has ended.
pub async fn revoke_session_of(
    conn: &mut PgConnection,
    user: UserId,
    session: SessionId,
    at: DateTime<Utc>,
) -> Result<Option<OpenSessionRecord>, StoreError> {
    let row = sqlx::query_as!(
        OpenSessionRow,
        "UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > $3
         RETURNING id, user_agent, source, created_at, refreshed_at, expires_at",
        user.uuid(),
        session.uuid(),
        at,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(open_session))
}

/// Ends all sessions of a person but one.
pub async fn revoke_other_sessions(
    conn: &mut PgConnection,
    user: UserId,
    but: Option<SessionId>,
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let revoked = sqlx::query!(
        "UPDATE sessions SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2)",
        user.uuid(),
        but.map(SessionId::uuid),
        at,
    )
    .execute(conn)
    .await?;
    Ok(revoked.rows_affected())
}

/// A personal token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Which.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Tokens of a person that still work, the newest first.
pub async fn list_tokens(
    conn: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
    after: Option<TokenId>,
    limit: i64,
) -> Result<Vec<TokenRecord>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, name, created_at, expires_at, last_used_at FROM tokens
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        user.uuid(),
        now,
        after.map(TokenId::uuid),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TokenRecord {
            id: TokenId::new(row.id),
            name: row.name,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        })
        .collect())
}

/// Writes a token.
pub async fn insert_token(
    conn: &mut PgConnection,
    user: UserId,
    token: &TokenRecord,
    secret_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO tokens (id, user_id, name, secret_sha256, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        token.id.uuid(),
        user.uuid(),
        token.name,
        &secret_sha256[..],
        token.created_at,
        token.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a token of a person; its name, unless there was none.
pub async fn revoke_token(
    conn: &mut PgConnection,
    user: UserId,
    token: TokenId,
    at: DateTime<Utc>,
) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar!(
        "UPDATE tokens SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING name",
        user.uuid(),
        token.uuid(),
        at,
    )
    .fetch_optional(conn)
    .await?;
    Ok(name)
}

/// Ends sessions and tokens for good that nobody can use any more.
pub async fn delete_ended(store: &super::Store, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let sessions = sqlx::query!("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", before)
        .execute(&store.system)
        .await?;
    let tokens = sqlx::query!("DELETE FROM tokens WHERE expires_at < $1 OR revoked_at < $1", before)
        .execute(&store.system)
        .await?;
    Ok(sessions.rows_affected() + tokens.rows_affected())
}
