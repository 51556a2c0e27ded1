//! Rights, the built-in roles that hold them, and the levels where roles are bound.

use serde::{Deserialize, Serialize};

/// One thing that one may do. Named `noun.verb`, as in the API and the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Right {
    /// See a tenant, its usage and its quota.
    #[serde(rename = "tenant.read")]
    TenantRead,
    /// See who belongs to a tenant and with which role.
    #[serde(rename = "people.read")]
    PeopleRead,
    /// Add people, bind and unbind roles.
    #[serde(rename = "people.manage")]
    PeopleManage,
    /// Read a tenant's audit trail.
    #[serde(rename = "audit.read")]
    AuditRead,
    /// See projects and environments.
    #[serde(rename = "project.read")]
    ProjectRead,
    /// Create projects.
    #[serde(rename = "project.create")]
    ProjectCreate,
    /// Delete projects.
    #[serde(rename = "project.delete")]
    ProjectDelete,
    /// Create and delete environments.
    #[serde(rename = "environment.manage")]
    EnvironmentManage,
    /// See registry credentials' names, never their secrets; add and delete them.
    #[serde(rename = "credential.manage")]
    CredentialManage,
    /// See images loaded from files.
    #[serde(rename = "image.read")]
    ImageRead,
    /// Load images from files, delete them.
    #[serde(rename = "image.manage")]
    ImageManage,
    /// See apps with their releases, instances and events.
    #[serde(rename = "app.read")]
    AppRead,
    /// Create apps.
    #[serde(rename = "app.create")]
    AppCreate,
    /// Make releases and roll back.
    #[serde(rename = "app.deploy")]
    AppDeploy,
    /// Change the number of instances.
    #[serde(rename = "app.scale")]
    AppScale,
    /// Stop, start and restart.
    #[serde(rename = "app.operate")]
    AppOperate,
    /// Delete apps.
    #[serde(rename = "app.delete")]
    AppDelete,
    /// Read logs.
    #[serde(rename = "app.logs")]
    AppLogs,
    /// Open a terminal in an instance.
    #[serde(rename = "app.terminal")]
    AppTerminal,
    /// See what happened in a project.
    #[serde(rename = "activity.read")]
    ActivityRead,
    /// See the platform's nodes.
    #[serde(rename = "node.read")]
    NodeRead,
    /// Join, cordon, drain, label and remove nodes.
    #[serde(rename = "node.manage")]
    NodeManage,
    /// Create tenants and set their quotas.
    #[serde(rename = "tenant.manage")]
    TenantManage,
    /// Read the platform's own audit trail.
    #[serde(rename = "platform_audit.read")]
    PlatformAuditRead,
}

impl Right {
    /// `noun.verb`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantRead => "tenant.read",
            Self::PeopleRead => "people.read",
            Self::PeopleManage => "people.manage",
            Self::AuditRead => "audit.read",
            Self::ProjectRead => "project.read",
            Self::ProjectCreate => "project.create",
            Self::ProjectDelete => "project.delete",
            Self::EnvironmentManage => "environment.manage",
            Self::CredentialManage => "credential.manage",
            Self::ImageRead => "image.read",
            Self::ImageManage => "image.manage",
            Self::AppRead => "app.read",
            Self::AppCreate => "app.create",
            Self::AppDeploy => "app.deploy",
            Self::AppScale => "app.scale",
            Self::AppOperate => "app.operate",
            Self::AppDelete => "app.delete",
            Self::AppLogs => "app.logs",
            Self::AppTerminal => "app.terminal",
            Self::ActivityRead => "activity.read",
            Self::NodeRead => "node.read",
            Self::NodeManage => "node.manage",
            Self::TenantManage => "tenant.manage",
            Self::PlatformAuditRead => "platform_audit.read",
        }
    }
}

/// A set of rights that can be bound to a person at a tenant, project or environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in the tenant, and the last one cannot leave.
    Owner,
    /// Everything but naming owners.
    Admin,
    /// Creates and deploys apps, opens terminals.
    Developer,
    /// Runs what is there: scale, stop, restart, logs.
    Operator,
    /// Looks.
    Viewer,
    /// Looks, and reads the audit trail.
    Auditor,
    /// Sees what is used.
    Finance,
}

use Right as R;
const VIEWER: &[Right] = &[R::TenantRead, R::ProjectRead, R::ImageRead, R::AppRead, R::ActivityRead];
const OPERATOR: &[Right] =
    &[R::TenantRead, R::ProjectRead, R::ImageRead, R::AppRead, R::ActivityRead, R::AppLogs, R::AppScale, R::AppOperate];
const DEVELOPER: &[Right] = &[
    R::TenantRead,
    R::ProjectRead,
    R::ImageRead,
    R::AppRead,
    R::ActivityRead,
    R::AppLogs,
    R::AppScale,
    R::AppOperate,
    R::AppCreate,
    R::AppDeploy,
    R::AppDelete,
    R::AppTerminal,
    R::ImageManage,
    R::CredentialManage,
];
const ADMIN: &[Right] = &[
    R::TenantRead,
    R::ProjectRead,
    R::ImageRead,
    R::AppRead,
    R::ActivityRead,
    R::AppLogs,
    R::AppScale,
    R::AppOperate,
    R::AppCreate,
    R::AppDeploy,
    R::AppDelete,
    R::AppTerminal,
    R::ImageManage,
    R::CredentialManage,
    R::PeopleRead,
    R::PeopleManage,
    R::AuditRead,
    R::ProjectCreate,
    R::ProjectDelete,
    R::EnvironmentManage,
];
const AUDITOR: &[Right] =
    &[R::TenantRead, R::ProjectRead, R::ImageRead, R::AppRead, R::ActivityRead, R::PeopleRead, R::AuditRead];
const FINANCE: &[Right] = &[R::TenantRead, R::ProjectRead];
/// What a platform administrator may do. Nothing in it looks into a tenant.
pub const PLATFORM_ADMINISTRATOR: &[Right] = &[R::NodeRead, R::NodeManage, R::TenantManage, R::PlatformAuditRead];

impl Role {
    /// All roles, most powerful first.
    pub const ALL: [Self; 7] =
        [Self::Owner, Self::Admin, Self::Developer, Self::Operator, Self::Viewer, Self::Auditor, Self::Finance];

    /// What the role allows where it is bound and below.
    pub const fn rights(self) -> &'static [Right] {
        match self {
            Self::Owner | Self::Admin => ADMIN,
            Self::Developer => DEVELOPER,
            Self::Operator => OPERATOR,
            Self::Viewer => VIEWER,
            Self::Auditor => AUDITOR,
            Self::Finance => FINANCE,
        }
    }
    /// Every right that there is in a tenant: all that its most powerful role has.
    pub const fn all_rights() -> &'static [Right] {
        Self::Owner.rights()
    }
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Finance => "finance",
        }
    }
    /// The role of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}
