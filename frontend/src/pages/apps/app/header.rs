//! The head of an app's page: state, where to reach it, what runs, and what can be done.

use super::{AppContext, actions::AppActions};
use crate::{
    components::{
        icon::{Icon, Svg},
        page::PageHead,
        pill::Pill,
        state,
        time_ago::TimeAgo,
    },
    i18n::t,
    pages::apps::words,
};
use berth_domain::lifecycle::AppState;
use leptos::prelude::*;
use std::collections::BTreeSet;

/// The head.
#[component]
pub fn AppHeader(context: AppContext) -> impl IntoView {
    let app = context.app;
    let pill = move || {
        let (tone, text) = app.with(|app| {
            let wanted = if app.running { app.replicas } else { 0 };
            let tone = state::app_state(app.state).0;
            let release = app.rollout.as_ref().map(|rollout| match app.state {
                AppState::RollingBack => rollout.from_release.unwrap_or(rollout.to_release),
                _ => rollout.to_release,
            });
            let text = match (app.state, release) {
                (AppState::RollingOut, Some(release)) => t::apps::state_rolling_out(release),
                (AppState::RollingBack, Some(release)) => t::apps::state_rolling_back(release),
                (AppState::Degraded, _) => t::apps::state_degraded(app.ready, wanted),
                (state, _) => state::app_state_text(state, app.ready, wanted),
            };
            (tone, text)
        });
        view! { <Pill tone=tone text=text /> }
    };
    view! {
        <PageHead
            title=context.name
            state=move || view! { <span id="app-state" aria-live="polite">{pill}</span> }
            sub=move || view! { <HeadFacts context=context /> }
            actions=move || view! { <AppActions context=context /> }
        />
    }
}

#[component]
fn HeadFacts(context: AppContext) -> impl IntoView {
    let app = context.app;
    let visit = Memo::new(move |_| app.with(|app| app.visit_url.clone()));
    let image = Memo::new(move |_| app.with(|app| app.release.image.clone()));
    let places = Memo::new(move |_| {
        context.instances.with(|all| {
            let there: Vec<_> = all.iter().filter(|instance| instance.phase.is_ready()).collect();
            let nodes: BTreeSet<&str> = there.iter().map(|instance| instance.node.as_str()).collect();
            (there.len() as u64, nodes.len() as u64)
        })
    });
    let released_at = Signal::derive(move || app.with(|app| app.release.created_at));
    let released_by = Memo::new(move |_| app.with(|app| app.release.created_by.clone()));
    view! {
        {move || visit.get().map(|url| {
            let shown = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
            view! {
                <a class="visit" id="visit" href=url target="_blank" rel="noopener noreferrer">
                    {t::apps::visit()} " " <span class="mono">{shown}</span>
                    <Svg icon=Icon::External size=13 />
                    <span class="hidden">{t::common::opens_new_tab()}</span>
                </a>
            }
        })}
        <span class="mono ellipsis" title=move || image.get()>{move || words::short_image(&image.get())}</span>
        {move || {
            let (instances, nodes) = places.get();
            (instances > 0).then(|| {
                let (instances, nodes) = (t::apps::count_ready_instances(instances), t::apps::count_nodes(nodes));
                view! { <span>{t::apps::on_nodes(instances, nodes)}</span> }
            })
        }}
        <span>
            {t::apps::released_before()} <TimeAgo at=released_at />
            {move || match released_by.get() {
                Some(who) => t::apps::released_after(who),
                None => t::apps::released_after_nobody().to_owned(),
            }}
        </span>
    }
}
