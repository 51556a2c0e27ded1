//! The instances of an app, and how many there shall be.

use super::{AppContext, actions::Call};
use crate::{
    api,
    components::{
        button::IconButton,
        card::Card,
        dialog::ConfirmDialog,
        icon::Icon,
        pill::Pill,
        table::{Column, Table},
        time_ago::Elapsed,
        toast::{Toasts, use_toasts},
    },
    i18n::t,
    pages::apps::words,
    scope::EnvironmentScope,
};
use berth_api_types::v1::apps::{AppView, InstanceView};
use berth_domain::{limit::REPLICAS_MAX, right::Right};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Quiet time after the last click before the number is sent, in milliseconds: five clicks are one change.
const QUIET_MS: u32 = 500;

/// The instances.
#[component]
pub fn InstancesCard(context: AppContext) -> impl IntoView {
    let rows = Memo::new(move |_| {
        let mut all = context.instances.get();
        all.sort_by(|a, b| b.release.cmp(&a.release).then_with(|| a.created_at.cmp(&b.created_at)));
        all
    });
    let none = Memo::new(move |_| rows.with(Vec::is_empty));
    let may_scale = Memo::new(move |_| context.may(Right::AppScale));
    let note = Signal::derive(move || {
        context
            .app
            .with(|app| if app.running { t::apps::wanted(app.replicas) } else { t::apps::wanted_stopped(app.replicas) })
    });
    view! {
        <Card
            title=t::apps::instances()
            note=note
            flush=true
            actions=move || view! { {move || may_scale.get().then(|| view! { <ScaleControl context=context /> })} }
        >
            {move || if none.get() {
                view! { <p class="card-empty muted">{t::apps::no_instances()}</p> }.into_any()
            } else {
                view! {
                    <Table
                        caption=t::apps::instances()
                        columns=columns(context)
                        rows=rows
                        more=context.more_instances
                        key=|instance: &InstanceView| instance.id.to_string()
                        href=move |instance: InstanceView| context.url(&format!("inst={}", instance.name))
                    />
                }.into_any()
            }}
        </Card>
    }
}

fn columns(context: AppContext) -> Vec<Column<InstanceView>> {
    vec![
        Column::new("instance", t::apps::col_instance(), move |instance: &InstanceView| {
            let href = context.url(&format!("inst={}", instance.name));
            view! { <a class="row-link mono" href=href>{instance.name.clone()}</a> }
        }),
        Column::new("node", t::apps::col_node(), |instance: &InstanceView| instance.node.clone()),
        Column::new("state", t::apps::col_state(), |instance: &InstanceView| {
            let (tone, text) = words::instance_state(instance);
            let why = words::failure(instance);
            view! { <span title=why><Pill tone=tone text=text /></span> }
        }),
        Column::new("address", t::apps::col_address(), |instance: &InstanceView| {
            let first = instance.endpoints.first().map(|endpoint| endpoint.address.clone());
            view! { <span class="mono">{first}</span> }
        })
        .minor(),
        Column::new("restarts", t::apps::col_restarts(), |instance: &InstanceView| instance.restarts.to_string())
            .to_end()
            .minor(),
        Column::new("since", t::apps::col_since(), |instance: &InstanceView| {
            let since = instance.started_at.unwrap_or(instance.created_at);
            view! { <span class="muted"><Elapsed since=since /></span> }
        })
        .to_end(),
    ]
}

/// A number that was chosen, with the app that was seen at the click: the page may lead to another one when it is sent.
#[derive(Clone)]
struct Wish {
    at: EnvironmentScope,
    name: String,
    before: u32,
    replicas: u32,
}

/// − n +. The number that was chosen is shown at once, as a wish; what runs is what the table says.
#[component]
fn ScaleControl(context: AppContext) -> impl IntoView {
    let wish = RwSignal::new(None::<u32>);
    let waiting = StoredValue::new_local(None::<Timeout>);
    let unsent = StoredValue::new(None::<Wish>);
    let to_zero = RwSignal::new(false);
    let toasts = use_toasts();
    let now = Memo::new(move |_| wish.get().unwrap_or_else(|| context.app.with(|app| app.replicas)));
    let send = move || {
        let Some(sent) = unsent.try_update_value(Option::take).flatten() else { return };
        spawn_local(async move {
            let answer = api::apps::scale(&sent.at, &sent.name, sent.replicas).await;
            match answer {
                Ok(app) => scaled(context, toasts, &sent, app),
                Err(error) => toasts.failed(&error),
            }
            // Somebody may have clicked on meanwhile.
            if wish.try_get_untracked() == Some(Some(sent.replicas)) {
                wish.set(None);
            }
        });
    };
    on_cleanup(send);
    let choose = move |replicas: u32| {
        let replicas = replicas.min(REPLICAS_MAX);
        waiting.set_value(None);
        if replicas == 0 {
            // Nothing answers at zero, so that is asked, and what was clicked on the way there is part of the question.
            unsent.set_value(None);
            wish.set(None);
            return to_zero.set(true);
        }
        wish.set(Some(replicas));
        unsent.set_value(Some(wish_of(context, replicas)));
        waiting.set_value(Some(Timeout::new(QUIET_MS, send)));
    };
    let stopped = Memo::new(move |_| context.app.with(|app| !app.running));
    view! {
        <div class="scale" role="group" aria-label=t::apps::scale_number() title=move || stopped.get().then(t::apps::scale_stopped)>
            <IconButton
                icon=Icon::Minus
                label=t::apps::scale_less()
                disabled=Signal::derive(move || now.get() == 0)
                on_click=move |_| choose(now.get_untracked().saturating_sub(1))
            />
            <output class="mono" id="replicas" class:scale-wish=move || wish.get().is_some() aria-live="polite">{move || now.get()}</output>
            <IconButton
                icon=Icon::Plus
                label=t::apps::scale_more()
                disabled=Signal::derive(move || now.get() >= REPLICAS_MAX)
                on_click=move |_| choose(now.get_untracked() + 1)
            />
        </div>
        <ZeroDialog context=context open=to_zero />
    }
}

fn wish_of(context: AppContext, replicas: u32) -> Wish {
    Wish {
        at: context.at.get_untracked(),
        name: context.name.get_untracked(),
        before: context.app.with_untracked(|app| app.replicas),
        replicas,
    }
}

/// Shows what a call answered, and offers the number that was there before.
fn scaled(context: AppContext, toasts: Toasts, sent: &Wish, app: AppView) {
    let is_shown = context.at.try_get_untracked().as_ref() == Some(&sent.at)
        && context.name.try_get_untracked().as_ref() == Some(&sent.name);
    if is_shown {
        context.resource.set(app);
    }
    if sent.before == sent.replicas {
        return;
    }
    let undone = sent.clone();
    toasts.done_with_undo(said(&sent.name, sent.replicas), move || {
        let Wish { at, name, before, .. } = undone.clone();
        let call = async move { api::apps::scale(&at, &name, before).await };
        toasts.follow(call, move |app| said(&app.name, app.replicas));
    });
}

fn said(app: &str, replicas: u32) -> String {
    t::apps::scaled(app, t::apps::count_instances(replicas.into()))
}

/// Asks before the last instance goes.
#[component]
fn ZeroDialog(context: AppContext, open: RwSignal<bool>) -> impl IntoView {
    let call = Call::new();
    let toasts = use_toasts();
    let confirm = move |()| {
        let sent = wish_of(context, 0);
        let (at, name) = (sent.at.clone(), sent.name.clone());
        call.run(async move { api::apps::scale(&at, &name, 0).await }, move |app| {
            open.try_set(false);
            scaled(context, toasts, &sent, app);
        });
    };
    view! {
        <ConfirmDialog
            open=open
            title=Signal::derive(move || t::apps::zero_title(context.name.get()))
            text=t::apps::zero_text()
            action=t::apps::zero_action()
            busy=call.busy
            error=call.error
            on_confirm=confirm
        />
    }
}
