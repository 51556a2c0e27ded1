//! All nodes of the platform, and how another one joins.

use crate::{
    api::{self, client::whole},
    components::{
        bar::Bar,
        button::{Button, ButtonKind},
        card::Card,
        copy::CodeBlock,
        dialog::{Dialog, DialogActions},
        empty_state::EmptyState,
        error_state::ErrorState,
        field::FilterField,
        icon::Icon,
        loaded::loaded,
        note::Note,
        page::PageHead,
        pill::{Pill, Tag, Tone},
        skeleton::{SkeletonLines, SkeletonRows},
        state,
        table::{Column, Table, row_link},
        time_ago::TimeAgo,
    },
    i18n::{cores, date_time, mebibytes, number, t},
    live::{LiveResource, use_live_resource},
    live_pages::{More, use_live_pages},
    session::use_session,
    support::url::use_query_value,
};
use berth_api_types::v1::{
    live::Topic,
    nodes::{JoinTokenView, NodeView},
};
use berth_domain::{node::NodeState, right::Right};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// All nodes.
#[component]
pub fn NodesPage() -> impl IntoView {
    let session = use_session();
    let join = RwSignal::new(false);
    let (nodes, more) = use_live_pages(
        || (),
        |(), topic| matches!(topic, Topic::Nodes),
        |(), page| async move { api::nodes::list(&page).await },
    );
    let may_manage = move || session.may_on_platform(Right::NodeManage);
    let actions = move || {
        may_manage().then(|| {
            view! { <Button kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| join.set(true) id="join-node">{t::nodes::join()}</Button> }
        })
    };
    view! {
        <PageHead title=t::common::nodes() sub=move || view! { <Summary nodes=nodes more=more /> } actions=move || view! { {actions} } />
        {loaded(
            nodes,
            || view! { <Card flush=true><SkeletonRows rows=6 /></Card> }.into_any(),
            move |nodes: Signal<Vec<NodeView>>| {
                let is_empty = Memo::new(move |_| nodes.with(Vec::is_empty));
                move || if is_empty.get() {
                    view! {
                        <Card flush=true>
                            <EmptyState icon=Icon::Node title=t::nodes::empty_title() text=t::nodes::empty_text()>
                                {move || may_manage().then(|| view! { <Button kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| join.set(true)>{t::nodes::join()}</Button> })}
                            </EmptyState>
                        </Card>
                    }.into_any()
                } else {
                    view! { <NodeTable nodes=nodes more=more /> }.into_any()
                }
            },
        )}
        <JoinDialog open=join />
    }
}

#[component]
fn Summary(nodes: LiveResource<Vec<NodeView>>, more: More) -> impl IntoView {
    move || {
        let nodes = nodes.get()?;
        let ready = nodes.iter().filter(|node| node.state == NodeState::Ready).count();
        let all = nodes
            .iter()
            .fold((0, 0), |sum, node| (sum.0 + node.capacity.cpu_milli.0, sum.1 + node.capacity.memory_mib.0));
        Some(view! {
            <span>{t::nodes::ready_of(number(ready as u64), more.count(t::common::nodes_count(nodes.len() as u64)))}</span>
            <span>{cores(all.0)} " " {t::common::cores_unit()}</span>
            <span>{mebibytes(all.1)}</span>
        })
    }
}

#[component]
fn NodeTable(nodes: Signal<Vec<NodeView>>, more: More) -> impl IntoView {
    let (filter, set_filter) = use_query_value("q");
    let rows = Memo::new(move |_| {
        let wanted = filter.get().trim().to_lowercase();
        let hit = |node: &NodeView| {
            node.name.contains(&wanted)
                || node.address.contains(&wanted)
                || node.labels.iter().any(|(key, value)| format!("{key}={value}").to_lowercase().contains(&wanted))
        };
        nodes.with(|nodes| nodes.iter().filter(|node| wanted.is_empty() || hit(node)).cloned().collect::<Vec<_>>())
    });
    let columns = vec![
        Column::new("name", t::common::name(), |node: &NodeView| {
            let labels = node
                .labels
                .iter()
                .take(3)
                .map(|(key, value)| view! { <Tag text=format!("{key}={value}") /> })
                .collect_view();
            let link = row_link(format!("/nodes/{}", node.name), node.name.clone());
            view! { <div class="node-name">{link} <div class="labels minor">{labels}</div></div> }
        })
        .sorted(|a, b| a.name.cmp(&b.name)),
        Column::new("state", t::common::state(), |node: &NodeView| {
            let (tone, word) = state::node_state(node.state, node.availability);
            view! { <Pill tone=tone text=word /> }
        })
        .sorted(|a, b| (b.state, b.availability).cmp(&(a.state, a.availability))),
        Column::new("instances", t::common::instances(), |node: &NodeView| number(node.instances.into()))
            .to_end()
            .sorted(|a, b| a.instances.cmp(&b.instances)),
        Column::new("cpu", t::common::cpu(), |node: &NodeView| {
            mini(t::common::cpu(), node.reserved.cpu_milli.0, node.capacity.cpu_milli.0, cores)
        })
        .minor()
        .sorted(|a, b| {
            share(a.reserved.cpu_milli.0, a.capacity.cpu_milli.0)
                .cmp(&share(b.reserved.cpu_milli.0, b.capacity.cpu_milli.0))
        }),
        Column::new("memory", t::common::memory(), |node: &NodeView| {
            mini(t::common::memory(), node.reserved.memory_mib.0, node.capacity.memory_mib.0, mebibytes)
        })
        .minor()
        .sorted(|a, b| {
            share(a.reserved.memory_mib.0, a.capacity.memory_mib.0)
                .cmp(&share(b.reserved.memory_mib.0, b.capacity.memory_mib.0))
        }),
        Column::new("seen", t::nodes::last_seen(), |node: &NodeView| {
            // A node that is ready is heard every few seconds; the page is told of news only, and would show an old time.
            node.last_seen_at.map(|seen| match node.state {
                NodeState::Ready => view! { <span class="muted">{t::common::just_now()}</span> }.into_any(),
                _ => view! { <span class="muted"><TimeAgo at=seen /></span> }.into_any(),
            })
        })
        .minor()
        .sorted(|a, b| b.last_seen_at.cmp(&a.last_seen_at)),
    ];
    let href = Callback::new(|node: NodeView| format!("/nodes/{}", node.name));
    view! {
        <Card
            title=t::common::nodes()
            flush=true
            actions=move || view! { <div class="filter" data-filter="nodes"><FilterField value=filter on_input=set_filter /></div> }
        >
            <Table caption=t::common::nodes() columns=columns rows=rows more=more key=|node| node.id.to_string() href=href />
            {move || rows.with(Vec::is_empty).then(|| view! { <p class="card-body muted">{t::nodes::none_match()}</p> })}
        </Card>
    }
}

fn share(used: u64, of: u64) -> u64 {
    used.saturating_mul(10_000).checked_div(of).unwrap_or(0)
}

fn mini(label: &'static str, used: u64, of: u64, format: fn(u64) -> String) -> impl IntoView {
    view! {
        <div class="mini">
            <Bar label=label used=used limit=of />
            <span>{format(used)} " / " {format(of)}</span>
        </div>
    }
}

/// Makes a one-time token and shows the command; says when the node is there.
#[component]
fn JoinDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open=open title=t::nodes::join_title() wide=true>
            <JoinSteps open=open />
        </Dialog>
    }
}

#[component]
fn JoinSteps(open: RwSignal<bool>) -> impl IntoView {
    let token = RwSignal::new(None::<Result<JoinTokenView, api::error::ApiError>>);
    let make = move || {
        token.set(None);
        spawn_local(async move {
            let made = api::nodes::create_join_token().await;
            token.try_set(Some(made));
        });
    };
    make();
    let known = StoredValue::new(None::<Vec<String>>);
    let arrived = RwSignal::new(None::<String>);
    let nodes = use_live_resource(
        || (),
        |(), topic| matches!(topic, Topic::Nodes),
        |()| whole(async |page| api::nodes::list(&page).await),
    );
    Effect::new(move |_| {
        let Some(names) = nodes.get().map(|nodes| nodes.into_iter().map(|node| node.name).collect::<Vec<_>>()) else {
            return;
        };
        match known.get_value() {
            None => known.set_value(Some(names)),
            Some(before) => {
                if let Some(new) = names.into_iter().find(|name| !before.contains(name)) {
                    arrived.set(Some(new));
                }
            }
        }
    });
    view! {
        <p class="dialog-text">{t::nodes::join_text()}</p>
        {move || match token.get() {
            None => view! { <SkeletonLines lines=2 /> }.into_any(),
            Some(Err(error)) => view! { <ErrorState error=error retry=move |()| make() /> }.into_any(),
            Some(Ok(token)) => {
                view! {
                    <div class="stack">
                        <CodeBlock text=token.command />
                        <p class="muted">{t::nodes::join_expires(date_time(token.expires_at))}</p>
                    </div>
                }
                    .into_any()
            }
        }}
        <div aria-live="polite" style:margin-top="16px">
            {move || match arrived.get() {
                Some(name) => view! { <Note tone=Tone::Ok title=t::nodes::joined(name) /> }.into_any(),
                None => view! { <Note tone=Tone::Busy title=t::nodes::join_waiting() /> }.into_any(),
            }}
        </div>
        <DialogActions>
            <Button kind=ButtonKind::Main on_click=move |_| open.set(false)>{t::common::done()}</Button>
        </DialogActions>
    }
}
