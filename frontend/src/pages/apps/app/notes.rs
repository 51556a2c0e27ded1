//! What is wrong with an app, above everything else: in words, with numbers, with what to do.

use super::{AppContext, use_app_resource};
use crate::{
    api,
    components::{button::LinkButton, note::Note, pill::Tone},
    i18n::t,
    pages::apps::words,
    said::said,
};
use berth_api_types::v1::releases::RolloutView;
use berth_domain::lifecycle::RolloutPhase;
use leptos::prelude::*;

/// Instances without a place, crash loops, and a release that took itself back.
#[component]
pub fn Notes(context: AppContext) -> impl IntoView {
    let refusals =
        Memo::new(move |_| context.app.with(|app| (app.refusals.len() as u64, words::refusals(&app.refusals))));
    let failing = Memo::new(move |_| {
        context.instances.with(|all| {
            let found = all.iter().filter(|instance| words::in_crash_loop(instance));
            found.map(|instance| (instance.name.clone(), words::failure(instance))).collect::<Vec<_>>()
        })
    });
    view! {
        {move || {
            let (count, sentences) = refusals.get();
            (count > 0).then(|| view! {
                <Note
                    tone=Tone::Bad
                    title=t::apps::refusal_title(count)
                    actions=move || view! { <LinkButton small=true href=Signal::derive(move || context.url("tab=settings"))>{t::apps::adjust()}</LinkButton> }
                >
                    {sentences.into_iter().map(|sentence| view! { <p>{sentence}</p> }).collect_view()}
                </Note>
            })
        }}
        {move || {
            failing.get().into_iter().map(|(name, why)| {
                let logs = format!("tab=logs&instance={name}");
                view! {
                    <Note
                        tone=Tone::Bad
                        title=t::apps::crash_title(&name)
                        actions=move || { let logs = logs.clone(); view! { <LinkButton small=true href=Signal::derive(move || context.url(&logs))>{t::apps::open_logs()}</LinkButton> } }
                    >
                        <p>{why}</p>
                    </Note>
                }
            }).collect_view()
        }}
        <LastRollout context=context />
    }
}

/// Says how the last rollout ended when it did not end well: nobody may have looked at that time.
#[component]
fn LastRollout(context: AppContext) -> impl IntoView {
    let rollouts = use_app_resource(context.at, context.name, |at, name| async move {
        api::apps::list_rollouts(&at, &name).await.map(|page| page.items)
    });
    let failed = Memo::new(move |_| {
        let newest: Option<RolloutView> = rollouts.data.with(|all| all.as_ref().and_then(|all| all.first().cloned()));
        newest.filter(|rollout| matches!(rollout.phase, RolloutPhase::RolledBack | RolloutPhase::Failed))
    });
    move || {
        failed.get().map(|rollout| {
            let (to, reason) = (rollout.to_release, said(&rollout.reason));
            let (tone, title) = match rollout.phase {
                RolloutPhase::Failed => (Tone::Bad, t::apps::last_rollout_failed(to)),
                _ => (Tone::Warn, t::apps::last_rollout_taken_back(to)),
            };
            let query = match rollout.from_release {
                Some(from) => format!("tab=releases&from={from}&to={to}"),
                None => "tab=releases".to_owned(),
            };
            view! {
                <Note
                    tone=tone
                    title=title
                    actions=move || { let query = query.clone(); view! { <LinkButton small=true href=Signal::derive(move || context.url(&query))>{t::apps::see_release(to)}</LinkButton> } }
                >
                    <p>{reason}</p>
                </Note>
            }
        })
    }
}
