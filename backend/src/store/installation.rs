//! The one row of the installation: its id, its keys (sealed), and whether it was set up.

use super::{Store, StoreError, SystemTx};
use berth_domain::id::InstallId;
use chrono::{DateTime, Utc};

/// The installation as it is kept.
#[derive(Debug, Clone)]
pub struct InstallationRow {
    /// Which.
    pub id: InstallId,
    /// When the first account was made.
    pub set_up_at: Option<DateTime<Utc>>,
    /// SHA-256 of the set-up token, until it was used.
    pub setup_token_sha256: Option<Vec<u8>>,
    /// The authority of node certificates.
    pub authority_cert_pem: String,
    /// Its key, sealed.
    pub authority_key_sealed: Vec<u8>,
    /// The key of access tokens, sealed.
    pub signing_key_sealed: Vec<u8>,
}

/// Reads the installation.
pub async fn get_installation(store: &Store) -> Result<Option<InstallationRow>, StoreError> {
    let row = sqlx::query!(
        "SELECT install_id, set_up_at, setup_token_sha256, authority_cert_pem, authority_key_sealed, signing_key_sealed
         FROM installation"
    )
    .fetch_optional(&store.system)
    .await?;
    Ok(row.map(|row| InstallationRow {
        id: InstallId::new(row.install_id),
        set_up_at: row.set_up_at,
        setup_token_sha256: row.setup_token_sha256,
        authority_cert_pem: row.authority_cert_pem,
        authority_key_sealed: row.authority_key_sealed,
        signing_key_sealed: row.signing_key_sealed,
    }))
}

/// Whether the first account was made.
pub async fn is_set_up(store: &Store) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(r#"SELECT set_up_at IS NOT NULL AS "set_up!" FROM installation"#)
        .fetch_optional(&store.system)
        .await?;
    Ok(found.unwrap_or(false))
}

/// The key that signs audit trails, sealed; none until a server made it.
pub async fn get_audit_key(store: &Store) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query_scalar!("SELECT audit_key_sealed FROM installation").fetch_optional(&store.system).await?;
    Ok(found.flatten())
}

/// Whether anything was signed yet.
pub async fn has_checkpoints(store: &Store) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM audit_checkpoints) AS "found!""#);
    Ok(found.fetch_one(&store.system).await?)
}

/// Keeps the key that signs audit trails, unless another server was first.
pub async fn update_audit_key(store: &Store, sealed: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("UPDATE installation SET audit_key_sealed = $1 WHERE audit_key_sealed IS NULL", sealed)
        .execute(&store.system)
        .await?;
    Ok(())
}

/// Writes the installation unless another server of it was first.
pub async fn insert_installation(store: &Store, row: &InstallationRow) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO installation (install_id, created_at, authority_cert_pem, authority_key_sealed, signing_key_sealed)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        row.id.uuid(),
        store.clock.now(),
        row.authority_cert_pem,
        row.authority_key_sealed,
        row.signing_key_sealed,
    )
    .execute(&store.system)
    .await?;
    Ok(())
}

/// Sets the set-up token, as long as nobody was first to use one.
pub async fn update_setup_token(store: &Store, sha256: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!("UPDATE installation SET setup_token_sha256 = $1 WHERE set_up_at IS NULL", &sha256[..])
        .execute(&store.system)
        .await?;
    Ok(())
}

/// Locks the installation and returns it: of two calls that set it up, the second sees what the first did.
pub async fn lock_installation(tx: &mut SystemTx) -> Result<Option<InstallationRow>, StoreError> {
    let row = sqlx::query!(
        "SELECT install_id, set_up_at, setup_token_sha256, authority_cert_pem, authority_key_sealed, signing_key_sealed
         FROM installation FOR UPDATE"
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| InstallationRow {
        id: InstallId::new(row.install_id),
        set_up_at: row.set_up_at,
        setup_token_sha256: row.setup_token_sha256,
        authority_cert_pem: row.authority_cert_pem,
        authority_key_sealed: row.authority_key_sealed,
        signing_key_sealed: row.signing_key_sealed,
    }))
}

/// Marks the installation as set up and forgets the token.
pub async fn update_set_up(tx: &mut SystemTx) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query!("UPDATE installation SET set_up_at = $1, setup_token_sha256 = NULL", now).execute(tx.conn()).await?;
    Ok(())
}
