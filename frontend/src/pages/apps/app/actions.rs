//! What can be done with an app. Each action says what it will do before, and what the server answered after.

use super::AppContext;
use crate::{
    api::{self, error::ApiError},
    components::{
        button::{Button, ButtonKind, LinkButton},
        dialog::{ConfirmDialog, Dialog, DialogActions},
        diff_view::{DiffView, changes},
        error_state::ErrorLine,
        icon::{Icon, Svg},
        menu::{Menu, MenuGroup, MenuItem},
        skeleton::SkeletonLines,
        toast::use_toasts,
    },
    i18n::t,
    scope::EnvironmentScope,
};
use berth_api_types::v1::releases::{ReleaseSummary, ReleaseView, RollbackBody};
use berth_domain::{lifecycle::RolloutPhase, right::Right};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use std::future::Future;
use wasm_bindgen_futures::spawn_local;

/// A call that is going on, and why the last one failed. Copy it around.
#[derive(Clone, Copy)]
pub struct Call {
    /// While it goes on.
    pub busy: RwSignal<bool>,
    /// Why it failed.
    pub error: RwSignal<Option<ApiError>>,
}

impl Call {
    /// Nothing going on.
    pub fn new() -> Self {
        Self { busy: RwSignal::new(false), error: RwSignal::new(None) }
    }
    /// Makes a call, one at a time.
    pub fn run<T: 'static>(
        self,
        call: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.error.set(None);
        spawn_local(async move {
            let result = call.await;
            self.busy.try_set(false);
            match result {
                Ok(value) => then(value),
                Err(error) => drop(self.error.try_set(Some(error))),
            }
        });
    }
}

/// The buttons of an app's head.
#[component]
pub fn AppActions(context: AppContext) -> impl IntoView {
    let app = context.app;
    let running = Memo::new(move |_| app.with(|app| app.running));
    let (restart_open, stop_open, delete_open) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(false));
    let rollback_to = RwSignal::new(None::<u32>);
    let starting = Call::new();
    let toasts = use_toasts();
    let start = move |_| {
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        starting.run(async move { api::apps::start(&at, &name).await }, move |app| context.resource.set(app));
    };
    Effect::new(move |_| {
        if let Some(error) = starting.error.get() {
            toasts.failed(&error);
        }
    });
    let previous = Memo::new(move |_| {
        let current = app.with(|app| app.release.number);
        context.releases.data.with(|all| all.as_ref().and_then(|all| way_back(all, current)))
    });
    let may_operate = Memo::new(move |_| context.may(Right::AppOperate));
    let may_deploy = Memo::new(move |_| context.may(Right::AppDeploy));
    let menu = Signal::derive(move || {
        let mut items = Vec::new();
        if may_operate.get() && running.get() {
            items.push(MenuItem::run(t::apps::stop(), move || stop_open.set(true)).icon(Icon::Stop));
        }
        if context.may(Right::AppDelete) {
            items.push(MenuItem::run(t::apps::delete(), move || delete_open.set(true)).icon(Icon::Trash).danger());
        }
        vec![MenuGroup::from(items)]
    });
    let any_menu = Memo::new(move |_| menu.with(|groups| groups.iter().any(|group| !group.items.is_empty())));
    view! {
        {move || (may_operate.get() && running.get()).then(|| view! {
            <Button kind=ButtonKind::Quiet icon=Icon::Restart id="restart" on_click=move |_| restart_open.set(true)>{t::apps::restart()}</Button>
        })}
        {move || (may_operate.get() && !running.get()).then(|| view! {
            <Button icon=Icon::Play id="start" busy=starting.busy on_click=start>{t::apps::start()}</Button>
        })}
        {move || previous.get().filter(|_| may_deploy.get()).map(|number| view! {
            <Button icon=Icon::Undo id="roll-back" on_click=move |_| rollback_to.set(Some(number))>{t::apps::roll_back()}</Button>
        })}
        {move || may_deploy.get().then(|| view! {
            <LinkButton href=Signal::derive(move || context.url("tab=settings")) kind=ButtonKind::Main>{t::apps::deploy_new()}</LinkButton>
        })}
        {move || any_menu.get().then(|| view! {
            <Menu label=t::apps::more() groups=menu class="icon-btn" to_left=true><Svg icon=Icon::More /></Menu>
        })}
        <RestartDialog context=context open=restart_open />
        <StopDialog context=context open=stop_open />
        <DeleteDialog context=context open=delete_open />
        <RollbackDialog context=context release=rollback_to />
    }
}

/// Where *Roll back* leads: the newest earlier release that did well, or else the one before.
fn way_back(releases: &[ReleaseSummary], current: u32) -> Option<u32> {
    let earlier = || releases.iter().filter(|release| release.number < current);
    let did_well = |release: &&ReleaseSummary| release.rollout_phase == Some(RolloutPhase::Succeeded);
    earlier().find(did_well).or_else(|| earlier().next()).map(|release| release.number)
}

#[component]
fn RestartDialog(context: AppContext, open: RwSignal<bool>) -> impl IntoView {
    let call = Call::new();
    let toasts = use_toasts();
    let confirm = move |()| {
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        call.run(async move { api::apps::restart(&at, &name).await }, move |_| {
            open.set(false);
            toasts.done(t::apps::restart_begun());
            context.resource.refetch();
        });
    };
    view! {
        <ConfirmDialog
            open=open
            title=Signal::derive(move || t::apps::restart_title(context.name.get()))
            text=t::apps::restart_text()
            action=t::apps::restart()
            danger=false
            busy=call.busy
            error=call.error
            on_confirm=confirm
        />
    }
}

#[component]
fn StopDialog(context: AppContext, open: RwSignal<bool>) -> impl IntoView {
    let call = Call::new();
    let toasts = use_toasts();
    let confirm = move |()| {
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        let stopped = (at.clone(), name.clone());
        call.run(async move { api::apps::stop(&at, &name).await }, move |app| {
            open.set(false);
            context.resource.set(app);
            toasts.done_with_undo(t::apps::stopped(&stopped.1), move || {
                let (at, name) = stopped.clone();
                toasts.follow(async move { api::apps::start(&at, &name).await }, |app| t::apps::started(app.name));
            });
        });
    };
    view! {
        <ConfirmDialog
            open=open
            title=Signal::derive(move || t::apps::stop_title(context.name.get()))
            text=t::apps::stop_text()
            action=t::apps::stop()
            busy=call.busy
            error=call.error
            on_confirm=confirm
        />
    }
}

/// Deletes an app after its name was typed.
#[component]
pub fn DeleteDialog(context: AppContext, open: RwSignal<bool>) -> impl IntoView {
    let call = Call::new();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let confirm = move |()| {
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        let navigate = navigate.clone();
        let gone = name.clone();
        let list = at.apps_url();
        call.run(async move { api::apps::remove(&at, &name).await }, move |()| {
            toasts.done(t::apps::deleted(gone));
            navigate(&list, NavigateOptions::default());
        });
    };
    let text = Signal::derive(move || {
        let newest =
            context.releases.data.with(|all| all.as_ref().and_then(|all| all.first()).map(|newest| newest.number));
        let releases = u64::from(newest.unwrap_or_else(|| context.app.with(|app| app.release.number)));
        let instances = context.instances.with(Vec::len) as u64;
        t::apps::delete_text(t::apps::count_releases(releases), t::apps::count_instances(instances))
    });
    view! {
        <ConfirmDialog
            open=open
            title=Signal::derive(move || t::apps::delete_title(context.name.get()))
            text=text
            action=t::apps::delete_confirm()
            name=context.name
            busy=call.busy
            error=call.error
            on_confirm=confirm
        />
    }
}

/// Goes back to a release after showing what that changes. Opens when a release is put in.
#[component]
pub fn RollbackDialog(context: AppContext, release: RwSignal<Option<u32>>) -> impl IntoView {
    let open = RwSignal::new(false);
    let target = RwSignal::new(None::<ReleaseView>);
    let call = Call::new();
    let toasts = use_toasts();
    Effect::new(move |_| {
        if let Some(number) = release.get() {
            open.set(true);
            target.set(None);
            call.error.set(None);
            let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
            spawn_local(async move {
                let answer = api::apps::read_release(&at, &name, number).await;
                // The dialog may be about another release by now.
                if release.try_get_untracked() != Some(Some(number)) {
                    return;
                }
                match answer {
                    Ok(found) => drop(target.try_set(Some(found))),
                    Err(error) => drop(call.error.try_set(Some(error))),
                }
            });
        }
    });
    Effect::new(move |_| {
        if !open.get() {
            release.set(None);
        }
    });
    let number = move || release.get().unwrap_or_default();
    let confirm = move |_| {
        let (at, name): (EnvironmentScope, String) = (context.at.get_untracked(), context.name.get_untracked());
        let body = RollbackBody { release: release.get_untracked() };
        call.run(async move { api::apps::roll_back(&at, &name, &body).await }, move |begun| {
            open.set(false);
            toasts.done(t::apps::release_begun(begun.release));
            context.resource.refetch();
        });
    };
    let differences = Signal::derive(move || {
        target.with(|target| target.as_ref().map(|target| context.app.with(|app| changes(&app.spec, &target.spec))))
    });
    let known = Memo::new(move |_| differences.with(Option::is_some));
    let found = Signal::derive(move || differences.get().unwrap_or_default());
    view! {
        <Dialog open=open title=Signal::derive(move || t::apps::roll_back_title(number())) wide=true>
            <p class="dialog-text">{move || t::apps::roll_back_text(context.app.with(|app| app.release.number))}</p>
            {move || if known.get() {
                view! { <DiffView changes=found /> }.into_any()
            } else if call.error.with(Option::is_none) {
                view! { <SkeletonLines lines=2 /> }.into_any()
            } else {
                ().into_any()
            }}
            <ErrorLine error=call.error />
            <DialogActions>
                <Button on_click=move |_| open.set(false)>{t::common::cancel()}</Button>
                <Button
                    kind=ButtonKind::Main
                    icon=Icon::Undo
                    id="confirm-roll-back"
                    busy=call.busy
                    disabled=Signal::derive(move || !known.get())
                    on_click=confirm
                >
                    {move || t::apps::roll_back_to(number())}
                </Button>
            </DialogActions>
        </Dialog>
    }
}
