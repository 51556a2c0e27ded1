//! What the platform did, and why: of an app, or of a whole tenant.

use super::{
    error::Error,
    page::{PageRequest, Paged},
};
use crate::{
    authz::{
        action::{app::Read, tenant::ReadEvents},
        permit::Permit,
    },
    store::{
        ReadTx, Store,
        events_read::{self, EventRecord, Of, list_events},
        instances::instance_name,
    },
};
use berth_domain::id::EventId;

/// How much an event matters.
pub type Severity = events_read::Severity;

/// An event, for people.
pub type Event = EventRecord;

impl EventRecord {
    /// The instance's name, if it is there still.
    pub fn instance_name(&self) -> Option<String> {
        self.instance.as_ref().map(|(app, release, number)| instance_name(app, *release, *number))
    }
}

/// A page of an app's events, newest first.
pub async fn list_of_app(
    store: &Store,
    permit: &Permit<Read>,
    page: &PageRequest<EventId>,
) -> Result<Paged<Event, EventId>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let found = list_events(tx.conn(), Of::App(permit.scope().app.id), page.after, page.rows()).await?;
    Ok(page.cut(found, |event| event.id))
}

/// A page of a tenant's events, newest first.
pub async fn list_of_tenant(
    store: &Store,
    permit: &Permit<ReadEvents>,
    page: &PageRequest<EventId>,
) -> Result<Paged<Event, EventId>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let found = list_events(tx.conn(), Of::Tenant(permit.scope().tenant.id), page.after, page.rows()).await?;
    Ok(page.cut(found, |event| event.id))
}
