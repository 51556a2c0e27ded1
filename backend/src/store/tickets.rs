//! One-time tickets of terminals. Only their SHA-256 is kept.

use super::{Store, StoreError, SystemTx, Tx, access::Credential, releases::damaged};
use berth_domain::id::{InstanceId, SessionId, TenantId, TokenId, UserId};
use chrono::{DateTime, Utc};

/// A ticket to write.
#[derive(Debug, Clone, Copy)]
pub struct NewTicket<'a> {
    /// SHA-256 of its secret.
    pub secret_sha256: &'a [u8],
    /// Of which tenant.
    pub tenant: TenantId,
    /// For whom.
    pub user: UserId,
    /// The session that asked for it, if it was one.
    pub session: Option<SessionId>,
    /// The token that asked for it, if it was one.
    pub token: Option<TokenId>,
    /// For which instance.
    pub instance: InstanceId,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Writes a ticket.
pub async fn insert_ticket(tx: &mut Tx, new: NewTicket<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO tickets (secret_sha256, tenant_id, user_id, session_id, token_id, instance_id, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.secret_sha256,
        new.tenant.uuid(),
        new.user.uuid(),
        new.session.map(SessionId::uuid),
        new.token.map(TokenId::uuid),
        new.instance.uuid(),
        new.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whom a redeemed ticket lets in, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemedTicket {
    /// With what the caller had shown who they are.
    pub credential: Credential,
    /// Name of the tenant.
    pub tenant: String,
    /// Name of the project.
    pub project: String,
    /// Name of the environment.
    pub environment: String,
    /// Name of the app.
    pub app: String,
    /// Which instance.
    pub instance: InstanceId,
}

/// Uses a ticket up, if it is good now. One statement, so that of two that come with it one gets in. The caller is
/// nobody yet, so this runs with the system's permit; what the ticket names goes through the gate afterwards.
pub async fn redeem_ticket(tx: &mut SystemTx, secret_sha256: &[u8]) -> Result<Option<RedeemedTicket>, StoreError> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"UPDATE tickets k SET used_at = $2
           FROM instances i, apps a, environments e, projects p, tenants t
           WHERE k.secret_sha256 = $1 AND k.used_at IS NULL AND k.expires_at > $2
             AND i.id = k.instance_id AND i.tenant_id = k.tenant_id AND a.id = i.app_id AND a.deleted_at IS NULL
             AND e.id = a.environment_id AND p.id = a.project_id AND t.id = k.tenant_id
           RETURNING k.instance_id, k.session_id,
                     (SELECT o.secret_sha256 FROM tokens o WHERE o.id = k.token_id) AS token_sha256,
                     a.name AS app, e.name AS environment, p.name AS project, t.name AS tenant"#,
        secret_sha256,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let token = row.token_sha256.and_then(|sha256| sha256.try_into().ok());
        let credential = match (row.session_id, token) {
            (Some(session), _) => Credential::Session(SessionId::new(session)),
            (None, Some(sha256)) => Credential::Token(sha256),
            (None, None) => return Err(damaged("tickets.token_id")),
        };
        Ok(RedeemedTicket {
            credential,
            tenant: row.tenant,
            project: row.project,
            environment: row.environment,
            app: row.app,
            instance: InstanceId::new(row.instance_id),
        })
    })
    .transpose()
}

/// Removes tickets that ran out.
pub async fn delete_expired_tickets(store: &Store) -> Result<u64, StoreError> {
    let now = store.clock.now();
    let deleted = sqlx::query!("DELETE FROM tickets WHERE expires_at < $1", now).execute(&store.system).await?;
    Ok(deleted.rows_affected())
}
