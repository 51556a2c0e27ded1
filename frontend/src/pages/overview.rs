//! The overview of an environment: what is wrong now, what happened last, what is near its quota, the apps. While it
//! is empty: how to begin.

use super::troubles::Troubles;
use crate::{
    api::{self, client::whole},
    components::{
        bar::Bar,
        button::{ButtonKind, LinkButton},
        card::{Card, Stat},
        deploy_sample::DeploySample,
        event_list::EventList,
        icon::{Icon, Svg},
        loaded::loaded,
        page::PageHead,
        pill::Pill,
        skeleton::{SkeletonLines, SkeletonRows},
        state,
        table::{Column, Table, row_link},
        time_ago::TimeAgo,
    },
    i18n::{cores, mebibytes, number, t},
    live::{LiveResource, use_live_resource},
    scope::{EnvironmentScope, use_environment},
    session::use_session,
};
use berth_api_types::{
    page::PageQuery,
    v1::{apps::AppView, events::EventView, live::Topic, tenants::TenantView},
};
use berth_domain::right::Right;
use leptos::prelude::*;
use leptos_router::components::A;

/// Events beside the apps.
const EVENTS_SHOWN: u32 = 8;
/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let at = use_environment();
    let session = use_session();
    let apps = use_live_resource(
        move || at.get(),
        |at, topic| matches!(topic, Topic::App { project, environment, .. } if *project == at.project && *environment == at.environment),
        |at| async move { whole(async |page| api::apps::list(&at, &page).await).await },
    );
    let tenant = use_live_resource(
        move || at.get().tenant,
        |_, topic| matches!(topic, Topic::Tenant | Topic::App { .. }),
        |tenant| async move { api::tenants::read(&tenant).await },
    );
    let events = use_live_resource(
        move || at.get().tenant,
        |_, topic| matches!(topic, Topic::App { .. }),
        |tenant| async move {
            let page = PageQuery { limit: Some(EVENTS_SHOWN), cursor: None };
            api::tenants::events(&tenant, &page).await.map(|page| page.items)
        },
    );
    let may_see_nodes = untrack(|| session.may_on_platform(Right::NodeRead));
    let nodes = use_live_resource(
        move || may_see_nodes,
        |_, topic| matches!(topic, Topic::Nodes),
        |may| async move { if may { whole(async |page| api::nodes::list(&page).await).await } else { Ok(Vec::new()) } },
    );
    let is_empty = Memo::new(move |_| apps.data.with(|apps| apps.as_ref().is_some_and(Vec::is_empty)));
    let title = move || {
        let at = at.get();
        format!("{} · {}", at.project, at.environment)
    };
    let actions = move || {
        let may = session.may_in(Right::AppCreate, &at.get());
        (may && !is_empty.get()).then(|| {
            view! { <LinkButton kind=ButtonKind::Main icon=Icon::Plus href=Signal::derive(move || at.get().new_app_url())>{t::common::action_new_app()}</LinkButton> }
        })
    };
    view! {
        <PageHead title=Signal::derive(title) sub=move || view! { <Summary apps=apps /> } actions=move || view! { {actions} } />
        <Troubles at=at apps=apps tenant=tenant nodes=nodes />
        {move || {
            if is_empty.get() {
                view! { <Begin at=at /> }.into_any()
            } else {
                view! { <Quotas tenant=tenant /> }.into_any()
            }
        }}
        <div class="grid" class:grid-2=move || !is_empty.get()>
            {move || (!is_empty.get()).then(|| view! { <Apps at=at apps=apps /> })}
            <Card
                title=t::overview::last_events()
                flush=true
                actions=move || view! { <A href=move || format!("/t/{}/-/activity", at.get().tenant)>{t::overview::all_events()}</A> }
            >
                {loaded(
                    events,
                    || view! { <SkeletonRows rows=4 /> }.into_any(),
                    move |events: Signal<Vec<EventView>>| {
                        view! {
                            {move || events.with(Vec::is_empty).then(|| view! { <p class="card-body muted">{t::overview::no_events()}</p> })}
                            <EventList events=events tenant=at.get_untracked().tenant />
                        }
                    },
                )}
            </Card>
        </div>
    }
}

/// How many apps and instances, and when something was deployed last.
#[component]
fn Summary(apps: LiveResource<Vec<AppView>>) -> impl IntoView {
    move || {
        let apps = apps.get().filter(|apps| !apps.is_empty())?;
        let ready: u64 = apps.iter().map(|app| u64::from(app.ready)).sum();
        let last = apps.iter().map(|app| app.release.created_at).max();
        Some(view! {
            <span>{t::overview::summary(t::common::apps_count(apps.len() as u64), t::overview::ready_count(ready))}</span>
            {last.map(|last| view! { <span>{t::overview::last_release()} " " <TimeAgo at=last /></span> })}
        })
    }
}

/// How to begin: the sample, or one's own image.
#[component]
fn Begin(at: Memo<EnvironmentScope>) -> impl IntoView {
    let session = use_session();
    let may = move || session.may_in(Right::AppCreate, &at.get());
    view! {
        <div class="welcome-tiles">
            <div class="card tile">
                <span class="empty-icon"><Svg icon=Icon::Rocket size=22 /></span>
                <h2>{t::overview::sample_title()}</h2>
                <p>{t::overview::sample_text()}</p>
                {move || may().then(|| view! { <DeploySample at=at kind=ButtonKind::Main /> })}
            </div>
            <div class="card tile">
                <span class="empty-icon"><Svg icon=Icon::App size=22 /></span>
                <h2>{t::overview::own_title()}</h2>
                <p>{t::overview::own_text()}</p>
                {move || may().then(|| view! { <LinkButton icon=Icon::Plus href=Signal::derive(move || at.get().new_app_url())>{t::common::action_new_app()}</LinkButton> })}
            </div>
        </div>
    }
}

#[component]
fn Quotas(tenant: LiveResource<TenantView>) -> impl IntoView {
    loaded(
        tenant,
        || {
            view! { <div class="grid grid-4" style:margin-bottom="16px">{(0..4).map(|_| view! { <div class="card stat"><SkeletonLines lines=2 /></div> }).collect_view()}</div> }.into_any()
        },
        |tenant: Signal<TenantView>| {
            let stat = move |label: &'static str,
                             used: fn(&TenantView) -> u64,
                             limit: fn(&TenantView) -> u64,
                             format: fn(u64) -> String,
                             unit: &'static str| {
                let (used, limit) =
                    (Signal::derive(move || tenant.with(used)), Signal::derive(move || tenant.with(limit)));
                view! {
                    <Stat label=t::overview::quota_of(label) value=Signal::derive(move || format(used.get())) unit=Signal::derive(move || format!("/ {} {unit}", format(limit.get())))>
                        <Bar label=label used=used limit=limit />
                    </Stat>
                }
            };
            view! {
                <div class="grid grid-4" style:margin-bottom="16px">
                    {stat(t::common::cpu(), |t| t.usage.cpu_milli.0, |t| t.quota.cpu_milli.0, cores, t::common::cores_unit())}
                    {stat(t::common::memory(), |t| t.usage.memory_mib.0, |t| t.quota.memory_mib.0, mebibytes, "")}
                    {stat(t::common::instances(), |t| t.usage.instances.into(), |t| t.quota.instances.into(), number, "")}
                    {stat(t::common::apps(), |t| t.usage.apps.into(), |t| t.quota.apps.into(), number, "")}
                </div>
            }
        },
    )
}

#[component]
fn Apps(at: Memo<EnvironmentScope>, apps: LiveResource<Vec<AppView>>) -> impl IntoView {
    view! {
        <Card title=t::common::apps() flush=true>
            {loaded(
                apps,
                || view! { <SkeletonRows rows=5 /> }.into_any(),
                move |apps: Signal<Vec<AppView>>| {
                    let columns = vec![
                        Column::new("name", t::common::name(), move |app: &AppView| row_link(at.get_untracked().app_url(&app.name), app.name.clone()))
                            .sorted(|a, b| a.name.cmp(&b.name)),
                        Column::new("state", t::common::state(), |app: &AppView| {
                            let tone = state::app_state(app.state).0;
                            view! { <Pill tone=tone text=state::app_state_text(app.state, app.ready, app.replicas) /> }
                        })
                        .sorted(|a, b| b.state.cmp(&a.state)),
                        Column::new("instances", t::common::instances(), |app: &AppView| number(app.ready.into())).to_end().sorted(|a, b| a.ready.cmp(&b.ready)),
                        Column::new("release", t::overview::release(), |app: &AppView| view! { <span class="mono">{app.release.number}</span> }).to_end(),
                        Column::new("released", t::overview::released(), |app: &AppView| view! { <span class="muted"><TimeAgo at=app.release.created_at /></span> })
                            .minor()
                            .sorted(|a, b| b.release.created_at.cmp(&a.release.created_at)),
                    ];
                    let href = Callback::new(move |app: AppView| at.get_untracked().app_url(&app.name));
                    view! { <Table caption=t::common::apps() columns=columns rows=apps key=|app| app.id.to_string() href=href /> }
                },
            )}
        </Card>
    }
}
