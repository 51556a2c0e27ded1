//! What a deploy would do, computed by the scheduler while somebody types: where it would run, what it would use.

use super::{form::read::Reading, words};
use crate::{
    api::{self, error::ApiError},
    components::{
        card::Card,
        error_state::{error_detail, quota_sentence},
        pill::{Pill, Tone},
        skeleton::SkeletonLines,
    },
    i18n::{cores, mebibytes, number, t},
    live::use_live,
    scope::EnvironmentScope,
};
use berth_api_types::v1::{
    live::Topic,
    plan::{PlanBody, PlanView, PlannedPlacement},
};
use berth_domain::quota::QuotaKind;
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use std::collections::BTreeMap;
use wasm_bindgen_futures::spawn_local;

/// Quiet time after the last key before the server is asked, in milliseconds.
const QUIET_MS: u32 = 250;

/// What is known of the plan.
#[derive(Debug, Clone, PartialEq)]
enum PlanState {
    /// The form is not filled yet.
    Incomplete,
    /// The server was asked; what it said before, if anything, is still shown.
    Asking,
    /// The plan.
    Known(PlanView),
    /// It could not be made.
    Failed(ApiError),
}

/// The plan of what a form says. `app` names the app that would change; none for a new one. Below the facts stand the
/// children: the button.
#[component]
pub fn PlanCard(
    #[prop(into)] at: Signal<EnvironmentScope>,
    #[prop(into)] app: Signal<Option<String>>,
    #[prop(into)] reading: Signal<Reading>,
    /// Told of every plan, with the image that it is of.
    #[prop(optional, into)]
    on_plan: Option<Callback<(String, PlanView)>>,
    children: Children,
) -> impl IntoView {
    let state = RwSignal::new(PlanState::Incomplete);
    let shown = RwSignal::new(None::<PlanView>);
    let body = Memo::new(move |_| {
        reading.with(|reading| {
            let spec = reading.spec.clone()?;
            let bad_count = reading.errors.iter().any(|error| error.field == "replicas");
            (!bad_count).then(|| PlanBody { app: app.get(), replicas: reading.replicas, spec })
        })
    });
    keep_planned(at, body, state, shown, on_plan);
    let wanted = Signal::derive(move || body.with(|body| body.as_ref().map_or(0, |body| body.replicas)));
    let pill = move || {
        let (tone, text) = verdict(&state.get(), shown.get().as_ref(), wanted.get());
        view! { <Pill tone=tone text=text /> }
    };
    view! {
        <Card title=t::apps::plan() actions=move || view! { <span aria-live="polite">{pill}</span> } flush=true class="plan">
            <div>
                {move || match (state.get(), shown.get()) {
                    (PlanState::Failed(error), _) => view! { <p class="plan-text">{t::apps::plan_failed()} " " {error_detail(&error)}</p> }.into_any(),
                    (_, Some(plan)) => facts(&plan),
                    (PlanState::Asking, None) => view! { <div class="card-body"><SkeletonLines lines=3 /></div> }.into_any(),
                    (_, None) => view! { <p class="plan-text muted">{t::apps::plan_intro()}</p> }.into_any(),
                }}
            </div>
            <div class="plan-foot">{children()}</div>
        </Card>
    }
}

/// Asks for the plan a moment after the form changed, and again when the fleet or the tenant's use did.
fn keep_planned(
    at: Signal<EnvironmentScope>,
    body: Memo<Option<PlanBody>>,
    state: RwSignal<PlanState>,
    shown: RwSignal<Option<PlanView>>,
    on_plan: Option<Callback<(String, PlanView)>>,
) {
    let round = StoredValue::new(0_u64);
    let waiting = StoredValue::new_local(None::<Timeout>);
    let ask = move || {
        let Some(Some(body)) = body.try_get_untracked() else { return };
        round.update_value(|round| *round += 1);
        let asked = round.get_value();
        spawn_local(async move {
            let result = api::apps::plan(&at.get_untracked(), &body).await;
            // Somebody typed on: this answer is of something else.
            if round.try_get_value() != Some(asked) {
                return;
            }
            match result {
                Ok(plan) => {
                    if let Some(on_plan) = on_plan {
                        on_plan.run((body.spec.image.clone(), plan.clone()));
                    }
                    shown.set(Some(plan.clone()));
                    state.set(PlanState::Known(plan));
                }
                Err(error) => state.set(PlanState::Failed(error)),
            }
        });
    };
    Effect::new(move |_| {
        at.track();
        let complete = body.with(Option::is_some);
        round.update_value(|round| *round += 1);
        if complete {
            state.set(PlanState::Asking);
            waiting.set_value(Some(Timeout::new(QUIET_MS, ask)));
        } else {
            waiting.set_value(None);
            shown.set(None);
            state.set(PlanState::Incomplete);
        }
    });
    use_live().subscribe(move |topics| {
        let concerns = |topic: &Topic| matches!(topic, Topic::Nodes | Topic::Tenant | Topic::Everything);
        if topics.iter().any(concerns) {
            ask();
        }
    });
}

fn verdict(state: &PlanState, shown: Option<&PlanView>, wanted: u32) -> (Tone, String) {
    match (state, shown) {
        (PlanState::Incomplete, _) => (Tone::Idle, t::apps::plan_waiting().to_owned()),
        (PlanState::Asking, _) => (Tone::Busy, t::apps::plan_computing().to_owned()),
        (PlanState::Failed(_), _) | (_, None) => (Tone::Bad, t::apps::plan_not().to_owned()),
        (PlanState::Known(_), Some(plan)) if !plan.exceeded.is_empty() => (Tone::Bad, t::apps::plan_not().to_owned()),
        (PlanState::Known(_), Some(plan)) if plan.refusals.is_empty() => (Tone::Ok, t::apps::plan_fits().to_owned()),
        (PlanState::Known(_), Some(plan)) if plan.placements.is_empty() => (Tone::Bad, t::apps::plan_not().to_owned()),
        (PlanState::Known(_), Some(plan)) => (Tone::Warn, t::apps::plan_partly(plan.placements.len(), wanted)),
    }
}

fn facts(plan: &PlanView) -> AnyView {
    let exceeded = |kind| plan.exceeded.iter().any(|exceeded| exceeded.kind == kind);
    let (before, after, quota) = (&plan.usage_before, &plan.usage_after, &plan.quota);
    let change = |kind, before: String, after: String, limit: String| {
        let class = if exceeded(kind) { "fault" } else { "" };
        view! { <span class=class>{t::apps::plan_change(before, after, limit)}</span> }
    };
    let sentences: Vec<String> = plan.exceeded.iter().map(quota_sentence).chain(refusal_sentences(plan)).collect();
    view! {
        <dl class="plan-facts">
            <div><dt>{t::apps::plan_runs_on()}</dt><dd>{nodes(&plan.placements)}</dd></div>
            <div><dt>{t::apps::plan_pulls()}</dt><dd>{pulls(&plan.placements)}</dd></div>
            <div>
                <dt>{t::apps::plan_cpu_quota()}</dt>
                <dd>{change(QuotaKind::CpuMilli, cores(before.cpu_milli.0), cores(after.cpu_milli.0), t::apps::plan_cores(cores(quota.cpu_milli.0)))}</dd>
            </div>
            <div>
                <dt>{t::apps::plan_memory_quota()}</dt>
                <dd>{change(QuotaKind::MemoryMib, mebibytes(before.memory_mib.0), mebibytes(after.memory_mib.0), mebibytes(quota.memory_mib.0))}</dd>
            </div>
            <div>
                <dt>{t::apps::plan_instances_quota()}</dt>
                <dd>{change(QuotaKind::Instances, number(before.instances.into()), number(after.instances.into()), number(quota.instances.into()))}</dd>
            </div>
        </dl>
        {sentences.into_iter().map(|sentence| view! { <p class="plan-text plan-fault">{sentence}</p> }).collect_view()}
    }
    .into_any()
}

fn refusal_sentences(plan: &PlanView) -> Vec<String> {
    if plan.refusals.is_empty() {
        return Vec::new();
    }
    let mut found = vec![t::apps::plan_refused(plan.refusals.len() as u64)];
    found.extend(words::refusals(&plan.refusals));
    found
}

/// `node-01 × 2, node-02`.
fn nodes(placements: &[PlannedPlacement]) -> String {
    let mut count: BTreeMap<&str, u64> = BTreeMap::new();
    for placement in placements {
        *count.entry(&placement.node).or_default() += 1;
    }
    if count.is_empty() {
        return t::apps::plan_no_node().to_owned();
    }
    let words = |(node, count): (&str, u64)| if count == 1 { node.to_owned() } else { format!("{node} × {count}") };
    count.into_iter().map(words).collect::<Vec<_>>().join(t::apps::list_joint())
}

fn pulls(placements: &[PlannedPlacement]) -> String {
    let mut by_node: BTreeMap<&str, bool> = BTreeMap::new();
    for placement in placements {
        by_node.insert(&placement.node, placement.image_present);
    }
    let have = by_node.values().filter(|present| **present).count() as u64;
    match (by_node.len() as u64 - have, have) {
        (0, _) => t::apps::plan_pulls_none().to_owned(),
        (missing, 0) => t::apps::plan_pulls_all(missing),
        (missing, have) => t::apps::plan_pulls_some(missing, have),
    }
}
