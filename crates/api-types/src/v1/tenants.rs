//! Tenants and their quotas.

use berth_domain::{
    id::TenantId,
    quota::{Quota, Usage},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Creates a tenant; the caller becomes its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateTenantBody {
    /// A DNS label.
    pub name: String,
    /// What it may use; a default that suits one machine when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TenantView {
    /// Which.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// What it may use.
    pub quota: Quota,
    /// What it has reserved.
    pub usage: Usage,
}
