//! An app's page: its state and what can be done about it above, the parts of it as tabs below.

mod actions;
mod change;
mod header;
mod instance_dialog;
mod instances;
mod notes;
mod overview;
mod releases;
mod rollout_card;
mod terminal_tab;

use self::{
    change::{EnvironmentTab, SettingsTab, use_change},
    header::AppHeader,
    instance_dialog::InstanceDialog,
    overview::OverviewTab,
    releases::ReleasesTab,
    terminal_tab::TerminalTab,
};
use crate::{
    api,
    components::{
        button::LinkButton,
        empty_state::EmptyState,
        icon::Icon,
        loaded::loaded,
        log_view::LogView,
        page::PageHead,
        skeleton::SkeletonLines,
        tabs::{Tab, Tabs, use_tab},
    },
    i18n::t,
    live::{LiveResource, use_live_resource},
    live_pages::{More, use_live_pages},
    scope::{EnvironmentScope, use_environment},
    session::use_session,
};
use berth_api_types::{
    error::ProblemCode,
    page::{Page, PageQuery},
    v1::{
        apps::{AppView, InstanceView},
        live::Topic,
        releases::ReleaseSummary,
    },
};
use berth_domain::right::Right;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// What every part of the page needs. Copy it around.
#[derive(Clone, Copy)]
pub struct AppContext {
    /// The environment.
    pub at: Memo<EnvironmentScope>,
    /// The app's name.
    pub name: Memo<String>,
    /// The app.
    pub app: Signal<AppView>,
    /// Fetches the app, and takes what a call answered.
    pub resource: LiveResource<AppView>,
    /// Its instances, once they are known.
    pub instances: Signal<Vec<InstanceView>>,
    /// Those that are not loaded yet.
    pub more_instances: More,
    /// Its newest releases, newest first, once they are known.
    pub releases: LiveResource<Vec<ReleaseSummary>>,
}

impl AppContext {
    /// Whether the caller has a right here, followed.
    pub fn may(self, right: Right) -> bool {
        self.at.with(|at| use_session().may_in(right, at))
    }
    /// A view of this app: `tab=logs`.
    pub fn url(self, query: &str) -> String {
        let page = self.at.with_untracked(|at| self.name.with_untracked(|name| at.app_url(name)));
        if query.is_empty() { page } else { format!("{page}?{query}") }
    }
}

/// Whether a change concerns an app.
pub fn is_app(at: &EnvironmentScope, name: &str, topic: &Topic) -> bool {
    match topic {
        Topic::App { project, environment, app } => {
            *project == at.project && *environment == at.environment && app == name
        }
        Topic::Everything => true,
        Topic::Projects | Topic::Tenant | Topic::Nodes => false,
    }
}

/// Something of an app, fetched and kept current.
pub fn use_app_resource<T, F>(
    at: Memo<EnvironmentScope>,
    name: Memo<String>,
    fetch: impl Fn(EnvironmentScope, String) -> F + 'static,
) -> LiveResource<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, api::error::ApiError>> + 'static,
{
    use_live_resource(
        move || (at.get(), name.get()),
        |(at, name), topic| is_app(at, name, topic),
        move |(at, name)| fetch(at, name),
    )
}

/// A list of an app, page by page, kept current.
pub fn use_app_pages<T, F>(
    at: Memo<EnvironmentScope>,
    name: Memo<String>,
    fetch: impl Fn(EnvironmentScope, String, PageQuery) -> F + 'static,
) -> (LiveResource<Vec<T>>, More)
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, api::error::ApiError>> + 'static,
{
    use_live_pages(
        move || (at.get(), name.get()),
        |(at, name), topic| is_app(at, name, topic),
        move |(at, name), page| fetch(at, name, page),
    )
}

/// Releases that the head and the overview know of.
const RELEASES_KNOWN: u32 = 20;

const TABS: &[&str] = &["overview", "releases", "logs", "terminal", "environment", "settings"];

/// The page.
#[component]
pub fn AppPage() -> impl IntoView {
    let at = use_environment();
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("app").unwrap_or_default()));
    let resource = use_app_resource(at, name, |at, name| async move { api::apps::read(&at, &name).await });
    let (instances, more_instances) =
        use_app_pages(at, name, |at, name, page| async move { api::apps::list_instances(&at, &name, &page).await });
    let gone = Memo::new(move |_| {
        resource.error.with(|error| error.as_ref().and_then(|error| error.code()) == Some(ProblemCode::NotFound))
    });
    let instances = Signal::derive(move || instances.get().unwrap_or_default());
    let releases = use_app_resource(at, name, |at, name| async move {
        let page = PageQuery { limit: Some(RELEASES_KNOWN), cursor: None };
        api::apps::list_releases(&at, &name, &page).await.map(|page| page.items)
    });
    move || {
        if gone.get() {
            return view! { <Gone at=at name=name /> }.into_any();
        }
        loaded(
            resource,
            || view! { <div class="card card-body"><SkeletonLines lines=6 /></div> }.into_any(),
            move |app| view! { <Whole context=AppContext { at, name, app, resource, instances, more_instances, releases } /> },
        )
        .into_any()
    }
}

#[component]
fn Gone(at: Memo<EnvironmentScope>, name: Memo<String>) -> impl IntoView {
    view! {
        <PageHead title=name />
        <div class="card">
            <EmptyState icon=Icon::App title=t::apps::gone_title(name.get_untracked()) text=t::apps::gone_text()>
                <LinkButton href=Signal::derive(move || at.with(EnvironmentScope::apps_url))>{t::apps::back_to_apps()}</LinkButton>
            </EmptyState>
        </div>
    }
}

#[component]
fn Whole(context: AppContext) -> impl IntoView {
    let tab = use_tab(TABS);
    // Here, as what was typed on one tab must outlive a look at another.
    let change = use_change(context, tab);
    let releases = Signal::derive(move || {
        context
            .releases
            .data
            .with(|all| all.as_ref().and_then(|all| all.first()).map(|newest| u64::from(newest.number)))
    });
    let mut tabs = vec![
        Tab::new("overview", t::apps::tab_overview()),
        Tab::new("releases", t::apps::tab_releases()).count(releases),
    ];
    if untrack(|| context.may(Right::AppLogs)) {
        tabs.push(Tab::new("logs", t::apps::tab_logs()));
    }
    if untrack(|| context.may(Right::AppTerminal)) {
        tabs.push(Tab::new("terminal", t::apps::tab_terminal()));
    }
    tabs.push(Tab::new("environment", t::apps::tab_environment()));
    tabs.push(Tab::new("settings", t::apps::tab_settings()));
    let names = Signal::derive(move || {
        context.instances.with(|all| all.iter().map(|instance| instance.name.clone()).collect::<Vec<_>>())
    });
    view! {
        <AppHeader context=context />
        <Tabs label=t::apps::tabs_label() tabs=tabs current=tab />
        {move || match tab.get() {
            "releases" => view! { <ReleasesTab context=context /> }.into_any(),
            "logs" => view! { <LogView at=context.at app=context.name instances=names /> }.into_any(),
            "terminal" => view! { <TerminalTab context=context /> }.into_any(),
            "environment" => view! { <EnvironmentTab context=context change=change /> }.into_any(),
            "settings" => view! { <SettingsTab context=context change=change /> }.into_any(),
            _ => view! { <OverviewTab context=context /> }.into_any(),
        }}
        <InstanceDialog context=context />
    }
}
