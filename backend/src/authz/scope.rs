//! What an action applies to: ids that the gate resolved, with the names that they came from.

use berth_domain::id::{AppId, EnvironmentId, ProjectId, TenantId};
use uuid::Uuid;

/// Something with an id that people call by a name.
macro_rules! refs {
    ($($(#[$doc:meta])* $name:ident($id:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Its id.
            pub id: $id,
            /// Its name.
            pub name: String,
        }
    )*};
}
refs! {
    /// A tenant.
    TenantRef(TenantId);
    /// A project.
    ProjectRef(ProjectId);
    /// An environment.
    EnvironmentRef(EnvironmentId);
    /// An app.
    AppRef(AppId);
}

/// How far a path of names must be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The caller's own account: no right is asked.
    Own,
    /// The installation.
    Platform,
    /// A tenant.
    Tenant,
    /// A project.
    Project,
    /// An environment.
    Environment,
    /// An app.
    App,
}

/// What the gate found, as deep as the path went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The tenant.
    pub tenant: Option<TenantRef>,
    /// The project.
    pub project: Option<ProjectRef>,
    /// The environment.
    pub environment: Option<EnvironmentRef>,
    /// The app.
    pub app: Option<AppRef>,
}

/// A kind of scope.
pub trait Scope: Clone + Send + Sync + Sized + 'static {
    /// How deep.
    const DEPTH: Depth;
    /// From what was resolved; `None` when something is missing.
    fn from_resolved(resolved: Resolved) -> Option<Self>;
    /// The tenant, unless it is the platform or the caller's own account.
    fn tenant(&self) -> Option<&TenantRef>;
    /// The names, from the tenant down.
    fn path(&self) -> Vec<String>;
    /// Id of the last of them.
    fn id(&self) -> Option<Uuid>;
}

/// Where a role is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of which tenant.
    pub tenant: TenantId,
    /// The project; none: the whole tenant.
    pub project: Option<ProjectId>,
    /// The environment; none: the whole project, or tenant.
    pub environment: Option<EnvironmentId>,
}

impl Place {
    /// The whole tenant.
    pub const fn of_tenant(tenant: TenantId) -> Self {
        Self { tenant, project: None, environment: None }
    }
}

/// A scope below the tenant at which roles are bound.
pub trait HasPlace: Scope {
    /// The place.
    fn place(&self) -> Place;
    /// The project's name.
    fn project_name(&self) -> &str;
}

impl HasPlace for ProjectScope {
    fn place(&self) -> Place {
        Place { project: Some(self.project.id), ..Place::of_tenant(self.tenant.id) }
    }
    fn project_name(&self) -> &str {
        &self.project.name
    }
}

impl HasPlace for EnvironmentScope {
    fn place(&self) -> Place {
        Place { tenant: self.tenant.id, project: Some(self.project.id), environment: Some(self.environment.id) }
    }
    fn project_name(&self) -> &str {
        &self.project.name
    }
}

/// The caller's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfScope;

/// The installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformScope;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope {
    /// The tenant.
    pub tenant: TenantRef,
}

/// A project of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectScope {
    /// The tenant.
    pub tenant: TenantRef,
    /// The project.
    pub project: ProjectRef,
}

/// An environment of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentScope {
    /// The tenant.
    pub tenant: TenantRef,
    /// The project.
    pub project: ProjectRef,
    /// The environment.
    pub environment: EnvironmentRef,
}

impl EnvironmentScope {
    /// The project that it lies in.
    pub fn project_scope(&self) -> ProjectScope {
        ProjectScope { tenant: self.tenant.clone(), project: self.project.clone() }
    }
}

/// An app of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppScope {
    /// The tenant.
    pub tenant: TenantRef,
    /// The project.
    pub project: ProjectRef,
    /// The environment.
    pub environment: EnvironmentRef,
    /// The app.
    pub app: AppRef,
}

impl AppScope {
    /// The project that it lies in.
    pub fn project_scope(&self) -> ProjectScope {
        ProjectScope { tenant: self.tenant.clone(), project: self.project.clone() }
    }
    /// The environment that it lies in.
    pub fn environment_scope(&self) -> EnvironmentScope {
        EnvironmentScope {
            tenant: self.tenant.clone(),
            project: self.project.clone(),
            environment: self.environment.clone(),
        }
    }
}

impl Scope for SelfScope {
    const DEPTH: Depth = Depth::Own;
    fn from_resolved(_: Resolved) -> Option<Self> {
        Some(Self)
    }
    fn tenant(&self) -> Option<&TenantRef> {
        None
    }
    fn path(&self) -> Vec<String> {
        Vec::new()
    }
    fn id(&self) -> Option<Uuid> {
        None
    }
}

impl Scope for PlatformScope {
    const DEPTH: Depth = Depth::Platform;
    fn from_resolved(_: Resolved) -> Option<Self> {
        Some(Self)
    }
    fn tenant(&self) -> Option<&TenantRef> {
        None
    }
    fn path(&self) -> Vec<String> {
        Vec::new()
    }
    fn id(&self) -> Option<Uuid> {
        None
    }
}

impl Scope for TenantScope {
    const DEPTH: Depth = Depth::Tenant;
    fn from_resolved(found: Resolved) -> Option<Self> {
        Some(Self { tenant: found.tenant? })
    }
    fn tenant(&self) -> Option<&TenantRef> {
        Some(&self.tenant)
    }
    fn path(&self) -> Vec<String> {
        vec![self.tenant.name.clone()]
    }
    fn id(&self) -> Option<Uuid> {
        Some(self.tenant.id.uuid())
    }
}

impl Scope for ProjectScope {
    const DEPTH: Depth = Depth::Project;
    fn from_resolved(found: Resolved) -> Option<Self> {
        Some(Self { tenant: found.tenant?, project: found.project? })
    }
    fn tenant(&self) -> Option<&TenantRef> {
        Some(&self.tenant)
    }
    fn path(&self) -> Vec<String> {
        vec![self.tenant.name.clone(), self.project.name.clone()]
    }
    fn id(&self) -> Option<Uuid> {
        Some(self.project.id.uuid())
    }
}

impl Scope for EnvironmentScope {
    const DEPTH: Depth = Depth::Environment;
    fn from_resolved(found: Resolved) -> Option<Self> {
        Some(Self { tenant: found.tenant?, project: found.project?, environment: found.environment? })
    }
    fn tenant(&self) -> Option<&TenantRef> {
        Some(&self.tenant)
    }
    fn path(&self) -> Vec<String> {
        vec![self.tenant.name.clone(), self.project.name.clone(), self.environment.name.clone()]
    }
    fn id(&self) -> Option<Uuid> {
        Some(self.environment.id.uuid())
    }
}

impl Scope for AppScope {
    const DEPTH: Depth = Depth::App;
    fn from_resolved(found: Resolved) -> Option<Self> {
        Some(Self { tenant: found.tenant?, project: found.project?, environment: found.environment?, app: found.app? })
    }
    fn tenant(&self) -> Option<&TenantRef> {
        Some(&self.tenant)
    }
    fn path(&self) -> Vec<String> {
        vec![self.tenant.name.clone(), self.project.name.clone(), self.environment.name.clone(), self.app.name.clone()]
    }
    fn id(&self) -> Option<Uuid> {
        Some(self.app.id.uuid())
    }
}
