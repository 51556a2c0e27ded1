//! The rollout that is going on, drawn as it happens.

use super::{AppContext, actions::Call};
use crate::{
    api,
    components::{
        button::Button,
        card::Card,
        dialog::ConfirmDialog,
        rollout_lanes::{RolloutLanes, lanes},
        time_ago::Elapsed,
    },
    i18n::t,
    pages::apps::words,
    said::said,
};
use berth_api_types::v1::releases::{RolloutCause, RolloutView};
use berth_domain::{
    app::{AppSpecInput, ProbeCheck},
    lifecycle::{InstancePhase, RolloutPhase},
    right::Right,
};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// The card; nothing while no rollout is going on.
#[component]
pub fn RolloutCard(context: AppContext) -> impl IntoView {
    let id = Memo::new(move |_| context.app.with(|app| app.rollout.as_ref().map(|rollout| rollout.id)));
    move || {
        id.get().and_then(|_| {
            let first = context.app.with_untracked(|app| app.rollout.clone())?;
            let rollout =
                Signal::derive(move || context.app.with(|app| app.rollout.clone()).unwrap_or_else(|| first.clone()));
            Some(view! { <Running context=context rollout=rollout /> })
        })
    }
}

#[component]
fn Running(context: AppContext, rollout: Signal<RolloutView>) -> impl IntoView {
    let abort_open = RwSignal::new(false);
    let navigate = use_navigate();
    let open = move |name: String| {
        navigate(&context.url(&format!("inst={name}")), NavigateOptions { scroll: false, ..NavigateOptions::default() })
    };
    let note = Signal::derive(move || {
        let policy = context.app.with(|app| app.spec.rollout);
        t::apps::rollout_policy_line(policy.max_surge, policy.max_unavailable)
    });
    let progressing = Memo::new(move |_| rollout.with(|rollout| rollout.phase == RolloutPhase::Progressing));
    let may = Memo::new(move |_| context.may(Right::AppDeploy));
    let lanes = Memo::new(move |_| rollout.with(|rollout| context.instances.with(|all| lanes(rollout, all))));
    let wanted = Signal::derive(move || rollout.with(|rollout| rollout.wanted));
    let counted = move || {
        let ready = lanes.with(|lanes| lanes.iter().find(|lane| lane.target).map_or(0, |lane| lane.ready));
        t::apps::rollout_ready(ready, wanted.get())
    };
    let since = Signal::derive(move || rollout.with(|rollout| rollout.started_at));
    let compare = move || {
        rollout.with(|rollout| {
            let from = rollout.from_release.filter(|from| *from != rollout.to_release)?;
            Some(context.url(&format!("tab=releases&from={from}&to={}", rollout.to_release)))
        })
    };
    view! {
        <Card
            title=untrack(move || rollout.with(title))
            note=note
            class="rollout"
            actions=move || view! {
                <span class="muted" id="rollout-ready">{counted} " · " <Elapsed since=since /></span>
                {move || (progressing.get() && may.get()).then(|| view! {
                    <Button small=true id="abort" on_click=move |_| abort_open.set(true)>{t::apps::rollout_abort()}</Button>
                })}
            }
        >
            {move || (!progressing.get()).then(|| {
                let words = rollout.with(|rollout| (rollout.from_release.unwrap_or(rollout.to_release), said(&rollout.reason)));
                view! { <p class="rollout-back"><b>{t::apps::rollout_taking_back(words.0)}</b> ": " {words.1}</p> }
            })}
            <RolloutLanes lanes=lanes wanted=wanted on_open=open />
            <p class="muted rollout-now" aria-live="polite">
                {move || doing_now(context)}
                {move || compare().map(|href| view! { " " <a href=href>{t::apps::what_changed()}</a> })}
            </p>
        </Card>
        <AbortDialog context=context rollout=rollout open=abort_open />
    }
}

fn title(rollout: &RolloutView) -> String {
    let to = rollout.to_release;
    match (rollout.cause, rollout.from_release) {
        (RolloutCause::Restart, _) => t::apps::rollout_restart(to),
        (_, Some(from)) if from == to => t::apps::rollout_restart(to),
        (_, Some(from)) => t::apps::rollout_deploy(from, to),
        (_, None) => t::apps::rollout_first().to_owned(),
    }
}

/// What is waited for now: failures first, then the instance that is nearest to ready.
fn doing_now(context: AppContext) -> String {
    let check = context.app.with(|app| check_text(&app.spec));
    let waiting = context.instances.with(|all| {
        let mut sorted: Vec<_> = all.iter().filter(|instance| rank(instance.phase).is_some()).collect();
        sorted.sort_by_key(|instance| (rank(instance.phase), instance.created_at));
        sorted.first().and_then(|instance| words::doing(instance, check.as_deref()))
    });
    if let Some(waiting) = waiting {
        return waiting;
    }
    let refused = context.app.with(|app| app.refusals.first().map(|refusal| words::reasons(&refusal.reasons)));
    refused.map_or_else(|| t::apps::now_settling().to_owned(), t::apps::now_no_place)
}

/// What is said first; none for what is not waited for.
const fn rank(phase: InstancePhase) -> Option<u8> {
    Some(match phase {
        InstancePhase::BackOff => 0,
        InstancePhase::Unready => 1,
        InstancePhase::Starting => 2,
        InstancePhase::Creating => 3,
        InstancePhase::Pulling => 4,
        InstancePhase::Waiting => 5,
        InstancePhase::Stopping => 6,
        InstancePhase::Ready | InstancePhase::Stopped => return None,
    })
}

fn check_text(spec: &AppSpecInput) -> Option<String> {
    spec.readiness.as_ref().map(|probe| match &probe.check {
        ProbeCheck::Http { path, port } => format!("GET :{port}{path}"),
        ProbeCheck::Tcp { port } => format!("TCP :{port}"),
    })
}

#[component]
fn AbortDialog(context: AppContext, rollout: Signal<RolloutView>, open: RwSignal<bool>) -> impl IntoView {
    let call = Call::new();
    let text = Signal::derive(move || {
        rollout.with(|rollout| match rollout.from_release {
            Some(from) => t::apps::rollout_abort_text(rollout.to_release, from),
            None => t::apps::rollout_abort_first().to_owned(),
        })
    });
    let confirm = move |()| {
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        call.run(async move { api::apps::abort_rollout(&at, &name).await }, move |_| {
            open.set(false);
            context.resource.refetch();
        });
    };
    view! {
        <ConfirmDialog
            open=open
            title=t::apps::rollout_abort_title()
            text=text
            action=t::apps::rollout_abort()
            busy=call.busy
            error=call.error
            on_confirm=confirm
        />
    }
}
