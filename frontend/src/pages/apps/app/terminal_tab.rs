//! A terminal in one of the app's instances. `?instance=` chooses it.

use super::AppContext;
use crate::{
    components::{
        empty_state::EmptyState,
        icon::{Icon, Svg},
        terminal::{Terminal, TerminalTarget},
    },
    i18n::t,
    pages::apps::words,
    support::url::use_query_value,
};
use berth_api_types::v1::apps::InstanceView;
use berth_domain::lifecycle::InstancePhase;
use leptos::prelude::*;

/// The tab.
#[component]
pub fn TerminalTab(context: AppContext) -> impl IntoView {
    let (wanted, set_wanted) = use_query_value("instance");
    let running = Memo::new(move |_| {
        context.instances.with(|all| all.iter().filter(|instance| has_process(instance)).cloned().collect::<Vec<_>>())
    });
    let target = Memo::new(move |before: Option<&Option<TerminalTarget>>| {
        let name = wanted.get();
        let chosen = running.with(|all| {
            all.iter()
                .find(|instance| instance.name == name)
                .or_else(|| all.first())
                .map(|instance| (instance.id, instance.name.clone()))
        });
        let (at, app) = (context.at.get(), context.name.get());
        match chosen {
            Some((instance, name)) => Some(TerminalTarget { at, app, instance, name }),
            // A shell may outlive the list for a moment; its own end says more.
            None => before.cloned().flatten(),
        }
    });
    let any = Memo::new(move |_| target.with(Option::is_some));
    let choice = move || {
        view! {
            <label class="input input-select input-small">
                <span class="hidden">{t::apps::terminal_instance()}</span>
                <select
                    id="terminal-instance"
                    on:change=move |event| set_wanted.run(event_target_value(&event))
                >
                    <For each=move || running.get() key=|instance| (instance.id, instance.phase.as_str()) let:instance>
                        {
                            let name = instance.name.clone();
                            let selected = move || target.with(|target| target.as_ref().is_some_and(|target| target.name == name));
                            view! {
                                <option value=instance.name.clone() selected=selected>
                                    {format!("{} · {} · {}", instance.name, instance.node, words::instance_state(&instance).1)}
                                </option>
                            }
                        }
                    </For>
                </select>
                <Svg icon=Icon::Down size=14 />
            </label>
        }
    };
    move || {
        if !any.get() {
            return view! {
                <div class="card">
                    <EmptyState icon=Icon::Terminal title=t::apps::terminal_none_title() text=t::apps::terminal_none_text() />
                </div>
            }
            .into_any();
        }
        let Some(first) = target.get_untracked() else { return ().into_any() };
        let target = Signal::derive(move || target.get().unwrap_or_else(|| first.clone()));
        view! { <Terminal target=target choice=choice /> }.into_any()
    }
}

fn has_process(instance: &InstanceView) -> bool {
    matches!(instance.phase, InstancePhase::Starting | InstancePhase::Ready | InstancePhase::Unready)
}
