//! Who belongs to a tenant, and with which role.

use berth_domain::{
    id::UserId,
    right::{Right, Role},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Adds a person to a tenant. Somebody without an account gets one with the given first password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddPersonBody {
    /// Who.
    pub email: String,
    /// The role at the tenant.
    pub role: Role,
    /// For a new account: the shown name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For a new account: the first password. Refused for an existing one, which keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Changes a person's role at the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdatePersonBody {
    /// The role.
    pub role: Role,
}

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonView {
    /// Who.
    pub id: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// The role at the tenant.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Gives somebody a role at a project or an environment. They have an account already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    /// Who.
    pub email: String,
    /// The role there; never `owner`, which is of the whole tenant.
    pub role: Role,
}

/// A person with a role at a project or an environment, there or above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonAtView {
    /// Who.
    pub id: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// The role that was given there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Roles given further up, which hold there too: the tenant's first.
    pub above: Vec<RoleAboveView>,
}

/// A role that was given further up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleAboveView {
    /// At which project; none: at the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Which.
    pub role: Role,
}

/// Where in a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct RightsQuery {
    /// At this project; the tenant itself when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// At this environment of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What a person may do somewhere in a tenant, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonRightsView {
    /// Who.
    pub id: UserId,
    /// Every right that there is in a tenant, held or not.
    pub rights: Vec<RightView>,
}

/// A right of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RightView {
    /// Which.
    pub right: Right,
    /// What gives it; nothing: it is not held.
    pub by: Vec<RoleGivenView>,
    /// Roles that would give it, the least powerful first.
    pub roles: Vec<Role>,
}

/// A role that was given somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleGivenView {
    /// Which.
    pub role: Role,
    /// At which project; none: at the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// At which environment of it; none: at the whole project or tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}
