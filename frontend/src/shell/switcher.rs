//! Tenant ▾ / project ▾ / environment ▾.

use super::use_shell;
use crate::{
    components::{
        icon::{Icon, Svg},
        menu::{Menu, MenuGroup, MenuItem},
    },
    i18n::t,
    scope::{EnvironmentScope, use_scope},
    session::use_session,
};
use berth_domain::right::Right;
use leptos::prelude::*;

/// The three switchers, as far as they are known.
#[component]
pub fn Switchers() -> impl IntoView {
    let scope = use_scope();
    let tenant = Memo::new(move |_| scope.get().tenant);
    let project = Memo::new(move |_| scope.get().project);
    let environment = Memo::new(move |_| scope.get().environment);
    view! {
        <div class="crumbs">
            {move || tenant.get().map(|name| view! { <TenantSwitcher name=name /> })}
            {move || project.get().map(|name| view! { <span class="slash" aria-hidden="true">"/"</span><ProjectSwitcher name=name /> })}
            {move || environment.get().map(|name| view! { <span class="slash" aria-hidden="true">"/"</span><EnvironmentSwitcher name=name /> })}
        </div>
    }
}

#[component]
fn TenantSwitcher(name: String) -> impl IntoView {
    let session = use_session();
    let groups = {
        let name = name.clone();
        Signal::derive(move || {
            let mine = session.me().map(|me| me.tenants).unwrap_or_default();
            let items = mine.into_iter().map(|tenant| {
                let chosen = tenant.name == name;
                MenuItem::link(tenant.name.clone(), format!("/t/{}", tenant.name)).chosen(chosen)
            });
            let mut groups = vec![MenuGroup { heading: Some(t::common::tenant().into()), items: items.collect() }];
            let mut more = vec![
                MenuItem::link(t::common::tenant_settings(), format!("/t/{name}/-/settings")).icon(Icon::Settings),
            ];
            if session.may_on_platform(Right::TenantManage) {
                more.push(MenuItem::link(t::common::new_tenant(), "/tenants?new=1").icon(Icon::Plus));
            }
            groups.push(more.into());
            groups
        })
    };
    view! {
        <Menu label=t::common::choose_tenant() groups=groups class="switch-btn" named_by_content=true>
            <span>{name}</span>
            <Svg icon=Icon::Down size=14 />
        </Menu>
    }
}

#[component]
fn ProjectSwitcher(name: String) -> impl IntoView {
    let (shell, scope, session) = (use_shell(), use_scope(), use_session());
    let groups = {
        let name = name.clone();
        Signal::derive(move || {
            let tenant = scope.get().tenant.unwrap_or_default();
            let projects = shell.projects.get().unwrap_or_default();
            let items = projects.into_iter().map(|project| {
                let href = match project.environments.first() {
                    Some(first) => format!("/t/{tenant}/{}/{}", project.name, first.name),
                    None => format!("/t/{tenant}/{}/-/settings", project.name),
                };
                let chosen = project.name == name;
                MenuItem::link(project.name, href).chosen(chosen)
            });
            let mut groups = vec![MenuGroup { heading: Some(t::common::project().into()), items: items.collect() }];
            let mut more = vec![
                MenuItem::link(t::common::project_settings(), format!("/t/{tenant}/{name}/-/settings"))
                    .icon(Icon::Settings),
            ];
            if session.may(Right::ProjectCreate, &tenant, None, None) {
                more.push(
                    MenuItem::link(t::common::new_project(), format!("/t/{tenant}/-/settings?tab=projects&new=1"))
                        .icon(Icon::Plus),
                );
            }
            groups.push(more.into());
            groups
        })
    };
    view! {
        <Menu label=t::common::choose_project() groups=groups class="switch-btn" named_by_content=true>
            <span>{name}</span>
            <Svg icon=Icon::Down size=14 />
        </Menu>
    }
}

#[component]
fn EnvironmentSwitcher(name: String) -> impl IntoView {
    let (shell, scope, session) = (use_shell(), use_scope(), use_session());
    let groups = {
        let name = name.clone();
        Signal::derive(move || {
            let now = scope.get();
            let (tenant, project) = (now.tenant.unwrap_or_default(), now.project.unwrap_or_default());
            let projects = shell.projects.get().unwrap_or_default();
            let environments = projects.into_iter().find(|one| one.name == project).map(|one| one.environments);
            let items = environments.unwrap_or_default().into_iter().map(|environment| {
                let at = EnvironmentScope {
                    tenant: tenant.clone(),
                    project: project.clone(),
                    environment: environment.name.clone(),
                };
                let chosen = environment.name == name;
                MenuItem::link(environment.name, at.url())
                    .chosen(chosen)
                    .note(t::common::apps_count(environment.apps.into()))
            });
            let mut groups = vec![MenuGroup { heading: Some(t::common::environment().into()), items: items.collect() }];
            if session.may(Right::EnvironmentManage, &tenant, Some(&project), None) {
                groups.push(
                    vec![
                        MenuItem::link(t::common::new_environment(), format!("/t/{tenant}/{project}/-/settings?new=1"))
                            .icon(Icon::Plus),
                    ]
                    .into(),
                );
            }
            groups
        })
    };
    view! {
        <Menu label=t::common::choose_environment() groups=groups class="switch-btn" named_by_content=true>
            <span class="tag tag-accent">{name}</span>
            <Svg icon=Icon::Down size=14 />
        </Menu>
    }
}
