//! An app at a glance: what is wrong, the rollout, numbers, instances, events, releases, the last lines of its log.

use super::{
    AppContext, actions::RollbackDialog, instances::InstancesCard, notes::Notes, rollout_card::RolloutCard,
    use_app_resource,
};
use crate::{
    api,
    components::{
        button::{Button, LinkButton},
        card::{Card, Stat},
        event_list::EventList,
        loaded::loaded,
        log_view::LogPreview,
        pill::Pill,
        skeleton::SkeletonLines,
        state,
        time_ago::TimeAgo,
    },
    i18n::{cores, mebibytes, t},
    pages::apps::words,
};
use berth_api_types::{page::PageQuery, v1::releases::ReleaseSummary};
use berth_domain::right::Right;
use leptos::prelude::*;

/// Events on the page.
const EVENTS_SHOWN: u32 = 12;
/// Releases on the page.
const RELEASES_SHOWN: usize = 5;

/// The tab.
#[component]
pub fn OverviewTab(context: AppContext) -> impl IntoView {
    let may_logs = untrack(|| context.may(Right::AppLogs));
    view! {
        <Notes context=context />
        <RolloutCard context=context />
        <Stats context=context />
        <div class="app-columns">
            <div class="stack">
                <InstancesCard context=context />
                {may_logs.then(|| view! {
                    <Card
                        title=t::apps::logs()
                        flush=true
                        actions=move || view! { <LinkButton small=true href=Signal::derive(move || context.url("tab=logs"))>{t::apps::log_open()}</LinkButton> }
                    >
                        <LogPreview at=context.at app=context.name />
                    </Card>
                })}
            </div>
            <div class="stack">
                <EventsCard context=context />
                <ReleasesCard context=context />
            </div>
        </div>
    }
}

#[component]
fn Stats(context: AppContext) -> impl IntoView {
    let app = context.app;
    let wanted = move || app.with(|app| if app.running { app.replicas } else { 0 });
    let each = move || app.with(|app| app.spec.resources);
    let ready = Signal::derive(move || app.with(|app| app.ready.to_string()));
    let release = Signal::derive(move || app.with(|app| app.release.number.to_string()));
    let cpu = Signal::derive(move || cores(each().times(wanted().into()).cpu_milli.0));
    let memory = Signal::derive(move || mebibytes(each().times(wanted().into()).memory_mib.0));
    let of_wanted = Signal::derive(move || t::apps::stat_of_wanted(wanted()));
    view! {
        <div class="stats">
            <Stat label=t::apps::stat_ready() value=ready unit=of_wanted />
            <Stat label=t::apps::stat_release() value=release unit=Signal::derive(move || app.with(|app| words::image_name(&app.spec.image))) />
            <Stat label=t::apps::stat_reserved_cpu() value=cpu unit=Signal::derive(move || format!("{} · {}", t::apps::cores(), t::apps::stat_each(cores(each().cpu_milli.0)))) />
            <Stat label=t::apps::stat_reserved_memory() value=memory unit=Signal::derive(move || t::apps::stat_each(mebibytes(each().memory_mib.0))) />
        </div>
    }
}

#[component]
fn EventsCard(context: AppContext) -> impl IntoView {
    let events = use_app_resource(context.at, context.name, |at, name| async move {
        let page = PageQuery { limit: Some(EVENTS_SHOWN), cursor: None };
        api::apps::events(&at, &name, &page).await.map(|page| page.items)
    });
    view! {
        <Card title=t::apps::events() flush=true>
            {loaded(
                events,
                || view! { <div class="card-body"><SkeletonLines lines=4 /></div> }.into_any(),
                move |events| {
                    let none = Memo::new(move |_| events.with(Vec::is_empty));
                    view! {
                        {move || none.get().then(|| view! { <p class="card-empty muted">{t::apps::events_empty()}</p> })}
                        <EventList events=events />
                    }
                },
            )}
        </Card>
    }
}

#[component]
fn ReleasesCard(context: AppContext) -> impl IntoView {
    let back_to = RwSignal::new(None::<u32>);
    view! {
        <Card
            title=t::apps::releases()
            flush=true
            actions=move || view! { <LinkButton small=true href=Signal::derive(move || context.url("tab=releases"))>{t::apps::releases_all()}</LinkButton> }
        >
            {loaded(
                context.releases,
                || view! { <div class="card-body"><SkeletonLines lines=3 /></div> }.into_any(),
                move |releases| view! {
                    <ul class="release-list">
                        <For each=move || releases.with(|all| all.iter().take(RELEASES_SHOWN).cloned().collect::<Vec<_>>()) key=release_key let:release>
                            <ReleaseLine context=context release=release back_to=back_to />
                        </For>
                    </ul>
                },
            )}
        </Card>
        <RollbackDialog context=context release=back_to />
    }
}

/// A line is drawn again when what it shows has changed.
pub fn release_key(release: &ReleaseSummary) -> String {
    format!("{}-{:?}-{}", release.number, release.rollout_phase, release.current)
}

#[component]
fn ReleaseLine(context: AppContext, release: ReleaseSummary, back_to: RwSignal<Option<u32>>) -> impl IntoView {
    let number = release.number;
    view! {
        <li>
            <span class="mono release-number">{number}</span>
            <span class="release-what">
                <span class="mono ellipsis" title=release.image.clone()>{words::image_name(&release.image)}</span>
                <span class="muted">
                    {release.created_by.clone().map(|who| format!("{who} · "))} <TimeAgo at=release.created_at />
                </span>
                {(!release.note.is_empty()).then(|| view! { <span class="muted">{release.note.clone()}</span> })}
            </span>
            <span class="release-end"><ReleaseEnd context=context release=release back_to=back_to /></span>
        </li>
    }
}

/// How a release did, or the way back to it.
#[component]
pub fn ReleaseEnd(context: AppContext, release: ReleaseSummary, back_to: RwSignal<Option<u32>>) -> impl IntoView {
    let number = release.number;
    let phase = release.rollout_phase.map(state::rollout_phase);
    let may = untrack(|| context.may(Right::AppDeploy));
    let bad = release.rollout_phase.is_some_and(|phase| {
        use berth_domain::lifecycle::RolloutPhase as P;
        matches!(phase, P::RolledBack | P::Failed | P::Progressing | P::RollingBack)
    });
    let pill = (bad || !may).then_some(phase).flatten().map(|(tone, word)| view! { <Pill tone=tone text=word /> });
    let current =
        release.current.then(|| view! { <Pill tone=crate::components::pill::Tone::Ok text=t::apps::current() /> });
    let button = (!release.current && may).then(|| {
        view! {
            <Button small=true on_click=move |_| back_to.set(Some(number))>{t::apps::roll_back()}</Button>
        }
    });
    view! { {pill} {(!bad).then_some(current)} {button} }
}
