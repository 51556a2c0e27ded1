//! What happened in a tenant, newest first, with filters and older pages.

use crate::{
    api::{self, error::ApiError},
    components::{
        button::Button,
        card::Card,
        empty_state::EmptyState,
        error_state::ErrorLine,
        event_list::{EventList, event_sentence},
        field::{SelectField, TextField},
        icon::Icon,
        loaded::loaded,
        page::PageHead,
        segment::Segment,
        skeleton::SkeletonRows,
    },
    i18n::{Text, date, t},
    live::use_live_resource,
    scope::use_scope,
    support::url::use_query_value,
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::events::{EventView, Severity},
};
use leptos::prelude::*;
use std::collections::BTreeSet;
use wasm_bindgen_futures::spawn_local;

const PAGE: u32 = 100;

/// What happened in a tenant.
#[component]
pub fn ActivityPage() -> impl IntoView {
    let scope = use_scope();
    let tenant = Memo::new(move |_| scope.get().tenant.unwrap_or_default());
    let newest = use_live_resource(
        move || tenant.get(),
        |_, _| true,
        |tenant| async move { api::tenants::events(&tenant, &PageQuery { limit: Some(PAGE), cursor: None }).await },
    );
    view! {
        <PageHead title=t::common::activity() sub=move || view! { <span>{t::activity::text()}</span> } />
        {loaded(
            newest,
            || view! { <Card flush=true><SkeletonRows rows=8 /></Card> }.into_any(),
            move |newest: Signal<Page<EventView>>| view! { <Events tenant=tenant newest=newest /> },
        )}
    }
}

#[component]
fn Events(tenant: Memo<String>, newest: Signal<Page<EventView>>) -> impl IntoView {
    // Pages that were asked for beyond the first; the first one is live.
    let older = RwSignal::new(Vec::<EventView>::new());
    let cursor = RwSignal::new(newest.with_untracked(|page| page.next_cursor.clone()));
    let (busy, error) = (RwSignal::new(false), RwSignal::new(None::<ApiError>));
    // What drops off the live page while it grows is kept here, so that nothing is missing between the two.
    Effect::new(move |before: Option<Vec<EventView>>| {
        let now = newest.with(|page| page.items.clone());
        if let Some(before) = before {
            older.update(|older| {
                let gone = before.into_iter().filter(|event| !now.iter().any(|one| one.id == event.id));
                let mut gone: Vec<EventView> =
                    gone.filter(|event| !older.iter().any(|one| one.id == event.id)).collect();
                gone.append(older);
                *older = gone;
            });
        }
        now
    });
    let more = move |_| {
        let Some(from) = cursor.get_untracked() else { return };
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let page = PageQuery { limit: Some(PAGE), cursor: Some(from) };
            let result = api::tenants::events(&tenant.get_untracked(), &page).await;
            busy.try_set(false);
            match result {
                Ok(page) => {
                    older.try_update(|older| older.extend(page.items));
                    cursor.try_set(page.next_cursor);
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
        });
    };
    let (severity, set_severity) = use_query_value("severity");
    let (project, set_project) = use_query_value("project");
    let (query, set_query) = use_query_value("q");
    let all = Memo::new(move |_| {
        let mut all = newest.with(|page| page.items.clone());
        older.with(|older| {
            all.extend(
                older.iter().filter(|event| !all.iter().any(|one| one.id == event.id)).cloned().collect::<Vec<_>>(),
            )
        });
        all
    });
    let shown = Memo::new(move |_| {
        let (severity, project, query) = (severity.get(), project.get(), query.get().to_lowercase());
        let hit = |event: &EventView| {
            let loud = match severity.as_str() {
                "warn" => event.severity >= Severity::Warn,
                "error" => event.severity >= Severity::Error,
                _ => true,
            };
            let place = project.is_empty() || event.project.as_deref() == Some(project.as_str());
            loud && place && (query.is_empty() || haystack(event).contains(&query))
        };
        all.with(|all| all.iter().filter(|event| hit(event)).cloned().collect::<Vec<_>>())
    });
    let days = Memo::new(move |_| shown.with(|shown| by_day(shown)));
    let is_empty = Memo::new(move |_| shown.with(Vec::is_empty));
    let none_at_all = Memo::new(move |_| all.with(Vec::is_empty));
    view! {
        <Filters all=all severity=severity set_severity=set_severity project=project set_project=set_project query=query set_query=set_query />
        <Card flush=true>
            {move || {
                is_empty
                    .get()
                    .then(|| {
                        let title = if none_at_all.get() { t::activity::empty_title() } else { t::activity::none_match() };
                        view! { <EmptyState icon=Icon::Activity title=title /> }
                    })
            }}
            <For each=move || days.get() key=|day| day.clone() let:day>
                <Day day=day shown=shown tenant=tenant />
            </For>
            {move || {
                cursor
                    .with(Option::is_some)
                    .then(|| view! { <div class="more"><Button busy=busy on_click=more id="more-events">{t::common::show_more()}</Button></div> })
            }}
        </Card>
        <ErrorLine error=error />
    }
}

#[component]
fn Day(day: String, shown: Memo<Vec<EventView>>, tenant: Memo<String>) -> impl IntoView {
    let heading = day.clone();
    let events = Memo::new(move |_| {
        shown.with(|shown| shown.iter().filter(|event| date(event.at) == day).cloned().collect::<Vec<_>>())
    });
    view! {
        <h2 class="day">{heading}</h2>
        <EventList events=events tenant=tenant.get_untracked() />
    }
}

fn by_day(events: &[EventView]) -> Vec<String> {
    let mut days: Vec<String> = Vec::new();
    for event in events {
        let day = date(event.at);
        if days.last() != Some(&day) {
            days.push(day);
        }
    }
    days
}

fn haystack(event: &EventView) -> String {
    let parts = [&event.app, &event.environment, &event.instance, &event.node];
    let mut text = event_sentence(event);
    for part in parts.into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    text.to_lowercase()
}

#[component]
fn Filters(
    all: Memo<Vec<EventView>>,
    severity: Memo<String>,
    set_severity: Callback<String>,
    project: Memo<String>,
    set_project: Callback<String>,
    query: Memo<String>,
    set_query: Callback<String>,
) -> impl IntoView {
    let chosen = RwSignal::new(project.get_untracked());
    let text = RwSignal::new(query.get_untracked());
    Effect::new(move |before: Option<String>| {
        let now = chosen.get();
        if before.is_some_and(|before| before != now) {
            set_project.run(now.clone());
        }
        now
    });
    Effect::new(move |before: Option<String>| {
        let now = text.get();
        if before.is_some_and(|before| before != now) {
            set_query.run(now.clone());
        }
        now
    });
    let projects = Memo::new(move |_| {
        let named = project.get();
        let mut names: BTreeSet<String> =
            all.with(|all| all.iter().filter_map(|event| event.project.clone()).collect());
        names.extend(Some(named).filter(|name| !name.is_empty()));
        let mut options = vec![(String::new(), t::activity::all_projects().to_owned())];
        options.extend(names.into_iter().map(|name| (name.clone(), name)));
        options
    });
    let levels: Vec<(String, Text)> = vec![
        (String::new(), t::common::all().into()),
        ("warn".to_owned(), t::activity::warnings().into()),
        ("error".to_owned(), t::activity::failures().into()),
    ];
    view! {
        <div class="filters">
            <Segment label=t::activity::severity() hide_label=true options=levels value=severity on_change=set_severity />
            <SelectField label=t::common::project() hide_label=true options=projects value=chosen />
            <div data-filter="events"><TextField label=t::common::filter() hide_label=true placeholder=t::activity::filter_placeholder() value=text /></div>
        </div>
    }
}
