//! A tenant's settings: people, projects, quota.

use crate::{
    api,
    components::{
        bar::Meter,
        button::{Button, ButtonKind},
        card::Card,
        icon::Icon,
        loaded::loaded,
        page::PageHead,
        pill::Tag,
        skeleton::{SkeletonLines, SkeletonRows},
        table::{Column, Table, row_link},
        tabs::{Tab, Tabs, use_tab},
    },
    i18n::{cores, mebibytes, number, t},
    live::use_live_resource,
    pages::{people::People, project_form::NewProjectDialog, quota_form::QuotaDialog, rights::RoleMatrix},
    scope::use_scope,
    session::use_session,
    shell::use_shell,
    support::url::use_query_open,
};
use berth_api_types::v1::{live::Topic, projects::ProjectView, tenants::TenantView};
use berth_domain::right::Right;
use leptos::prelude::*;

/// A tenant's settings.
#[component]
pub fn TenantSettingsPage() -> impl IntoView {
    let scope = use_scope();
    let tenant = Memo::new(move |_| scope.get().tenant.unwrap_or_default());
    let tab = use_tab(&["people", "roles", "projects", "quota"]);
    let tabs = vec![
        Tab::new("people", t::settings::people()),
        Tab::new("roles", t::settings::roles()),
        Tab::new("projects", t::settings::projects()),
        Tab::new("quota", t::settings::quota()),
    ];
    view! {
        <PageHead title=t::common::tenant_settings() sub=move || view! { <span>{tenant}</span> } />
        <Tabs label=t::common::tenant_settings() tabs=tabs current=tab />
        {move || match tab.get() {
            "roles" => view! { <RoleMatrix /> }.into_any(),
            "projects" => view! { <Projects tenant=tenant /> }.into_any(),
            "quota" => view! { <QuotaTab tenant=tenant /> }.into_any(),
            _ => view! { <People tenant=tenant /> }.into_any(),
        }}
    }
}

#[component]
fn Projects(tenant: Memo<String>) -> impl IntoView {
    let (session, shell) = (use_session(), use_shell());
    let open = use_query_open("new");
    let actions = move || {
        session
            .may(Right::ProjectCreate, &tenant.get(), None, None)
            .then(|| view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| open.set(true) id="new-project">{t::settings::new_project()}</Button> })
    };
    let columns = vec![
        Column::new("name", t::common::name(), move |project: &ProjectView| {
            let href = format!("/t/{}/{}/-/settings", tenant.get_untracked(), project.name);
            row_link(href, project.name.clone())
        })
        .sorted(|a, b| a.name.cmp(&b.name)),
        Column::new("environments", t::settings::environments(), |project: &ProjectView| {
            view! { <div class="labels">{project.environments.iter().map(|one| view! { <Tag text=one.name.clone() accent=true /> }).collect_view()}</div> }
        }),
        Column::new("apps", t::common::apps(), |project: &ProjectView| number(apps_of(project)))
            .to_end()
            .sorted(|a, b| apps_of(a).cmp(&apps_of(b))),
    ];
    let columns = StoredValue::new(columns);
    view! {
        <Card title=t::settings::projects() flush=true actions=move || view! { {actions} }>
            {loaded(
                shell.projects,
                || view! { <SkeletonRows rows=3 /> }.into_any(),
                move |projects: Signal<Vec<ProjectView>>| {
                    view! {
                        <Table caption=t::settings::projects() columns=columns.get_value() rows=projects key=|project| project.id.to_string() />
                        {move || projects.with(Vec::is_empty).then(|| view! { <p class="card-body muted">{t::settings::no_projects()}</p> })}
                    }
                },
            )}
        </Card>
        <NewProjectDialog open=open tenant=tenant />
    }
}

fn apps_of(project: &ProjectView) -> u64 {
    project.environments.iter().map(|one| u64::from(one.apps)).sum()
}

#[component]
fn QuotaTab(tenant: Memo<String>) -> impl IntoView {
    let session = use_session();
    let open = RwSignal::new(false);
    let view_of = use_live_resource(
        move || tenant.get(),
        |_, topic| matches!(topic, Topic::Tenant | Topic::App { .. }),
        |tenant| async move { api::tenants::read(&tenant).await },
    );
    let may_set = move || session.may_on_platform(Right::TenantManage);
    let actions = move || {
        may_set().then(|| view! { <Button small=true icon=Icon::Edit on_click=move |_| open.set(true) id="edit-quota">{t::common::edit()}</Button> })
    };
    view! {
        <div class="form-narrow">
            <Card title=t::settings::quota() actions=move || view! { {actions} }>
                {loaded(
                    view_of,
                    || view! { <SkeletonLines lines=4 /> }.into_any(),
                    move |tenant: Signal<TenantView>| {
                        let value = move |of: fn(&TenantView) -> u64| Signal::derive(move || tenant.with(of));
                        view! {
                            <Meter label=t::settings::cpu_cores() used=value(|t| t.usage.cpu_milli.0) limit=value(|t| t.quota.cpu_milli.0) format=cores />
                            <Meter label=t::common::memory() used=value(|t| t.usage.memory_mib.0) limit=value(|t| t.quota.memory_mib.0) format=mebibytes />
                            <Meter label=t::common::instances() used=value(|t| t.usage.instances.into()) limit=value(|t| t.quota.instances.into()) format=number />
                            <Meter label=t::common::apps() used=value(|t| t.usage.apps.into()) limit=value(|t| t.quota.apps.into()) format=number />
                            <QuotaDialog open=open tenant=tenant on_saved=move |()| view_of.refetch() />
                        }
                    },
                )}
                {move || (!may_set()).then(|| view! { <p class="muted" style:margin-top="16px">{t::settings::quota_hint()}</p> })}
            </Card>
        </div>
    }
}
