//! The rule itself, as a function of values: what may this caller do there, and what may they know of it.

use super::scope::{AppRef, Depth, EnvironmentRef, ProjectRef, Resolved, TenantRef};
use crate::store::access::{Access, Binding, Question};
use berth_domain::{
    id::{EnvironmentId, ProjectId},
    right::{PLATFORM_ADMINISTRATOR, Right},
};

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not there, or not to be seen: the caller cannot tell which.
    Hidden,
    /// The caller sees the place, and lacks this right there.
    Missing {
        /// The right.
        right: Right,
        /// The place, as far as the caller may see it.
        place: Box<Resolved>,
    },
}

/// Judges: resolves the names as deep as `depth` says and asks for `right` there.
///
/// From the tenant down each place must be visible before the next one is looked at. An app's existence is told only
/// to those who hold the right on its environment, as rights are not bound at apps.
pub fn judge(access: &Access, names: &Question<'_>, depth: Depth, right: Option<Right>) -> Result<Resolved, Refusal> {
    let mut place = Resolved::default();
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    if depth >= Depth::Tenant {
        let id = access.tenant.ok_or(Refusal::Hidden)?;
        if access.bindings.is_empty() && !access.platform_administrator {
            return Err(Refusal::Hidden);
        }
        place.tenant = Some(TenantRef { id, name: name(names.tenant) });
    }
    if depth >= Depth::Project {
        let id = access.project.ok_or(Refusal::Hidden)?;
        place.project = Some(ProjectRef { id, name: name(names.project) });
        if !holds(access, &place, Right::ProjectRead) {
            return Err(Refusal::Hidden);
        }
    }
    if depth >= Depth::Environment {
        let id = access.environment.ok_or(Refusal::Hidden)?;
        place.environment = Some(EnvironmentRef { id, name: name(names.environment) });
        if !holds(access, &place, Right::ProjectRead) {
            return Err(Refusal::Hidden);
        }
    }
    if let Some(right) = right
        && !holds(access, &place, right)
    {
        return Err(Refusal::Missing { right, place: Box::new(place) });
    }
    if depth >= Depth::App {
        let id = access.app.ok_or(Refusal::Hidden)?;
        place.app = Some(AppRef { id, name: name(names.app) });
    }
    Ok(place)
}

/// Whether the caller holds `right` at `place`.
fn holds(access: &Access, place: &Resolved, right: Right) -> bool {
    let project = place.project.as_ref().map(|p| p.id);
    let environment = place.environment.as_ref().map(|e| e.id);
    let by_role = access.bindings.iter().any(|binding| gives(binding, project, environment, right));
    by_role || (access.platform_administrator && platform_holds(place, right))
}

/// Whether a bound role gives `right` at a place: no project is the tenant, no environment the project.
pub fn gives(binding: &Binding, project: Option<ProjectId>, environment: Option<EnvironmentId>, right: Right) -> bool {
    let on_the_way = || leads_to(binding, project, environment) && is_for_the_way(right);
    binding.role.rights().contains(&right) && (covers(binding, project, environment) || on_the_way())
}

/// Running the platform gives no sight into a tenant, beyond that it exists, what it uses and what it may use.
fn platform_holds(place: &Resolved, right: Right) -> bool {
    PLATFORM_ADMINISTRATOR.contains(&right) || (right == Right::TenantRead && place.project.is_none())
}

/// A role counts where it is bound and below.
fn covers(binding: &Binding, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> bool {
    (binding.project.is_none() || binding.project == project)
        && (binding.environment.is_none() || binding.environment == environment)
}

/// A place above the one where the role is bound; never one beside it.
fn leads_to(binding: &Binding, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> bool {
    let is_its_project = binding.environment.is_some() && binding.project == project && environment.is_none();
    project.is_none() || is_its_project
}

/// Who may enter a room may see the corridor: the names of what lies above, nothing else of it.
fn is_for_the_way(right: Right) -> bool {
    matches!(right, Right::TenantRead | Right::ProjectRead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::Credential;
    use berth_domain::{
        id::{AppId, SessionId, TenantId, UserId},
        right::Role,
    };
    use uuid::Uuid;

    const SHOP: ProjectId = ProjectId::new(Uuid::from_u128(2));
    const DEV: EnvironmentId = EnvironmentId::new(Uuid::from_u128(3));

    fn access(bindings: Vec<Binding>) -> Access {
        Access {
            user: UserId::new(Uuid::nil()),
            email: String::new(),
            display_name: String::new(),
            platform_administrator: false,
            token: None,
            tenant: Some(TenantId::new(Uuid::from_u128(1))),
            project: Some(SHOP),
            environment: Some(DEV),
            app: Some(AppId::new(Uuid::from_u128(4))),
            bindings,
        }
    }
    fn bound(role: Role, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> Binding {
        Binding { project, environment, role }
    }
    fn ask(access: &Access, depth: Depth, right: Right) -> Result<(), Refusal> {
        let credential = Credential::Session(SessionId::new(Uuid::nil()));
        let names = Question {
            credential: &credential,
            tenant: Some("acme"),
            project: Some("shop"),
            environment: Some("dev"),
            app: Some("web"),
        };
        judge(access, &names, depth, Some(right)).map(|_| ())
    }
    fn is_missing(result: Result<(), Refusal>) -> bool {
        matches!(result, Err(Refusal::Missing { .. }))
    }

    #[test]
    fn a_role_counts_where_it_is_bound_and_below() {
        let developer = access(vec![bound(Role::Developer, Some(SHOP), None)]);
        assert_eq!(ask(&developer, Depth::App, Right::AppDeploy), Ok(()));
        assert_eq!(ask(&developer, Depth::Tenant, Right::ProjectRead), Ok(()), "to find the project");
        assert!(is_missing(ask(&developer, Depth::Tenant, Right::ActivityRead)), "not the whole tenant");
    }

    #[test]
    fn strangers_see_nothing_at_any_depth() {
        let stranger = access(vec![]);
        for depth in [Depth::Tenant, Depth::Project, Depth::Environment, Depth::App] {
            assert_eq!(ask(&stranger, depth, Right::AppRead), Err(Refusal::Hidden));
        }
    }

    #[test]
    fn a_project_of_others_in_ones_own_tenant_is_hidden() {
        let elsewhere = access(vec![bound(Role::Developer, Some(ProjectId::new(Uuid::from_u128(9))), None)]);
        assert_eq!(ask(&elsewhere, Depth::Project, Right::ProjectRead), Err(Refusal::Hidden));
    }

    #[test]
    fn an_environment_beside_ones_own_is_hidden() {
        let mut access = access(vec![bound(Role::Admin, Some(SHOP), Some(DEV))]);
        assert_eq!(ask(&access, Depth::Environment, Right::AppCreate), Ok(()));
        assert_eq!(ask(&access, Depth::Project, Right::ProjectRead), Ok(()), "the way there");
        access.environment = Some(EnvironmentId::new(Uuid::from_u128(9)));
        assert_eq!(ask(&access, Depth::Environment, Right::ProjectRead), Err(Refusal::Hidden));
        assert_eq!(ask(&access, Depth::App, Right::AppRead), Err(Refusal::Hidden));
    }

    #[test]
    fn without_the_right_an_app_is_refused_alike_whether_it_exists_or_not() {
        let mut finance = access(vec![bound(Role::Finance, None, None)]);
        assert!(is_missing(ask(&finance, Depth::App, Right::AppRead)));
        finance.app = None;
        assert!(is_missing(ask(&finance, Depth::App, Right::AppRead)));
    }

    #[test]
    fn running_the_platform_shows_a_tenants_size_and_nothing_of_it() {
        let mut administrator = access(vec![]);
        administrator.platform_administrator = true;
        assert_eq!(ask(&administrator, Depth::Tenant, Right::TenantRead), Ok(()));
        assert_eq!(ask(&administrator, Depth::Tenant, Right::TenantManage), Ok(()));
        assert!(is_missing(ask(&administrator, Depth::Tenant, Right::AuditRead)));
        assert_eq!(ask(&administrator, Depth::Project, Right::ProjectRead), Err(Refusal::Hidden));
        assert_eq!(ask(&administrator, Depth::App, Right::AppLogs), Err(Refusal::Hidden));
    }
}
