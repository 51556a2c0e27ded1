//! Audit trails.

use super::{
    client::{get, get_with},
    error::ApiError,
};
use berth_api_types::{
    page::Page,
    path,
    v1::audit::{AuditCheckView, AuditQuery, AuditView},
};

/// Whose trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trail {
    /// The platform's.
    Platform,
    /// A tenant's.
    Tenant(String),
}

impl Trail {
    /// Where the whole of it is downloaded, as lines that can be checked.
    pub fn export_url(&self) -> String {
        match self {
            Self::Platform => path::platform_audit_export(),
            Self::Tenant(tenant) => path::tenant_audit_export(tenant),
        }
    }
    /// Where rows of it are downloaded as a table.
    pub fn table_url(&self) -> String {
        match self {
            Self::Platform => path::platform_audit_table(),
            Self::Tenant(tenant) => path::tenant_audit_table(tenant),
        }
    }
}

/// Rows, the newest first.
pub async fn list(trail: &Trail, query: &AuditQuery) -> Result<Page<AuditView>, ApiError> {
    let path = match trail {
        Trail::Platform => path::platform_audit(),
        Trail::Tenant(tenant) => path::tenant_audit(tenant),
    };
    get_with(&path, query).await
}

/// Goes through all of it.
pub async fn check(trail: &Trail) -> Result<AuditCheckView, ApiError> {
    let path = match trail {
        Trail::Platform => path::platform_audit_check(),
        Trail::Tenant(tenant) => path::tenant_audit_check(tenant),
    };
    get(&path).await
}
