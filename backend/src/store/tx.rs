//! Transactions. [`Tx`] is how a permitted act changes rows, and its commit is the only one that people's acts have:
//! it appends the audit row and sends the nudge with the change itself, or none of the three happens.

use super::{
    Store, StoreError,
    audit::{self, AuditEntry, AuditResult, AuditRow},
    idempotency,
    nudge::{self, Nudge},
};
use crate::{
    authz::{
        action::Action,
        permit::{Permit, RequestContext, SystemPermit},
        scope::Scope as _,
    },
    clock::{Clock, Ids},
};
use berth_api_types::v1::live::Topic;
use berth_domain::id::{Id, Kind, TenantId, UserId};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use std::sync::Arc;
use uuid::Uuid;

/// Whose audit chain a row goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// The platform's.
    Platform,
    /// A tenant's.
    Tenant(TenantId),
}

impl Chain {
    const fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }
}

/// Who does what, as the audit trail wants it.
#[derive(Clone)]
struct Act {
    chain: Chain,
    actor_id: Option<UserId>,
    actor: String,
    action: &'static str,
    target: Vec<String>,
    target_id: Option<Uuid>,
    request: RequestContext,
}

impl Act {
    fn of<A: Action>(permit: &Permit<A>) -> Self {
        let scope = permit.scope();
        Self {
            chain: scope.tenant().map_or(Chain::Platform, |tenant| Chain::Tenant(tenant.id)),
            actor_id: Some(permit.actor().user),
            actor: permit.actor().email.clone(),
            action: A::NAME,
            target: scope.path(),
            target_id: scope.id(),
            request: permit.request().clone(),
        }
    }

    fn row(self, store: &Tools, entry: AuditEntry, result: AuditResult) -> AuditRow {
        let mut target = self.target;
        target.extend(entry.below);
        AuditRow {
            id: store.ids.id(),
            tenant: if entry.on_platform { None } else { self.chain.tenant() },
            at: store.clock.now(),
            actor_id: self.actor_id,
            actor: self.actor,
            action: entry.action.unwrap_or(self.action).to_owned(),
            target: target.join("/"),
            target_id: entry.target_id.or(self.target_id),
            result,
            request_id: self.request.id,
            source: self.request.source,
            before: entry.before,
            after: entry.after,
        }
    }
}

/// Time and ids, for rows that a transaction writes.
#[derive(Clone)]
struct Tools {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Tools {
    fn of(store: &Store) -> Self {
        Self { clock: store.clock.clone(), ids: store.ids.clone() }
    }
}

/// A permitted act that changes rows. Dropped without [`Tx::commit`] it changes nothing.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    act: Act,
    tools: Tools,
    touched: Vec<(Option<TenantId>, Topic)>,
}

impl Tx {
    /// Begins the act that `permit` allows, on rows of its tenant alone. Acts on the platform or on the caller's own
    /// account run as the system role, as those rows belong to no tenant.
    pub async fn begin<A: Action>(store: &Store, permit: &Permit<A>) -> Result<Self, StoreError> {
        let pool = if permit.scope().tenant().is_some() { &store.app } else { &store.system };
        Self::begin_on(pool, store, permit).await
    }

    /// The same as the system role, for acts within a tenant that write rows which no tenant owns: its quota, the
    /// account of a new person. Every statement must name its tenant itself: row-level security does not.
    pub async fn begin_as_system<A: Action>(store: &Store, permit: &Permit<A>) -> Result<Self, StoreError> {
        Self::begin_on(&store.system, store, permit).await
    }

    async fn begin_on<A: Action>(pool: &PgPool, store: &Store, permit: &Permit<A>) -> Result<Self, StoreError> {
        let act = Act::of(permit);
        let mut inner = begin(pool, "BEGIN", act.chain.tenant(), Some(permit.actor().user)).await?;
        // First of all, so that of two calls with one key the second waits here for the first.
        if let Some(claim) = permit.request().claim() {
            idempotency::insert(&mut inner, permit.actor().user, &claim, store.clock.now()).await?;
        }
        Ok(Self { inner, act, tools: Tools::of(store), touched: Vec::new() })
    }

    /// For statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        self.tools.clock.now()
    }
    /// A fresh id.
    pub fn id<K: Kind>(&self) -> Id<K> {
        self.tools.ids.id()
    }
    /// Says what pages must look at again after the commit.
    pub fn touch(&mut self, topic: Topic) {
        self.touched.push((self.act.chain.tenant(), topic));
    }

    /// Commits the change, its audit row and its nudge together.
    pub async fn commit(mut self, entry: AuditEntry) -> Result<(), StoreError> {
        let row = self.act.row(&self.tools, entry, AuditResult::Done);
        finish(self.inner, Some(row), std::mem::take(&mut self.touched)).await
    }
}

/// A consistent look at the rows of the permit's tenant.
pub struct ReadTx {
    inner: Transaction<'static, Postgres>,
}

impl ReadTx {
    /// Begins a look. Without a tenant in the scope: at rows that no tenant owns, as the system role.
    pub async fn begin<A: Action>(store: &Store, permit: &Permit<A>) -> Result<Self, StoreError> {
        let tenant = permit.scope().tenant().map(|tenant| tenant.id);
        let pool = if tenant.is_some() { &store.app } else { &store.system };
        Self::begin_on(pool, tenant, permit.actor().user).await
    }

    /// The same as the system role; see [`Tx::begin_as_system`].
    pub async fn begin_as_system<A: Action>(store: &Store, permit: &Permit<A>) -> Result<Self, StoreError> {
        let tenant = permit.scope().tenant().map(|tenant| tenant.id);
        Self::begin_on(&store.system, tenant, permit.actor().user).await
    }

    async fn begin_on(pool: &PgPool, tenant: Option<TenantId>, actor: UserId) -> Result<Self, StoreError> {
        let how = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(Self { inner: begin(pool, how, tenant, Some(actor)).await? })
    }

    /// For statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// A transaction of the platform itself, over all tenants: set-up, sign-in, reconcilers.
pub struct SystemTx {
    inner: Transaction<'static, Postgres>,
    tools: Tools,
    touched: Vec<(Option<TenantId>, Topic)>,
}

impl SystemTx {
    /// Begins.
    pub async fn begin(store: &Store, _permit: &SystemPermit) -> Result<Self, StoreError> {
        let inner = store.system.begin().await?;
        Ok(Self { inner, tools: Tools::of(store), touched: Vec::new() })
    }
    /// For statements.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
    /// Now, by this server's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.tools.clock.now()
    }
    /// A fresh id.
    pub fn id<K: Kind>(&self) -> Id<K> {
        self.tools.ids.id()
    }
    /// Says what pages must look at again after the commit; no tenant: pages of the platform.
    pub fn touch(&mut self, tenant: Option<TenantId>, topic: Topic) {
        self.touched.push((tenant, topic));
    }

    /// Commits what is nobody's act: ASSIGNED and OBSERVED rows, leases, clean-up. They leave events, not audit rows.
    pub async fn commit_unaudited(self) -> Result<(), StoreError> {
        finish(self.inner, None, self.touched).await
    }

    /// Commits a person's act for which there is no permit yet, such as a sign-in.
    pub async fn commit_audited(self, row: AuditRow) -> Result<(), StoreError> {
        finish(self.inner, Some(row), self.touched).await
    }
}

/// One round trip: the statement that begins, and the tenant and actor that row-level security goes by.
async fn begin(
    pool: &PgPool,
    how: &str,
    tenant: Option<TenantId>,
    actor: Option<UserId>,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    // Safe to put together: a UUID's text is hexadecimal digits and dashes.
    let statement = format!(
        "{how}; SELECT set_config('berth.tenant_id', '{}', true), set_config('berth.actor_id', '{}', true)",
        text(tenant.map(TenantId::uuid)),
        text(actor.map(UserId::uuid)),
    );
    Ok(pool.begin_with(AssertSqlSafe(statement)).await?)
}

async fn finish(
    mut inner: Transaction<'static, Postgres>,
    row: Option<AuditRow>,
    mut touched: Vec<(Option<TenantId>, Topic)>,
) -> Result<(), StoreError> {
    touched.sort();
    touched.dedup();
    for group in touched.chunk_by(|a, b| a.0 == b.0) {
        let topics = group.iter().map(|(_, topic)| topic.clone()).collect();
        nudge::send(&mut inner, &Nudge { tenant: group[0].0, topics }).await?;
    }
    // Last: the chain's head is locked from here to the commit.
    if let Some(row) = row {
        audit::append(&mut inner, &row).await?;
    }
    inner.commit().await.map_err(StoreError::of_commit)
}
