//! The side bar: only pages that are there for this caller.

use super::use_shell;
use crate::{
    components::icon::{Icon, Svg},
    i18n::t,
    scope::use_scope,
    session::use_session,
};
use berth_domain::right::Right;
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_location};

/// The side bar.
#[component]
pub fn SideBar() -> impl IntoView {
    let (shell, scope, session) = (use_shell(), use_scope(), use_session());
    let of_tenant = move || {
        let now = scope.get();
        let tenant = now.tenant.clone()?;
        let at = now.environment_scope();
        let apps = at.as_ref().and_then(|at| {
            let projects = shell.projects.get()?;
            let project = projects.into_iter().find(|project| project.name == at.project)?;
            project.environments.into_iter().find(|one| one.name == at.environment).map(|one| one.apps)
        });
        let settings = match &now.project {
            Some(project) => format!("/t/{tenant}/{project}/-/settings"),
            None => format!("/t/{tenant}/-/settings"),
        };
        Some(view! {
            {match at {
                Some(at) => {
                    view! {
                        <SideLink href=at.url() icon=Icon::Overview label=t::common::overview() exact=true />
                        <SideLink href=at.apps_url() icon=Icon::App label=t::common::apps() count=apps.filter(|apps| *apps > 0) />
                    }.into_any()
                }
                // Leads on to the nearest environment.
                None => view! { <SideLink href=format!("/t/{tenant}") icon=Icon::Overview label=t::common::overview() exact=true /> }.into_any(),
            }}
            <SideLink href=format!("/t/{tenant}/-/activity") icon=Icon::Activity label=t::common::activity() />
            {session.may(Right::AuditRead, &tenant, None, None).then(|| view! {
                <SideLink href=format!("/t/{tenant}/-/audit") icon=Icon::Shield label=t::audit::title() />
            })}
            <SideLink href=settings icon=Icon::Settings label=t::common::settings() also=format!("/t/{tenant}/-/settings") />
        })
    };
    let of_platform = move || {
        let nodes = session.may_on_platform(Right::NodeRead);
        let tenants = session.may_on_platform(Right::TenantManage);
        let audit = session.may_on_platform(Right::PlatformAuditRead);
        (nodes || tenants || audit).then(|| {
            view! {
                <h2 class="side-heading">{t::common::platform()}</h2>
                {nodes.then(|| view! { <SideLink href="/nodes".to_owned() icon=Icon::Node label=t::common::nodes() /> })}
                {tenants.then(|| view! { <SideLink href="/tenants".to_owned() icon=Icon::Tenant label=t::common::tenants() /> })}
                {audit.then(|| view! { <SideLink href="/audit".to_owned() icon=Icon::Shield label=t::audit::title() /> })}
            }
        })
    };
    view! {
        <nav class="side" aria-label=t::common::main_menu()>{of_tenant} {of_platform}</nav>
        <div class="side-cover" on:click=move |_| shell.drawer.set(false)></div>
    }
}

#[component]
fn SideLink(
    href: String,
    icon: Icon,
    label: &'static str,
    /// Only this page, not those below it.
    #[prop(optional)]
    exact: bool,
    /// Another page that belongs to it.
    #[prop(optional, into)]
    also: Option<String>,
    #[prop(optional_no_strip)] count: Option<u32>,
) -> impl IntoView {
    let location = use_location();
    let target = href.clone();
    let here = Memo::new(move |_| {
        let path = location.pathname.get();
        let path = path.trim_end_matches('/');
        path == target || (!exact && path.starts_with(&format!("{target}/"))) || also.as_deref() == Some(path)
    });
    view! {
        <A href=href attr:class="side-link" attr:aria-current=move || if here.get() { "page" } else { "false" }>
            <Svg icon=icon />
            <span>{label}</span>
            {count.map(|count| view! { <span class="side-count">{count}</span> })}
        </A>
    }
}
