//! Where the person is: tenant, project and environment, as the URL says them. Where the URL says less (a platform
//! page, a tenant's settings), the rest is what was chosen last, so that the side bar leads back.

use crate::{session::use_session, support::storage};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// The three names that an app's URL needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvironmentScope {
    /// Tenant.
    pub tenant: String,
    /// Project.
    pub project: String,
    /// Environment.
    pub environment: String,
}

impl EnvironmentScope {
    /// The overview's URL.
    pub fn url(&self) -> String {
        format!("/t/{}/{}/{}", self.tenant, self.project, self.environment)
    }
    /// The list of apps.
    pub fn apps_url(&self) -> String {
        format!("{}/apps", self.url())
    }
    /// The form for a new app.
    pub fn new_app_url(&self) -> String {
        format!("{}/apps/new", self.url())
    }
    /// An app's page.
    pub fn app_url(&self, app: &str) -> String {
        format!("{}/apps/{app}", self.url())
    }
}

/// What is known of where the person is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Tenant.
    pub tenant: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// Environment.
    pub environment: Option<String>,
}

impl Scope {
    /// `/t/{tenant}/{project}/{environment}/…`; `-` is no name and begins the pages of a level itself.
    pub fn of_path(path: &str) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        if parts.next() != Some("t") {
            return Self::default();
        }
        let names: Vec<String> =
            parts.take_while(|part| *part != "-").take(3).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut names = names.into_iter();
        Self { tenant: names.next(), project: names.next(), environment: names.next() }
    }
    /// All three, if they are known.
    pub fn environment_scope(&self) -> Option<EnvironmentScope> {
        Some(EnvironmentScope {
            tenant: self.tenant.clone()?,
            project: self.project.clone()?,
            environment: self.environment.clone()?,
        })
    }
    /// The missing parts from what was chosen last, as long as they belong together.
    fn or_remembered(self) -> Self {
        let Some(last) = remembered() else { return self };
        match (&self.tenant, &self.project, &self.environment) {
            (None, _, _) => last,
            (Some(tenant), None, _) if last.tenant.as_ref() == Some(tenant) => last,
            (Some(tenant), Some(project), None)
                if last.tenant.as_ref() == Some(tenant) && last.project.as_ref() == Some(project) =>
            {
                last
            }
            (Some(_), _, _) => self,
        }
    }
}

const STORAGE_KEY: &str = "berth-scope";

/// What was chosen last.
pub fn remembered() -> Option<Scope> {
    let text = storage::read(STORAGE_KEY)?;
    let mut names = text.split('/').map(str::to_owned).filter(|name| !name.is_empty());
    Some(Scope { tenant: names.next(), project: names.next(), environment: names.next() })
}

/// Forgets it, as after something of it was deleted.
pub fn forget() {
    storage::remove(STORAGE_KEY);
}

/// What is known of where the person is.
#[derive(Debug, Clone, Copy)]
pub struct ScopeContext(pub Memo<Scope>);

/// Follows the URL. Call it once, inside the router.
pub fn provide_scope() {
    let location = use_location();
    let session = use_session();
    let scope = Memo::new(move |_| {
        let scope = Scope::of_path(&location.pathname.get()).or_remembered();
        let mine = session.me().map(|me| me.tenants).unwrap_or_default();
        let is_mine = |name: &String| mine.iter().any(|tenant| tenant.name == *name);
        let in_url = location.pathname.with(|path| path.starts_with("/t/"));
        match &scope.tenant {
            // What is remembered may be of somebody who was signed in here before.
            Some(tenant) if in_url || is_mine(tenant) => scope,
            Some(_) | None => {
                Scope { tenant: mine.first().map(|tenant| tenant.name.clone()), project: None, environment: None }
            }
        }
    });
    Effect::new(move |_| {
        let scope = scope.get();
        if let Some(environment) = scope.environment_scope() {
            let text = format!("{}/{}/{}", environment.tenant, environment.project, environment.environment);
            storage::write(STORAGE_KEY, &text);
        }
    });
    provide_context(ScopeContext(scope));
}

/// What is known of where the person is.
pub fn use_scope() -> Memo<Scope> {
    expect_context::<ScopeContext>().0
}

/// The environment of the page, for pages below `/t/{tenant}/{project}/{environment}`; empty names elsewhere.
pub fn use_environment() -> Memo<EnvironmentScope> {
    let scope = use_scope();
    Memo::new(move |_| scope.get().environment_scope().unwrap_or_default())
}
