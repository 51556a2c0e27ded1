//! Tenants and their quotas.

use crate::{
    authz::{action::tenant, permit::Permit},
    http::{
        error::Failure,
        input::{Json, Query, State},
        page,
        reply::{Created, Done, Found},
    },
    service::tenants::{self, NewQuota, NewTenant, Tenant},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::tenants::{CreateTenantBody, TenantView},
};
use berth_domain::quota::Quota;

/// Tenants that the caller may see.
pub async fn list(
    permit: Permit<tenant::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<TenantView>>, Failure> {
    let tenants = tenants::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(tenants, view)))
}

/// Makes a tenant; the caller becomes its owner.
pub async fn create(
    permit: Permit<tenant::Create>,
    app: State,
    Json(body): Json<CreateTenantBody>,
) -> Result<Created<TenantView>, Failure> {
    let new = NewTenant::parse(&body.name, body.quota)?;
    Ok(Created(view(tenants::create(&app, &permit, new).await?)))
}

/// One tenant with its usage and quota.
pub async fn read(permit: Permit<tenant::Read>, app: State) -> Result<Found<TenantView>, Failure> {
    Ok(Found(view(tenants::read(&app, &permit).await?)))
}

/// Deletes a tenant that has no projects.
pub async fn delete(permit: Permit<tenant::Delete>, app: State) -> Result<Done, Failure> {
    tenants::delete(&app, &permit).await?;
    Ok(Done)
}

/// Changes what a tenant may use.
pub async fn set_quota(
    permit: Permit<tenant::SetQuota>,
    app: State,
    Json(body): Json<Quota>,
) -> Result<Found<TenantView>, Failure> {
    let quota = NewQuota::parse(body)?;
    Ok(Found(view(tenants::set_quota(&app, &permit, quota).await?)))
}

fn view(tenant: Tenant) -> TenantView {
    TenantView {
        id: tenant.id,
        name: tenant.name,
        created_at: tenant.created_at,
        quota: tenant.quota,
        usage: tenant.usage,
    }
}
