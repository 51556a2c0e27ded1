//! Tenants, their quotas, people and events.

use super::{
    client::{delete, get, get_with, patch, post, put},
    error::ApiError,
};
use berth_api_types::{
    page::{Page, PageQuery},
    path,
    v1::{
        events::EventView,
        people::{AddPersonBody, PersonRightsView, PersonView, RightsQuery, UpdatePersonBody},
        tenants::{CreateTenantBody, TenantView},
    },
};
use berth_domain::{id::UserId, quota::Quota};

/// All tenants that the caller may see.
pub async fn list(page: &PageQuery) -> Result<Page<TenantView>, ApiError> {
    get_with(&path::tenants(), page).await
}
/// Creates a tenant.
pub async fn create(body: &CreateTenantBody) -> Result<TenantView, ApiError> {
    post(&path::tenants(), body).await
}
/// One tenant with quota and usage.
pub async fn read(tenant: &str) -> Result<TenantView, ApiError> {
    get(&path::tenant(tenant)).await
}
/// Sets a tenant's quota.
pub async fn set_quota(tenant: &str, quota: &Quota) -> Result<TenantView, ApiError> {
    put(&path::tenant_quota(tenant), quota).await
}
/// Who belongs to it.
pub async fn list_people(tenant: &str, page: &PageQuery) -> Result<Page<PersonView>, ApiError> {
    get_with(&path::people(tenant), page).await
}
/// Adds somebody.
pub async fn add_person(tenant: &str, body: &AddPersonBody) -> Result<PersonView, ApiError> {
    post(&path::people(tenant), body).await
}
/// Changes somebody's role.
pub async fn update_person(tenant: &str, user: UserId, body: &UpdatePersonBody) -> Result<PersonView, ApiError> {
    patch(&path::person(tenant, user), body).await
}
/// Takes somebody out.
pub async fn remove_person(tenant: &str, user: UserId) -> Result<(), ApiError> {
    delete(&path::person(tenant, user)).await
}
/// What somebody may do somewhere in it, and why.
pub async fn rights(tenant: &str, user: UserId, at: &RightsQuery) -> Result<PersonRightsView, ApiError> {
    get_with(&path::person_rights(tenant, user), at).await
}
/// What happened in it.
pub async fn events(tenant: &str, page: &PageQuery) -> Result<Page<EventView>, ApiError> {
    get_with(&path::tenant_events(tenant), page).await
}
