//! The overview of an environment: what is wrong now, what happened last, what is near its quota, the apps. While it
//! is empty: how to begin.

use crate::{
    api,
    components::{
        bar::Bar,
        button::{ButtonKind, LinkButton},
        card::{Card, Stat},
        deploy_sample::DeploySample,
        event_list::EventList,
        icon::{Icon, Svg},
        loaded::loaded,
        note::Note,
        page::PageHead,
        pill::{Pill, Tone},
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
    v1::{apps::AppView, events::EventView, live::Topic, nodes::NodeView, tenants::TenantView},
};
use berth_domain::{
    lifecycle::AppState,
    node::{NodeAvailability, NodeState},
    right::Right,
};
use leptos::prelude::*;
use leptos_router::components::A;

/// Events beside the apps.
const EVENTS_SHOWN: u32 = 8;
/// From this share of a quota on it counts as nearly used, in percent.
const NEAR_PERCENT: u64 = 85;

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let at = use_environment();
    let session = use_session();
    let apps = use_live_resource(
        move || at.get(),
        |at, topic| matches!(topic, Topic::App { project, environment, .. } if *project == at.project && *environment == at.environment),
        |at| async move { api::apps::list(&at).await.map(|page| page.items) },
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
    let may_see_nodes = session.may_on_platform(Right::NodeRead);
    let nodes = use_live_resource(
        move || may_see_nodes,
        |_, topic| matches!(topic, Topic::Nodes),
        |may| async move { if may { api::nodes::list().await.map(|page| page.items) } else { Ok(Vec::new()) } },
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
        <div class="grid grid-2">
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
        let apps = apps.get()?;
        let ready: u64 = apps.iter().map(|app| u64::from(app.ready)).sum();
        let last = apps.iter().map(|app| app.release.created_at).max();
        Some(view! {
            <span>{t::overview::summary(t::common::apps_count(apps.len() as u64), t::overview::ready_count(ready))}</span>
            {last.map(|last| view! { <span>{t::overview::last_release()} " " <TimeAgo at=last /></span> })}
        })
    }
}

/// What is wrong now, worst first. Nothing when all is well.
#[component]
fn Troubles(
    at: Memo<EnvironmentScope>,
    apps: LiveResource<Vec<AppView>>,
    tenant: LiveResource<TenantView>,
    nodes: LiveResource<Vec<NodeView>>,
) -> impl IntoView {
    let of_nodes = move || {
        let bad = nodes.get().unwrap_or_default().into_iter().filter(|node| node.state != NodeState::Ready);
        bad.map(|node| {
            let (tone, word) = state::node_state(node.state, NodeAvailability::Active);
            let href = format!("/nodes/{}", node.name);
            let seen = node.last_seen_at;
            view! {
                <Note tone=tone title=t::overview::node_trouble(&node.name, word) actions=move || view! { <LinkButton small=true href=href.clone()>{t::overview::look()}</LinkButton> }>
                    {t::common::instances_count(node.instances.into())}
                    {seen.map(|seen| view! { " · " {t::overview::last_heard()} " " <TimeAgo at=seen /> })}
                </Note>
            }
        })
        .collect_view()
    };
    let of_apps = move || {
        let at = at.get();
        let mut bad: Vec<AppView> = apps.get().unwrap_or_default().into_iter().filter(is_in_trouble).collect();
        bad.sort_by_key(|app| app.state != AppState::Down);
        bad.into_iter().map(|app| draw_trouble(&at, &app)).collect_view()
    };
    let of_quota = move || {
        let near = tenant.get().map(|tenant| near_quota(&tenant)).unwrap_or_default();
        (!near.is_empty())
            .then(|| view! { <Note tone=Tone::Warn title=t::overview::near_quota()>{near.join(" ")}</Note> })
    };
    view! { <div>{of_nodes} {of_apps} {of_quota}</div> }
}

fn is_in_trouble(app: &AppView) -> bool {
    matches!(app.state, AppState::Down | AppState::Degraded | AppState::RollingBack) || !app.refusals.is_empty()
}

fn draw_trouble(at: &EnvironmentScope, app: &AppView) -> impl IntoView + use<> {
    let (tone, _) = state::app_state(app.state);
    let tone = if app.refusals.is_empty() { tone } else { Tone::Bad };
    let title = match app.refusals.len() {
        0 => t::overview::app_trouble(&app.name, app.ready, app.replicas),
        count => t::overview::app_no_place(&app.name, t::common::instances_count(count as u64)),
    };
    let detail = app.refusals.first().map(refusal_sentence).or_else(|| {
        let rollout = app.rollout.as_ref().filter(|rollout| !rollout.reason.is_empty());
        rollout.map(|rollout| rollout.reason.clone())
    });
    let href = at.app_url(&app.name);
    view! {
        <Note tone=tone title=title actions=move || view! { <LinkButton small=true href=href.clone()>{t::overview::look()}</LinkButton> }>
            {detail}
        </Note>
    }
}

/// Why an instance finds no place: how many nodes lack what, and what the nearest one lacks.
pub fn refusal_sentence(refusal: &berth_api_types::v1::apps::RefusalView) -> String {
    let reasons: Vec<String> = refusal
        .reasons
        .iter()
        .map(|(reason, count)| {
            crate::i18n::by_code(&format!("refusal_{reason}"), |name| {
                (name == "count").then(|| number(u64::from(*count)))
            })
            .unwrap_or_else(|| format!("{reason}: {count}"))
        })
        .collect();
    match &refusal.nearest {
        Some(nearest) if reasons.is_empty() => nearest.clone(),
        Some(nearest) => t::overview::refused_nearest(reasons.join(t::overview::comma()), nearest),
        None => t::overview::refused(reasons.join(t::overview::comma())),
    }
}

fn near_quota(tenant: &TenantView) -> Vec<String> {
    let (usage, quota) = (tenant.usage, tenant.quota);
    let rows = [
        (t::common::cpu(), usage.cpu_milli.0, quota.cpu_milli.0, cores as fn(u64) -> String),
        (t::common::memory(), usage.memory_mib.0, quota.memory_mib.0, mebibytes),
        (t::common::instances(), usage.instances.into(), quota.instances.into(), number),
        (t::common::apps(), usage.apps.into(), quota.apps.into(), number),
    ];
    rows.into_iter()
        .filter(|(_, used, limit, _)| *used > 0 && used.saturating_mul(100) >= limit.saturating_mul(NEAR_PERCENT))
        .map(|(name, used, limit, format)| t::overview::near_quota_row(name, format(used), format(limit)))
        .collect()
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
