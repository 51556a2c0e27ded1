//! Apps: create, list, read, scale, stop, start, delete.

use super::{
    error::Error,
    instances::endpoint,
    page::{PageRequest, Paged},
    refusals::{NodeNames, Refusal},
    resolve::resolve_image,
    rollouts::{Change, Changed, Rollout, change_app},
};
use crate::{
    authz::{
        action::{
            Action,
            app::{Create, Delete, List, Operate, Scale},
        },
        permit::Permit,
        scope::{AppScope, EnvironmentScope},
    },
    startup::App,
    store::{
        Connection, ReadTx, Store, StoreError, Tx,
        apps::{AppRecord, NewApp, WantedApp, Which, delete_app, insert_app, list_apps, lock_app},
        audit::AuditEntry,
        instances_read::{ReadyRecord, RefusalRecord, list_node_names, list_ready, list_refusals},
        nudge::Topic,
        projects::has_environment,
        releases::{NewRelease, insert_release},
        rollouts::{self, Cause, list_rollouts, lock_open_rollout, supersede_rollout},
        usage::{UsageChange, reserve},
    },
};
use berth_domain::{
    app::AppSpec,
    field_error::{FieldCode, FieldError},
    id::{AppId, NodeId, RolloutId},
    lifecycle::AppState,
    name::Name,
    quota::Usage,
};
use serde_json::json;
use std::collections::BTreeMap;

/// An app, for people: what is wanted, and what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppDetail {
    /// What is wanted.
    pub record: AppRecord,
    /// What is ready.
    pub ready: ReadyRecord,
    /// The rollout that is going on.
    pub rollout: Option<Rollout>,
    /// Wanted instances without a place.
    pub refusals: Vec<Refusal>,
}

impl AppDetail {
    /// How it is doing.
    pub fn state(&self) -> AppState {
        let wanted = if self.record.running { self.record.replicas } else { 0 };
        AppState::of(wanted, self.ready.ready, self.rollout.as_ref().map(|rollout| rollout.phase))
    }
    /// Where a ready instance's first port is reached, if there is one.
    pub fn visit_url(&self) -> Option<String> {
        let visit = self.ready.visit.as_ref()?;
        let port = visit.ports.iter().find(|port| Some(port.container) == visit.first_port)?;
        Some(format!("http://{}", endpoint(&visit.address, port.host)))
    }
}

/// A page of an environment's apps, by name.
pub async fn list(
    app: &App,
    permit: &Permit<List>,
    page: &PageRequest<String>,
) -> Result<Paged<AppDetail, String>, Error> {
    let environment = permit.scope().environment.id;
    let after = page.after.as_deref().unwrap_or("");
    let found = load(&app.store, permit, Which::PageOf { environment, after, limit: page.rows() }).await?;
    Ok(page.cut(found, |app| app.record.name.clone()))
}

/// One app, by whoever has a permit for something on it.
pub async fn read<A: Action<Scope = AppScope>>(app: &App, permit: &Permit<A>) -> Result<AppDetail, Error> {
    // It may be deleted between the gate's look and ours.
    load(&app.store, permit, Which::One(permit.scope().app.id)).await?.pop().ok_or(Error::NotFound)
}

async fn load<A: Action>(store: &Store, permit: &Permit<A>, which: Which<'_>) -> Result<Vec<AppDetail>, StoreError> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let rows = Rows::read(tx.conn(), which).await?;
    drop(tx);
    rows.with_names(store, permit).await
}

/// What a change makes of an app, seen by its own transaction before the commit: once it is committed, nothing that can
/// still fail stands between the change and its answer.
async fn look<A: Action>(tx: &mut Tx, store: &Store, permit: &Permit<A>, app: AppId) -> Result<AppDetail, Error> {
    let rows = Rows::read(tx.conn(), Which::One(app)).await?;
    // Never the other way round: who holds a connection of the system role does not wait for one of the tenants' role.
    rows.with_names(store, permit).await?.pop().ok_or(Error::NotFound)
}

/// Apps with what belongs to them.
struct Rows {
    records: Vec<AppRecord>,
    open: Vec<Rollout>,
    ready: BTreeMap<AppId, ReadyRecord>,
    refusals: Vec<RefusalRecord>,
}

impl Rows {
    /// A fixed number of queries, however many apps.
    async fn read(conn: &mut Connection, which: Which<'_>) -> Result<Self, StoreError> {
        let records = list_apps(conn, which).await?;
        let ids: Vec<_> = records.iter().map(|record| record.id).collect();
        Ok(Self {
            open: list_rollouts(conn, rollouts::Which::OpenOf(&ids)).await?,
            ready: list_ready(conn, &ids).await?,
            refusals: list_refusals(conn, &ids).await?,
            records,
        })
    }

    /// With the names of the nodes that refuse an instance.
    async fn with_names<A: Action>(mut self, store: &Store, permit: &Permit<A>) -> Result<Vec<AppDetail>, StoreError> {
        let nodes: Vec<_> = self.refusals.iter().flat_map(|refusal| refusal.nodes.keys().copied()).collect();
        let names = node_names(store, permit, &nodes).await?;
        let mut open: BTreeMap<_, _> = self.open.into_iter().map(|rollout| (rollout.app, rollout)).collect();
        let app = |record: AppRecord| AppDetail {
            ready: self.ready.remove(&record.id).unwrap_or_default(),
            rollout: open.remove(&record.id),
            refusals: self
                .refusals
                .iter()
                .filter(|refusal| refusal.app == record.id)
                .map(|refusal| Refusal::new(&record.name, refusal, &names))
                .collect(),
            record,
        };
        Ok(self.records.into_iter().map(app).collect())
    }
}

/// Names of nodes that an explanation or a refusal of the tenant's own mentions. Row-level security shows a tenant only
/// the nodes that it has instances on, so this looks as the system.
pub(super) async fn node_names<A: Action>(
    store: &Store,
    permit: &Permit<A>,
    nodes: &[NodeId],
) -> Result<NodeNames, StoreError> {
    if nodes.is_empty() {
        return Ok(NodeNames::new());
    }
    let mut tx = ReadTx::begin_as_system(store, permit).await?;
    list_node_names(tx.conn(), nodes).await
}

/// What an app shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateApp {
    /// Its name.
    pub name: Name,
    /// Wanted instances.
    pub replicas: u32,
    /// What an instance is.
    pub spec: AppSpec,
}

/// Creates an app with its first release and, unless it shall have no instance, its first rollout.
pub async fn create(app: &App, permit: &Permit<Create>, new: CreateApp) -> Result<AppDetail, Error> {
    let scope = permit.scope();
    let image = resolve_image(app, permit, &scope.project_scope(), new.spec.image()).await?;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let (at, id, release) = (tx.now(), tx.id(), tx.id());
    let row = NewApp { id, environment: scope.environment.id, name: &new.name, replicas: new.replicas, release, at };
    if !insert_app(&mut tx, row).await? {
        if !has_environment(tx.conn(), scope.environment.id).await? {
            return Err(Error::NotFound);
        }
        let error = FieldError::new("name", FieldCode::Taken, "the environment has an app of this name already");
        return Err(Error::NameTaken(error.found(new.name.as_str())));
    }
    let row = NewRelease {
        id: release,
        app: id,
        number: 1,
        spec: &new.spec,
        pinned_image: &image.pinned,
        image: image.image_id,
        note: "",
        created_by: permit.actor().user,
        at,
    };
    insert_release(&mut tx, row).await?;
    let wanted = WantedApp {
        id,
        tenant: scope.tenant.id,
        replicas: new.replicas,
        running: true,
        restart_serial: 0,
        next_release_number: 2,
        revision: 0,
        reserved: Usage::default(),
        release,
        release_number: 1,
        spec: new.spec,
        pinned_image: image.pinned,
    };
    let nothing = WantedApp { replicas: 0, ..wanted.clone() };
    let change = Change { by: permit.actor().user, at, rollout: tx.id(), cause: Some(Cause::Deploy) };
    let after = json!({ "replicas": wanted.replicas, "release": 1, "image": wanted.pinned_image });
    change_app(&mut tx, &nothing, wanted, change).await?.allowed()?;
    touch(&mut tx, scope, new.name.as_str());
    let made = look(&mut tx, &app.store, permit, id).await?;
    tx.commit(AuditEntry::new().target(new.name.as_str(), id.uuid()).after(&after)).await?;
    Ok(made)
}

/// Changes the number of instances. No release: the same spec, more or less often. While the app is stopped the number
/// is kept for its start, and reserves nothing.
pub async fn scale(app: &App, permit: &Permit<Scale>, replicas: u32, seen: Option<i64>) -> Result<AppDetail, Error> {
    let action = AuditEntry::new();
    want(app, permit, seen, action, |app| app.replicas = replicas).await
}

/// Stops all instances. The app keeps its number of instances for the next start.
pub async fn stop(app: &App, permit: &Permit<Operate>, seen: Option<i64>) -> Result<AppDetail, Error> {
    want(app, permit, seen, AuditEntry::new().action("app.stop"), |app| app.running = false).await
}

/// Starts a stopped app again.
pub async fn start(app: &App, permit: &Permit<Operate>, seen: Option<i64>) -> Result<AppDetail, Error> {
    want(app, permit, seen, AuditEntry::new().action("app.start"), |app| app.running = true).await
}

/// Writes what `change` makes of an app, unless it is so already.
async fn want<A: Action<Scope = AppScope>>(
    app: &App,
    permit: &Permit<A>,
    seen: Option<i64>,
    audit: AuditEntry,
    change: impl FnOnce(&mut WantedApp),
) -> Result<AppDetail, Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = lock_seen(&mut tx, permit.scope(), seen).await?;
    let mut after = before.clone();
    change(&mut after);
    if after != before {
        let at = tx.now();
        let said = |app: &WantedApp| json!({ "replicas": app.replicas, "running": app.running });
        let audit = audit.before(&said(&before)).after(&said(&after));
        let change = Change { by: permit.actor().user, at, rollout: tx.id(), cause: None };
        change_app(&mut tx, &before, after, change).await?.allowed()?;
        touch_app(&mut tx, permit.scope());
        let changed = look(&mut tx, &app.store, permit, before.id).await?;
        tx.commit(audit).await?;
        return Ok(changed);
    }
    drop(tx);
    read(app, permit).await
}

/// Marks an app as wanted gone: its name and its quota are free at once, its rows go when its instances are gone.
pub async fn delete(app: &App, permit: &Permit<Delete>, seen: Option<i64>) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let found = lock_seen(&mut tx, permit.scope(), seen).await?;
    let at = tx.now();
    if let Some(open) = lock_open_rollout(&mut tx, found.id).await? {
        supersede_rollout(&mut tx, open.id, at).await?;
    }
    // Giving back is always allowed.
    let _ = reserve(&mut tx, found.tenant, UsageChange::between(found.reserved, Usage::default())).await?;
    delete_app(&mut tx, found.id, at).await?;
    touch_app(&mut tx, permit.scope());
    let before = json!({ "replicas": found.replicas, "release": found.release_number, "image": found.pinned_image });
    tx.commit(AuditEntry::new().before(&before)).await?;
    Ok(())
}

/// The state does not allow it.
pub(super) fn conflict(sentence: &str) -> Error {
    Error::Conflict(sentence.to_owned())
}

/// Locks the app of a scope, if it is still as the caller saw it.
pub(super) async fn lock_seen(tx: &mut Tx, scope: &AppScope, seen: Option<i64>) -> Result<WantedApp, Error> {
    let app = lock_app(tx, scope.app.id).await?.ok_or(Error::NotFound)?;
    match seen {
        Some(revision) if revision != app.revision => {
            Err(conflict("the app changed since it was read; look again and repeat the call"))
        }
        _ => Ok(app),
    }
}

impl Changed {
    /// The rollout that began, or the bounds that were passed as an error.
    pub(super) fn allowed(self) -> Result<Option<RolloutId>, Error> {
        match self {
            Self::Done(rollout) => Ok(rollout),
            Self::Exceeded(bounds) => Err(Error::QuotaExceeded(bounds)),
        }
    }
}

/// Pages that show the app look again; so do those that show what the tenant uses.
fn touch(tx: &mut Tx, scope: &EnvironmentScope, app: &str) {
    tx.touch(Topic::App {
        project: scope.project.name.clone(),
        environment: scope.environment.name.clone(),
        app: app.to_owned(),
    });
    tx.touch(Topic::Tenant);
}

/// The same for an app that is there already.
pub(super) fn touch_app(tx: &mut Tx, scope: &AppScope) {
    touch(tx, &scope.environment_scope(), &scope.app.name);
}
