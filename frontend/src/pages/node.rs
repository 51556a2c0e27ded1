//! One node: what it is, what it has, what runs there, and what is wanted of it.

use crate::{
    api::{self, error::ApiError},
    components::{
        bar::Meter,
        button::{Button, ButtonKind},
        card::Card,
        dialog::{ConfirmDialog, Dialog, FormActions},
        empty_state::EmptyState,
        event_list::EventList,
        field::{TextField, TextKind},
        form::Form,
        icon::Icon,
        key_value::{Fact, Facts},
        loaded::loaded,
        note::Note,
        page::PageHead,
        pill::{Pill, Tag, Tone},
        skeleton::{SkeletonLines, SkeletonRows},
        state,
        table::{Column, Table},
        time_ago::TimeAgo,
        toast::use_toasts,
    },
    i18n::{cores, date_time, mebibytes, t},
    live::{LiveResource, use_live, use_live_resource},
    scope::EnvironmentScope,
    session::use_session,
};
use berth_api_types::{
    page::PageQuery,
    v1::{
        events::EventView,
        live::Topic,
        nodes::{NodeDetailView, NodeInstanceView, NodeView, UpdateNodeBody},
    },
};
use berth_domain::{
    node::{NodeAvailability, NodeState},
    right::Right,
};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{
    NavigateOptions,
    components::A,
    hooks::{use_navigate, use_params_map},
};

/// One node.
#[component]
pub fn NodePage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("node").unwrap_or_default()));
    let node = use_live_resource(
        move || name.get(),
        |_, topic| matches!(topic, Topic::Nodes | Topic::App { .. }),
        |name| async move { api::nodes::read(&name).await },
    );
    let events = use_live_resource(
        move || name.get(),
        |_, topic| matches!(topic, Topic::Nodes | Topic::App { .. }),
        |name| async move {
            let page = PageQuery { limit: Some(20), cursor: None };
            api::nodes::events(&name, &page).await.map(|page| page.items)
        },
    );
    let pill = move || {
        node.get().map(|detail| {
            let (tone, word) = state::node_state(detail.node.state, detail.node.availability);
            view! { <Pill tone=tone text=word /> }
        })
    };
    let sub = move || {
        node.get().map(|detail| {
            // A ready node is heard every few seconds, and that is no news.
            let seen = detail.node.last_seen_at.filter(|_| detail.node.state != NodeState::Ready);
            view! {
                <span class="mono">{detail.node.address}</span>
                <span>{t::common::instances_count(detail.node.instances.into())}</span>
                {seen.map(|seen| view! { <span>{t::nodes::heard()} " " <TimeAgo at=seen /></span> })}
            }
        })
    };
    view! {
        <PageHead title=name state=move || view! { {pill} } sub=move || view! { {sub} } actions=move || view! { <NodeActions node=node name=name /> } />
        {loaded(
            node,
            || view! { <Card><SkeletonLines lines=6 /></Card> }.into_any(),
            move |node: Signal<NodeDetailView>| {
                view! {
                    <Standing node=node />
                    <div class="grid grid-2">
                        <div class="stack">
                            <Placed node=node />
                            <Card title=t::nodes::events() flush=true>
                                {loaded(
                                    events,
                                    || view! { <SkeletonRows rows=3 /> }.into_any(),
                                    |events: Signal<Vec<EventView>>| view! {
                                        {move || events.with(Vec::is_empty).then(|| view! { <p class="card-body muted">{t::nodes::no_events()}</p> })}
                                        <EventList events=events />
                                    },
                                )}
                            </Card>
                        </div>
                        <div class="stack">
                            <Capacity node=node />
                            <Labels node=node />
                            <FactsCard node=node />
                        </div>
                    </div>
                }
            },
        )}
    }
}

/// What is wrong or wanted, in a sentence.
#[component]
fn Standing(node: Signal<NodeDetailView>) -> impl IntoView {
    move || {
        node.with(|detail| match (detail.node.state, detail.node.availability) {
            (NodeState::Lost, _) => Some(view! { <Note tone=Tone::Bad title=t::nodes::lost_title()>{t::nodes::lost_text()}</Note> }),
            (NodeState::DockerDown, _) => Some(view! { <Note tone=Tone::Bad title=t::nodes::docker_down_title()>{t::nodes::docker_down_text()}</Note> }),
            (NodeState::Suspect, _) => Some(view! { <Note tone=Tone::Warn title=t::nodes::suspect_title()>{t::nodes::suspect_text()}</Note> }),
            (NodeState::Ready, NodeAvailability::Cordoned) => Some(view! { <Note tone=Tone::Idle title=t::nodes::cordoned_title()>{t::nodes::cordoned_text()}</Note> }),
            (NodeState::Ready, NodeAvailability::Drained) => {
                let left = t::nodes::drained_text(t::common::instances_count(detail.node.instances.into()));
                Some(view! { <Note tone=Tone::Idle title=t::nodes::drained_title()>{left}</Note> })
            }
            (NodeState::Ready, NodeAvailability::Active) => None,
        })
    }
}

#[component]
fn NodeActions(node: LiveResource<NodeDetailView>, name: Memo<String>) -> impl IntoView {
    let (session, toasts, live, navigate) = (use_session(), use_toasts(), use_live(), use_navigate());
    let (draining, removing) = (RwSignal::new(false), RwSignal::new(false));
    let (change, removal) = (Form::new(), Form::new());
    let set = move |availability: NodeAvailability| {
        let name = name.get_untracked();
        let before = node.data.with_untracked(|node| node.as_ref().map(|detail| detail.node.availability));
        change.send(set_availability(name.clone(), availability), move |_| {
            draining.set(false);
            live.notify(&[Topic::Nodes]);
            // What has moved away does not come back, but nothing more moves and the node takes instances again.
            toasts.done_with_undo(now(availability), move || {
                let call = set_availability(name.clone(), before.unwrap_or(NodeAvailability::Active));
                toasts.follow(call, |node| now(node.availability));
            });
        });
    };
    Effect::new(move |_| {
        if let Some(error) = change.error.get().filter(|_| !draining.get_untracked()) {
            toasts.failed(&error);
        }
    });
    let remove = move |()| {
        let (name, navigate) = (name.get_untracked(), navigate.clone());
        let gone = name.clone();
        removal.send(async move { api::nodes::remove(&name).await }, move |()| {
            removing.set(false);
            toasts.done(t::nodes::removed(gone));
            navigate("/nodes", NavigateOptions::default());
        });
    };
    let availability = Memo::new(move |_| node.data.with(|node| node.as_ref().map(|detail| detail.node.availability)));
    // As the server has it: a node that is lost, or drained and empty.
    let removable = Memo::new(move |_| {
        node.data.with(|node| {
            node.as_ref().is_some_and(|NodeDetailView { node, .. }| {
                node.state == NodeState::Lost || (node.availability == NodeAvailability::Drained && node.instances == 0)
            })
        })
    });
    let instances = move || node.data.with(|node| node.as_ref().map_or(0, |detail| u64::from(detail.node.instances)));
    view! {
        {move || {
            let now = availability.get().filter(|_| session.may_on_platform(Right::NodeManage))?;
            let is_active = now == NodeAvailability::Active;
            Some(view! {
                <Button kind=ButtonKind::Quiet disabled=Signal::derive(move || !removable.get()) title=t::nodes::remove_needs_drain() on_click=move |_| removing.set(true) id="remove-node">{t::nodes::remove()}</Button>
                {(!is_active).then(|| view! { <Button icon=Icon::Play busy=change.busy on_click=move |_| set(NodeAvailability::Active)>{t::nodes::activate()}</Button> })}
                {is_active.then(|| view! { <Button icon=Icon::Pause busy=change.busy on_click=move |_| set(NodeAvailability::Cordoned)>{t::nodes::cordon()}</Button> })}
                {(now != NodeAvailability::Drained).then(|| view! { <Button on_click=move |_| draining.set(true)>{t::nodes::drain()}</Button> })}
            })
        }}
        <ConfirmDialog
            open=draining
            title=Signal::derive(move || t::nodes::drain_title(name.get()))
            text=Signal::derive(move || t::nodes::drain_text(t::common::instances_count(instances())))
            action=t::nodes::drain()
            danger=false
            busy=change.busy
            error=change.error
            on_confirm=move |()| set(NodeAvailability::Drained)
        />
        <ConfirmDialog
            open=removing
            title=Signal::derive(move || t::nodes::remove_title(name.get()))
            text=Signal::derive(move || t::nodes::remove_text(t::common::instances_count(instances())))
            action=t::nodes::remove()
            name=name
            busy=removal.busy
            error=removal.error
            on_confirm=remove
        />
    }
}

async fn set_availability(node: String, availability: NodeAvailability) -> Result<NodeView, ApiError> {
    let body = UpdateNodeBody { availability: Some(availability), labels: None };
    api::nodes::update(&node, &body).await
}

fn now(availability: NodeAvailability) -> &'static str {
    match availability {
        NodeAvailability::Active => t::nodes::now_active(),
        NodeAvailability::Cordoned => t::nodes::now_cordoned(),
        NodeAvailability::Drained => t::nodes::now_drained(),
    }
}

#[component]
fn Placed(node: Signal<NodeDetailView>) -> impl IntoView {
    // An instance of somebody else's has no name here; its place in the list stands for it.
    let rows = Memo::new(move |_| {
        node.with(|detail| {
            detail
                .placed
                .iter()
                .cloned()
                .enumerate()
                .map(|(index, instance)| Placement { index, instance })
                .collect::<Vec<_>>()
        })
    });
    let columns = vec![
        Column::new("name", t::nodes::instance(), |row: &Placement| match (row.href(), row.instance.name.clone()) {
            (Some(href), Some(name)) => view! { <A href=href>{name}</A> }.into_any(),
            (None, Some(name)) => name.into_any(),
            (_, None) => view! { <span class="faint">{t::nodes::foreign()}</span> }.into_any(),
        })
        .sorted(|a, b| a.instance.name.cmp(&b.instance.name)),
        Column::new("place", t::common::environment(), |row: &Placement| {
            let one = &row.instance;
            let parts = [&one.tenant, &one.project, &one.environment];
            let words: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            view! { <span class="muted">{words.join(" / ")}</span> }
        })
        .minor(),
        Column::new("phase", t::common::state(), |row: &Placement| {
            let (tone, word) = state::instance_phase(row.instance.phase);
            view! { <Pill tone=tone text=word /> }
        })
        .sorted(|a, b| a.instance.phase.cmp(&b.instance.phase)),
        Column::new("cpu", t::common::cpu(), |row: &Placement| cores(row.instance.resources.cpu_milli.0))
            .to_end()
            .sorted(|a, b| a.instance.resources.cpu_milli.cmp(&b.instance.resources.cpu_milli)),
        Column::new("memory", t::common::memory(), |row: &Placement| mebibytes(row.instance.resources.memory_mib.0))
            .to_end()
            .sorted(|a, b| a.instance.resources.memory_mib.cmp(&b.instance.resources.memory_mib)),
    ];
    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        <Card title=t::common::instances() flush=true>
            {move || is_empty.get().then(|| view! { <EmptyState icon=Icon::App title=t::nodes::nothing_placed() /> })}
            <div hidden=is_empty><Table caption=t::common::instances() columns=columns rows=rows key=|row| row.key() /></div>
        </Card>
    }
}

#[derive(Clone, PartialEq)]
struct Placement {
    index: usize,
    instance: NodeInstanceView,
}

impl Placement {
    fn key(&self) -> String {
        let one = &self.instance;
        match (&one.tenant, &one.name) {
            (Some(tenant), Some(name)) => format!("{tenant}/{:?}/{:?}/{name}", one.project, one.environment),
            _ => format!("#{}", self.index),
        }
    }
    fn href(&self) -> Option<String> {
        let one = &self.instance;
        let at = EnvironmentScope {
            tenant: one.tenant.clone()?,
            project: one.project.clone()?,
            environment: one.environment.clone()?,
        };
        Some(at.app_url(one.app.as_ref()?))
    }
}

#[component]
fn Capacity(node: Signal<NodeDetailView>) -> impl IntoView {
    let value = move |of: fn(&NodeDetailView) -> u64| Signal::derive(move || node.with(of));
    view! {
        <Card title=t::nodes::reserved()>
            <Meter label=t::common::cpu() used=value(|d| d.node.reserved.cpu_milli.0) limit=value(|d| d.node.capacity.cpu_milli.0) format=cores />
            <Meter label=t::common::memory() used=value(|d| d.node.reserved.memory_mib.0) limit=value(|d| d.node.capacity.memory_mib.0) format=mebibytes />
        </Card>
    }
}

#[component]
fn FactsCard(node: Signal<NodeDetailView>) -> impl IntoView {
    let fact = move |of: fn(&NodeDetailView) -> String| move || node.with(of);
    view! {
        <Card title=t::nodes::facts()>
            <Facts>
                <Fact label=t::nodes::os()>{fact(|d| d.node.os.clone())}</Fact>
                <Fact label=t::nodes::kernel()>{fact(|d| d.node.kernel.clone())}</Fact>
                <Fact label=t::nodes::architecture()>{fact(|d| d.node.architecture.clone())}</Fact>
                <Fact label=t::nodes::docker()>{fact(|d| d.node.docker_version.clone())}</Fact>
                <Fact label=t::nodes::agent()>{fact(|d| d.node.agent_version.clone())}</Fact>
                <Fact label=t::nodes::disk_free()>{fact(|d| mebibytes(d.node.disk_free_mib))}</Fact>
                <Fact label=t::nodes::address()>{fact(|d| d.node.address.clone())}</Fact>
                <Fact label=t::nodes::joined_at()>{fact(|d| date_time(d.node.joined_at))}</Fact>
            </Facts>
        </Card>
    }
}

#[component]
fn Labels(node: Signal<NodeDetailView>) -> impl IntoView {
    let session = use_session();
    let editing = RwSignal::new(false);
    let actions = move || {
        session
            .may_on_platform(Right::NodeManage)
            .then(|| view! { <Button small=true icon=Icon::Edit on_click=move |_| editing.set(true)>{t::common::edit()}</Button> })
    };
    view! {
        <Card title=t::nodes::labels() actions=move || view! { {actions} }>
            <div class="labels">
                {move || {
                    let labels = node.with(|detail| detail.node.labels.clone());
                    if labels.is_empty() {
                        return view! { <span class="muted">{t::nodes::no_labels()}</span> }.into_any();
                    }
                    labels.into_iter().map(|(key, value)| view! { <Tag text=format!("{key}={value}") /> }).collect_view().into_any()
                }}
            </div>
        </Card>
        <Dialog open=editing title=t::nodes::labels()>
            <LabelForm node=node open=editing />
        </Dialog>
    }
}

#[derive(Clone, Copy)]
struct LabelRow {
    id: usize,
    key: RwSignal<String>,
    value: RwSignal<String>,
}

#[component]
fn LabelForm(node: Signal<NodeDetailView>, open: RwSignal<bool>) -> impl IntoView {
    let (toasts, live) = (use_toasts(), use_live());
    let next = StoredValue::new(0usize);
    let row = move |key: String, value: String| {
        next.update_value(|next| *next += 1);
        LabelRow { id: next.get_value(), key: RwSignal::new(key), value: RwSignal::new(value) }
    };
    let labels = node.with_untracked(|detail| detail.node.labels.clone());
    let rows = RwSignal::new(labels.into_iter().map(|(key, value)| row(key, value)).collect::<Vec<_>>());
    let form = Form::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let labels = rows.with_untracked(|rows| {
            rows.iter()
                .map(|row| (row.key.get_untracked().trim().to_owned(), row.value.get_untracked().trim().to_owned()))
                .filter(|(key, _)| !key.is_empty())
                .collect()
        });
        let name = node.with_untracked(|detail| detail.node.name.clone());
        let body = UpdateNodeBody { availability: None, labels: Some(labels) };
        form.send(async move { api::nodes::update(&name, &body).await }, move |_| {
            open.set(false);
            live.notify(&[Topic::Nodes]);
            toasts.done(t::common::saved());
        });
    };
    view! {
        <form on:submit=submit>
            <p class="dialog-text">{t::nodes::labels_text()}</p>
            <div class="label-rows">
                <For each=move || rows.get() key=|row| row.id let:row>
                    <div class="label-row">
                        <TextField label=t::nodes::label_key() hide_label=true placeholder=t::nodes::label_key() value=row.key kind=TextKind::Code />
                        <TextField label=t::nodes::label_value() hide_label=true placeholder=t::nodes::label_value() value=row.value kind=TextKind::Code />
                        <crate::components::button::IconButton icon=Icon::Close label=t::common::remove() on_click=move |_| rows.update(|rows| rows.retain(|one| one.id != row.id)) />
                    </div>
                </For>
            </div>
            <Button small=true icon=Icon::Plus on_click=move |_| rows.update(|rows| rows.push(row(String::new(), String::new())))>{t::nodes::add_label()}</Button>
            <FormActions form=form open=open action=t::common::save() />
        </form>
    }
}
