//! Audit trails.

use crate::{
    authz::{action::audit, permit::Permit},
    http::{
        error::Failure,
        input::{Query, State},
        page,
        reply::Found,
    },
    service::audit::{self as trails, Entry},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::audit::AuditView,
};

/// A tenant's trail, the newest first.
pub async fn list(
    permit: Permit<audit::Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<AuditView>>, Failure> {
    let rows = trails::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(rows, view)))
}

/// The platform's trail, the newest first.
pub async fn list_platform(
    permit: Permit<audit::ReadPlatform>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<AuditView>>, Failure> {
    let rows = trails::list_platform(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(rows, view)))
}

fn view(chained: Entry) -> AuditView {
    let row = chained.row;
    AuditView {
        id: row.id,
        sequence: chained.sequence,
        at: row.at,
        actor: row.actor,
        action: row.action,
        target: row.target,
        result: row.result.as_str().to_owned(),
        request_id: row.request_id.to_string(),
        source: row.source,
        before: row.before,
        after: row.after,
        sha256: hex::encode(chained.sha256),
    }
}
