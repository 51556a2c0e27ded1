//! Tenants and their quotas.

use super::{
    collect::Wrong,
    error::Error,
    page::{PageRequest, Paged},
};
use crate::{
    authz::{action, permit::Permit, scope::Place},
    startup::App,
    store::{
        ReadTx, StoreError, Tx,
        audit::AuditEntry,
        nudge::Topic,
        roles::insert_role_at,
        tenants::{self, TenantRecord, Wanted},
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::TenantId,
    name::Name,
    quantity::{Mebibytes, MilliCpu},
    quota::{Quota, Usage},
    right::Role,
};
use serde_json::json;

/// A tenant with its quota and usage.
pub type Tenant = TenantRecord;

/// What a tenant may use when nothing was said: all of one large machine.
const QUOTA_DEFAULT: Quota =
    Quota { cpu_milli: MilliCpu(32_000), memory_mib: Mebibytes(65_536), instances: 500, apps: 200 };
/// Largest quota of each kind: a thousand large nodes.
const CPU_MILLI_MAX: u64 = 1_000_000_000;
const MEMORY_MIB_MAX: u64 = 10_000_000_000;
const COUNT_MAX: u32 = 1_000_000;

/// A page of the tenants that the caller may see: one's own, or all for who runs the platform.
pub async fn list(
    app: &App,
    permit: &Permit<action::tenant::List>,
    page: PageRequest<String>,
) -> Result<Paged<Tenant, String>, Error> {
    let of = (!permit.actor().platform_administrator).then_some(permit.actor().user);
    let after = page.after.as_deref().unwrap_or_default();
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = tenants::list_tenants(tx.conn(), Wanted::Page { of, after, limit: page.rows() }).await?;
    Ok(page.cut(rows, |tenant| tenant.name.clone()))
}

/// One tenant.
pub async fn read(app: &App, permit: &Permit<action::tenant::Read>) -> Result<Tenant, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    tenants::get_tenant(tx.conn(), permit.scope().tenant.id).await?.ok_or(Error::NotFound)
}

/// A tenant to make.
pub struct NewTenant {
    name: Name,
    quota: Quota,
}

impl NewTenant {
    /// Parses what was typed.
    pub fn parse(name: &str, quota: Option<Quota>) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let name = wrong.take(Name::parse(name));
        let quota = quota.unwrap_or(QUOTA_DEFAULT);
        check_quota(quota, "quota.", &mut wrong);
        match name {
            Some(name) if wrong.is_empty() => Ok(Self { name, quota }),
            _ => Err(wrong.error()),
        }
    }
}

fn check_quota(quota: Quota, prefix: &str, wrong: &mut Wrong) {
    for (field, value, max) in [
        ("cpu_milli", quota.cpu_milli.0, CPU_MILLI_MAX),
        ("memory_mib", quota.memory_mib.0, MEMORY_MIB_MAX),
        ("instances", quota.instances.into(), COUNT_MAX.into()),
        ("apps", quota.apps.into(), COUNT_MAX.into()),
    ] {
        if value > max {
            let message = format!("at most {max}");
            wrong.push(FieldError::new(format!("{prefix}{field}"), FieldCode::TooLarge, message).limit(max));
        }
    }
}

/// Makes a tenant; the caller becomes its owner.
pub async fn create(app: &App, permit: &Permit<action::tenant::Create>, new: NewTenant) -> Result<Tenant, Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let (id, at): (TenantId, _) = (tx.id(), tx.now());
    if !tenants::insert_tenant(tx.conn(), id, &new.name, new.quota, at).await? {
        let message = format!("A tenant “{}” is there already.", new.name);
        return Err(Error::NameTaken(FieldError::new("name", FieldCode::Taken, message)));
    }
    insert_role_at(tx.conn(), app.ids.uuid(), Place::of_tenant(id), permit.actor().user, Role::Owner, at).await?;
    tx.touch(Topic::Tenant);
    let entry = AuditEntry::new().target(new.name.as_str(), id.uuid());
    tx.commit(entry.after(&json!({ "quota": new.quota, "owner": permit.actor().email }))).await?;
    Ok(TenantRecord {
        id,
        name: new.name.as_str().to_owned(),
        created_at: at,
        quota: new.quota,
        usage: Usage::default(),
    })
}

/// A quota that was typed and found good.
pub struct NewQuota(Quota);

impl NewQuota {
    /// Parses what was typed.
    pub fn parse(quota: Quota) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        check_quota(quota, "", &mut wrong);
        if wrong.is_empty() { Ok(Self(quota)) } else { Err(wrong.error()) }
    }
}

/// Changes what a tenant may use. Less than what it uses is allowed: then it can only shrink.
pub async fn set_quota(app: &App, permit: &Permit<action::tenant::SetQuota>, new: NewQuota) -> Result<Tenant, Error> {
    let tenant = permit.scope().tenant.id;
    let mut tx = Tx::begin_as_system(&app.store, permit).await?;
    let before = tenants::lock_tenant(tx.conn(), tenant).await?.ok_or(Error::NotFound)?;
    tenants::update_quota(tx.conn(), tenant, new.0).await?;
    tx.touch(Topic::Tenant);
    tx.commit(AuditEntry::new().before(&before.quota).after(&new.0)).await?;
    Ok(TenantRecord { quota: new.0, ..before })
}

/// Deletes a tenant that has no projects. Its audit trail stays; the act itself is in the platform's.
pub async fn delete(app: &App, permit: &Permit<action::tenant::Delete>) -> Result<(), Error> {
    let tenant = permit.scope().tenant.id;
    let mut tx = Tx::begin_as_system(&app.store, permit).await?;
    let before = tenants::lock_tenant(tx.conn(), tenant).await?.ok_or(Error::NotFound)?;
    tenants::delete_tenant(tx.conn(), tenant).await.map_err(|error| match error {
        StoreError::Referenced { .. } => Error::NotEmpty("The tenant still has projects. Delete them first.".into()),
        error => error.into(),
    })?;
    tx.touch(Topic::Tenant);
    tx.commit(AuditEntry::new().on_platform().before(&json!({ "quota": before.quota }))).await?;
    Ok(())
}
