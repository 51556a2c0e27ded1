//! The apps of an environment.

use super::words;
use crate::{
    api,
    components::{
        button::{ButtonKind, LinkButton},
        deploy_sample::DeploySample,
        empty_state::EmptyState,
        icon::{Icon, Svg},
        loaded::loaded,
        page::PageHead,
        pill::Pill,
        skeleton::SkeletonRows,
        state,
        table::{Column, Table},
        time_ago::TimeAgo,
    },
    i18n::t,
    live_pages::{More, use_live_pages},
    scope::{EnvironmentScope, use_environment},
    session::use_session,
    support::url::use_query_value,
};
use berth_api_types::v1::{apps::AppView, live::Topic};
use berth_domain::right::Right;
use leptos::prelude::*;

/// The list of apps.
#[component]
pub fn AppsPage() -> impl IntoView {
    let at = use_environment();
    let session = use_session();
    let may_create = Memo::new(move |_| at.with(|at| session.may_in(Right::AppCreate, at)));
    let (apps, more) = use_live_pages(
        move || at.get(),
        |at: &EnvironmentScope, topic| match topic {
            Topic::App { project, environment, .. } => *project == at.project && *environment == at.environment,
            Topic::Everything => true,
            Topic::Projects | Topic::Tenant | Topic::Nodes => false,
        },
        |at, page| async move { api::apps::list(&at, &page).await },
    );
    let any = Memo::new(move |_| apps.data.with(|apps| apps.as_ref().is_some_and(|apps| !apps.is_empty())));
    let actions = move || {
        (any.get() && may_create.get()).then(|| {
            view! {
                <LinkButton href=Signal::derive(move || at.with(EnvironmentScope::new_app_url)) kind=ButtonKind::Main icon=Icon::Plus>
                    {t::apps::new_app()}
                </LinkButton>
            }
        })
    };
    view! {
        <PageHead title=t::apps::title() actions=move || view! { {actions} } />
        {loaded(
            apps,
            || view! { <div class="card"><SkeletonRows rows=4 /></div> }.into_any(),
            move |apps| {
                let none = Memo::new(move |_| apps.with(Vec::is_empty));
                view! {
                    {move || if none.get() {
                        view! { <NoApps at=at may_create=may_create /> }.into_any()
                    } else {
                        view! { <AppTable at=at apps=apps more=more /> }.into_any()
                    }}
                }
            },
        )}
    }
}

#[component]
fn NoApps(at: Memo<EnvironmentScope>, may_create: Memo<bool>) -> impl IntoView {
    let new_app = Signal::derive(move || at.with(EnvironmentScope::new_app_url));
    view! {
        <div class="card">
            <EmptyState icon=Icon::App title=t::apps::empty_title() text=t::apps::empty_text()>
                {move || {
                    may_create
                        .get()
                        .then(|| {
                            view! {
                                <DeploySample at=at kind=ButtonKind::Main />
                                <LinkButton href=new_app icon=Icon::Plus>{t::apps::new_app()}</LinkButton>
                            }
                        })
                }}
            </EmptyState>
        </div>
    }
}

/// Whether an app is meant by what somebody typed.
fn matches(app: &AppView, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let (_, state) = state::app_state(app.state);
    text.is_empty()
        || app.name.contains(&text)
        || app.spec.image.to_lowercase().contains(&text)
        || state.to_lowercase().contains(&text)
}

#[component]
fn AppTable(at: Memo<EnvironmentScope>, apps: Signal<Vec<AppView>>, more: More) -> impl IntoView {
    let (filter, set_filter) = use_query_value("q");
    let rows = Memo::new(move |_| {
        let text = filter.get();
        apps.with(|apps| apps.iter().filter(|app| matches(app, &text)).cloned().collect::<Vec<_>>())
    });
    let none = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        <section class="card">
            <header class="card-head">
                <label class="input input-small" data-filter="apps">
                    <Svg icon=Icon::Search size=14 />
                    <input
                        type="search"
                        id="filter-apps"
                        aria-label=t::apps::filter()
                        placeholder=t::apps::filter_short()
                        prop:value=move || filter.get()
                        on:input=move |event| set_filter.run(event_target_value(&event))
                    />
                </label>
                <span class="muted card-actions">{move || more.count(t::apps::count_apps(rows.with(Vec::len) as u64))}</span>
            </header>
            {move || if none.get() {
                view! {
                    <EmptyState icon=Icon::Search title=t::apps::no_match_title(filter.get()) text=t::apps::no_match_text()>
                        <button type="button" class="btn" on:click=move |_| set_filter.run(String::new())>{t::apps::clear_filter()}</button>
                    </EmptyState>
                }.into_any()
            } else {
                view! {
                    <Table
                        caption=t::apps::title()
                        columns=columns(at)
                        rows=rows
                        more=more
                        key=|app: &AppView| app.id.to_string()
                        href=move |app: AppView| at.with_untracked(|at| at.app_url(&app.name))
                    />
                }.into_any()
            }}
        </section>
    }
}

fn columns(at: Memo<EnvironmentScope>) -> Vec<Column<AppView>> {
    vec![
        Column::new("name", t::apps::col_name(), move |app: &AppView| {
            let href = at.with_untracked(|at| at.app_url(&app.name));
            view! { <a class="row-link" href=href>{app.name.clone()}</a> }
        })
        .sorted(|a, b| a.name.cmp(&b.name)),
        Column::new("state", t::apps::col_state(), |app: &AppView| {
            let wanted = if app.running { app.replicas } else { 0 };
            let tone = state::app_state(app.state).0;
            view! { <Pill tone=tone text=state::app_state_text(app.state, app.ready, wanted) /> }
        })
        .sorted(|a, b| a.state.cmp(&b.state)),
        Column::new("release", t::apps::col_release(), |app: &AppView| view! { <span class="mono">{app.release.number}</span> })
            .to_end(),
        Column::new("instances", t::apps::col_instances(), |app: &AppView| {
            let wanted = if app.running { app.replicas } else { 0 };
            view! { <span title=t::apps::instances_ready_label(app.ready, wanted)>{format!("{} / {wanted}", app.ready)}</span> }
        })
        .sorted(|a, b| a.replicas.cmp(&b.replicas))
        .to_end(),
        Column::new("image", t::apps::col_image(), |app: &AppView| {
            view! { <span class="mono ellipsis" title=app.release.image.clone()>{words::short_image(&app.spec.image)}</span> }
        })
        .minor(),
        Column::new("released", t::apps::col_updated(), |app: &AppView| {
            view! { <span class="muted"><TimeAgo at=app.release.created_at /></span> }
        })
        .sorted(|a, b| a.release.created_at.cmp(&b.release.created_at))
        .minor(),
    ]
}
