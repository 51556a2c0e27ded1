//! `/`, `/t/{tenant}` and `/t/{tenant}/{project}`: leads to the nearest overview, or to what is missing for one.

use crate::{
    api::{self, client::whole, error::ApiError},
    components::{error_state::ErrorState, skeleton::SkeletonLines},
    pages::not_found::NotFoundPage,
    scope::{EnvironmentScope, remembered},
    session::use_session,
};
use leptos::prelude::*;
use leptos_router::{components::Redirect, hooks::use_params_map};
use wasm_bindgen_futures::spawn_local;

#[derive(Clone, PartialEq)]
enum Target {
    Unknown,
    Go(String),
    Missing,
    Failed(ApiError),
}

/// Leads on.
#[component]
pub fn HomePage() -> impl IntoView {
    let (session, params) = (use_session(), use_params_map());
    let target = RwSignal::new(Target::Unknown);
    let wanted = Memo::new(move |_| params.with(|params| (params.get("tenant"), params.get("project"))));
    let find = move || {
        let (tenant, project) = wanted.get_untracked();
        let mine = session.me_now().map(|me| me.tenants).unwrap_or_default();
        let last = remembered().unwrap_or_default();
        let known = |name: &String| mine.iter().any(|tenant| tenant.name == *name);
        let tenant = match tenant {
            Some(tenant) if !known(&tenant) => return target.set(Target::Missing),
            Some(tenant) => Some(tenant),
            None => last.tenant.clone().filter(known).or_else(|| mine.first().map(|tenant| tenant.name.clone())),
        };
        let Some(tenant) = tenant else { return target.set(Target::Go("/welcome".to_owned())) };
        let last = if last.tenant.as_ref() == Some(&tenant) { last } else { Default::default() };
        target.set(Target::Unknown);
        spawn_local(async move {
            target.try_set(find_environment(tenant, project, last).await);
        });
    };
    Effect::new(move |_| {
        wanted.track();
        find();
    });
    move || match target.get() {
        Target::Unknown => view! { <SkeletonLines lines=4 /> }.into_any(),
        Target::Go(url) => view! { <Redirect path=url /> }.into_any(),
        Target::Missing => view! { <NotFoundPage /> }.into_any(),
        Target::Failed(error) => view! { <ErrorState error=error retry=move |()| find() /> }.into_any(),
    }
}

async fn find_environment(tenant: String, project: Option<String>, last: crate::scope::Scope) -> Target {
    let projects = match whole(async |page| api::projects::list(&tenant, &page).await).await {
        Ok(projects) => projects,
        Err(error) => return Target::Failed(error),
    };
    let named = |name: &String| projects.iter().find(|one| one.name == *name);
    let found = match &project {
        Some(name) => match named(name) {
            Some(found) => found,
            None => return Target::Missing,
        },
        None => match last.project.as_ref().and_then(named).or_else(|| projects.first()) {
            Some(found) => found,
            None => return Target::Go(format!("/welcome?tenant={tenant}")),
        },
    };
    let same = |name: &String| found.environments.iter().find(|one| one.name == *name);
    match last.environment.as_ref().and_then(same).or_else(|| found.environments.first()) {
        Some(environment) => {
            let at = EnvironmentScope { tenant, project: found.name.clone(), environment: environment.name.clone() };
            Target::Go(at.url())
        }
        None => Target::Go(format!("/t/{tenant}/{}/-/settings", found.name)),
    }
}
