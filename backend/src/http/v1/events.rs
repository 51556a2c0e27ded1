//! What happened: to an app, and in a tenant.

use crate::{
    authz::{
        action::{app::Read, tenant::ReadEvents},
        permit::Permit,
    },
    http::{
        error::Failure,
        input::{Query, State},
        page,
        reply::Found,
    },
    service::events::{self, Event},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::events::{EventView, Severity},
};

/// What happened to an app, newest first.
pub async fn list_of_app(
    permit: Permit<Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<EventView>>, Failure> {
    let found = events::list_of_app(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, event_view)))
}

/// What happened in a tenant, newest first.
pub async fn list_of_tenant(
    permit: Permit<ReadEvents>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<EventView>>, Failure> {
    let found = events::list_of_tenant(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, event_view)))
}

pub(super) fn event_view(event: Event) -> EventView {
    EventView {
        id: event.id,
        at: event.at,
        severity: match event.severity {
            events::Severity::Info => Severity::Info,
            events::Severity::Warn => Severity::Warn,
            events::Severity::Error => Severity::Error,
        },
        instance: event.instance_name(),
        reason: event.reason,
        message: event.message,
        params: event.params,
        project: event.project,
        environment: event.environment,
        app: event.app,
        node: event.node,
    }
}
