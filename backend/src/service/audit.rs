//! Reading audit trails.

use super::{
    error::Error,
    page::{PageRequest, Paged},
};
use crate::{
    authz::{action, permit::Permit},
    startup::App,
    store::{
        ReadTx,
        audit_read::{ChainedRow, list_audit},
    },
};

/// A row of a trail, with its place in the chain.
pub type Entry = ChainedRow;

/// A page of a tenant's trail, the newest first.
pub async fn list(
    app: &App,
    permit: &Permit<action::audit::Read>,
    page: PageRequest<i64>,
) -> Result<Paged<Entry, i64>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = list_audit(tx.conn(), Some(permit.scope().tenant.id), page.after, page.rows()).await?;
    Ok(page.cut(rows, |row| row.sequence))
}

/// A page of the platform's trail, the newest first.
pub async fn list_platform(
    app: &App,
    permit: &Permit<action::audit::ReadPlatform>,
    page: PageRequest<i64>,
) -> Result<Paged<Entry, i64>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = list_audit(tx.conn(), None, page.after, page.rows()).await?;
    Ok(page.cut(rows, |row| row.sequence))
}
