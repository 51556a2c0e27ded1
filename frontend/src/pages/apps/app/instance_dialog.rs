//! All that is known of one instance: where it is and why there, how it does, how to get into it. `?inst=` opens it.

use super::AppContext;
use crate::{
    components::{
        button::LinkButton,
        dialog::{Dialog, DialogActions},
        icon::Icon,
        key_value::{Fact, Facts},
        pill::{Pill, Tone},
        time_ago::TimeAgo,
    },
    i18n::{cores, decimal, mebibytes, t},
    pages::apps::words,
    support::url::use_query_value,
};
use berth_api_types::v1::apps::{CandidateView, InstanceView, PlacementView};
use berth_domain::app::PlacementStrategy;
use leptos::prelude::*;

/// The dialog.
#[component]
pub fn InstanceDialog(context: AppContext) -> impl IntoView {
    let (wanted, set_wanted) = use_query_value("inst");
    let open = RwSignal::new(false);
    let instance = Memo::new(move |_| {
        let name = wanted.get();
        context.instances.with(|all| all.iter().find(|instance| instance.name == name).cloned())
    });
    Effect::new(move |_| open.set(wanted.with(|name| !name.is_empty())));
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            set_wanted.run(String::new());
        }
        now
    });
    view! {
        <Dialog open=open title=wanted wide=true>
            {move || match instance.get() {
                Some(instance) => view! { <InstanceFacts context=context instance=instance /> }.into_any(),
                None => view! { <p class="dialog-text muted">{t::apps::instance_gone()}</p> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn InstanceFacts(context: AppContext, instance: InstanceView) -> impl IntoView {
    let (tone, state) = words::instance_state(&instance);
    let why = words::failure(&instance);
    let stop = instance.stop_reason.as_deref().and_then(words::stop_reason);
    let resources = format!(
        "{} {} · {}",
        cores(instance.resources.cpu_milli.0),
        t::apps::cores(),
        mebibytes(instance.resources.memory_mib.0)
    );
    let endpoints: Vec<_> = instance
        .endpoints
        .iter()
        .map(|endpoint| {
            let href = format!("http://{}/", endpoint.address);
            view! { <div><span class="faint">{endpoint.container_port} " → "</span> <a class="mono" href=href target="_blank" rel="noopener noreferrer">{endpoint.address.clone()}</a></div> }
        })
        .collect();
    let (logs, terminal) =
        (format!("tab=logs&instance={}", instance.name), format!("tab=terminal&instance={}", instance.name));
    let (node, explanation) = (instance.node.clone(), instance.explanation.clone());
    let strategy = context.app.with_untracked(|app| app.spec.placement.strategy);
    view! {
        <div class="instance-facts">
            <Facts>
                <Fact label=t::apps::instance_phase()>
                    <Pill tone=tone text=state />
                    {(!why.is_empty()).then(|| view! { <p>{why}</p> })}
                    {stop.map(|stop| view! { <p class="muted">{stop}</p> })}
                </Fact>
                <Fact label=t::apps::col_release()><span class="mono">{instance.release}</span></Fact>
                <Fact label=t::apps::col_node()>{instance.node.clone()}</Fact>
                <Fact label=t::apps::instance_endpoints()>
                    {if endpoints.is_empty() { t::apps::none().into_any() } else { endpoints.into_any() }}
                </Fact>
                <Fact label=t::apps::instance_resources()>{resources}</Fact>
                <Fact label=t::apps::instance_restarts()>{instance.restarts}</Fact>
                {instance.exit_code.map(|code| view! { <Fact label=t::apps::instance_exit()><span class="mono">{code}</span></Fact> })}
                <Fact label=t::apps::instance_created()><TimeAgo at=instance.created_at /></Fact>
                {instance.started_at.map(|at| view! { <Fact label=t::apps::instance_started()><TimeAgo at=at /></Fact> })}
                {instance.observed_at.map(|at| view! { <Fact label=t::apps::instance_observed()><TimeAgo at=at /></Fact> })}
            </Facts>
            <Why node=node explanation=explanation strategy=strategy />
        </div>
        <DialogActions>
            <LinkButton icon=Icon::Log href=Signal::derive(move || context.url(&logs))>{t::apps::open_logs()}</LinkButton>
            <LinkButton icon=Icon::Terminal href=Signal::derive(move || context.url(&terminal))>{t::apps::open_terminal()}</LinkButton>
        </DialogActions>
    }
}

/// Why the instance is on its node: the nodes that were considered, best first.
#[component]
fn Why(node: String, explanation: PlacementView, strategy: PlacementStrategy) -> impl IntoView {
    let PlacementView { candidates, feasible, refused } = explanation;
    let spread = strategy == PlacementStrategy::Spread;
    let row = move |(at, candidate): (usize, CandidateView)| {
        view! {
            <tr>
                <th scope="row">
                    {candidate.node} " "
                    {(at == 0).then(|| view! { <Pill tone=Tone::Ok text=t::apps::candidate_chosen() /> })}
                </th>
                <td>{if candidate.image_present { t::apps::candidate_image_present() } else { t::apps::candidate_image_missing() }}</td>
                {spread.then(|| view! { <td class="num">{candidate.same_app}</td> })}
                <td class="num">{decimal(f64::from(candidate.fill_permille) / 10.0, 1)} " %"</td>
            </tr>
        }
    };
    let any = !candidates.is_empty();
    view! {
        <section class="why">
            <h3>{t::apps::instance_why(node)}</h3>
            {if any {
                view! {
                    <p class="muted">{t::apps::instance_why_text(u64::from(feasible))}</p>
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">{t::apps::col_node()}</th>
                                <th scope="col">{t::apps::candidate_image()}</th>
                                {spread.then(|| view! { <th scope="col" class="num">{t::apps::candidate_same_app()}</th> })}
                                <th scope="col" class="num">{if spread { t::apps::candidate_used() } else { t::apps::candidate_free() }}</th>
                            </tr>
                        </thead>
                        <tbody>{candidates.into_iter().enumerate().map(row).collect_view()}</tbody>
                    </table>
                }.into_any()
            } else {
                view! { <p class="muted">{t::apps::instance_why_unknown()}</p> }.into_any()
            }}
            {(!refused.is_empty()).then(|| view! { <p class="muted">{t::apps::instance_refused(words::reasons(&refused))}</p> })}
        </section>
    }
}
