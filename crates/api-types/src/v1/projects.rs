//! Projects, environments and registry credentials.

use berth_domain::id::{EnvironmentId, ProjectId, RegistryCredentialId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Creates a project with its environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateProjectBody {
    /// A DNS label.
    pub name: String,
    /// Names of its first environments, in the order of promotion; `dev` and `production` when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<String>>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectView {
    /// Which.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Its environments, in the order of promotion.
    pub environments: Vec<EnvironmentView>,
}

/// Creates an environment after the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateEnvironmentBody {
    /// A DNS label.
    pub name: String,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnvironmentView {
    /// Which.
    pub id: EnvironmentId,
    /// Its name.
    pub name: String,
    /// Apps in it.
    pub apps: u32,
}

/// Keeps credentials for a registry, replacing those that were there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PutCredentialBody {
    /// Host name and port, as in image references.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Password or token. Never shown again.
    pub password: String,
}

/// Credentials for a registry, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialView {
    /// Which.
    pub id: RegistryCredentialId,
    /// Host name and port.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}
