//! Leases: duties that one server has at a time. Time comes from the database, so that servers need not agree on it.

use super::{StoreError, SystemTx};
use uuid::Uuid;

/// A lease that this server holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it: drawn by each server when it starts.
    pub holder: Uuid,
    /// Grows by one with each new holder; carried by everything that is done under the lease.
    pub epoch: i64,
}

/// Takes the lease when nobody holds it. `None`: somebody does.
pub async fn acquire(
    tx: &mut SystemTx,
    name: &str,
    holder: Uuid,
    lifetime_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let epoch = sqlx::query_scalar!(
        "INSERT INTO leases AS l (name, holder, epoch, expires_at)
         VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, epoch = l.epoch + 1, expires_at = EXCLUDED.expires_at
         WHERE l.expires_at <= clock_timestamp()
         RETURNING epoch",
        name,
        holder,
        f64_ms(lifetime_ms),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(epoch.map(|epoch| Lease { holder, epoch }))
}

/// Prolongs a lease. `false`: it ran out, and somebody else may hold it.
pub async fn renew(tx: &mut SystemTx, name: &str, lease: Lease, lifetime_ms: i64) -> Result<bool, StoreError> {
    let renewed = sqlx::query!(
        "UPDATE leases SET expires_at = clock_timestamp() + $4 * interval '1 millisecond'
         WHERE name = $1 AND holder = $2 AND epoch = $3 AND expires_at > clock_timestamp()",
        name,
        lease.holder,
        lease.epoch,
        f64_ms(lifetime_ms),
    )
    .execute(tx.conn())
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Gives a lease back, so that the next server need not wait for it to run out.
pub async fn release(tx: &mut SystemTx, name: &str, lease: Lease) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE leases SET expires_at = clock_timestamp() WHERE name = $1 AND holder = $2 AND epoch = $3",
        name,
        lease.holder,
        lease.epoch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the lease is held as given, right now. Asked within every transaction that acts under it.
pub async fn holds(tx: &mut SystemTx, name: &str, lease: Lease) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM leases WHERE name = $1 AND holder = $2 AND epoch = $3
                          AND expires_at > clock_timestamp()) AS "held!""#,
        name,
        lease.holder,
        lease.epoch,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(held)
}

/// Postgres multiplies intervals by floats; whole milliseconds below 2^53 are exact.
fn f64_ms(ms: i64) -> f64 {
    ms as f64
}
