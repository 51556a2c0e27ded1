//! Changes of an app: its environment or its settings are edited, reviewed as a difference, and deployed as a release.

use super::{
    AppContext,
    actions::{Call, DeleteDialog},
};
use crate::{
    api,
    components::{
        button::{Button, ButtonKind},
        card::Card,
        diff_view::{DiffView, changes},
        error_state::ErrorLine,
        field::TextField,
        icon::Icon,
        note::Note,
        pill::Tone,
        toast::use_toasts,
    },
    i18n::t,
    pages::apps::{
        form::{
            advanced::AdvancedFields, env_table::EnvTable, image::ImageFields, ports::PortTable,
            readiness::ReadinessFields, resources::ResourceFields, state::FormState,
        },
        new::FaultCount,
        plan_card::PlanCard,
    },
};
use berth_api_types::v1::releases::DeployBody;
use berth_domain::{app::AppSpecInput, right::Right};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// Only the environment variables.
#[component]
pub fn EnvironmentTab(context: AppContext, change: Change) -> impl IntoView {
    view! {
        <ChangeForm context=context change=change>
            <p class="muted form-intro">{t::apps::env_settings_intro()}</p>
            <EnvTable state=change.state />
        </ChangeForm>
    }
}

/// Everything else, and the end of the app.
#[component]
pub fn SettingsTab(context: AppContext, change: Change) -> impl IntoView {
    let state = change.state;
    let delete_open = RwSignal::new(false);
    let may_delete = Memo::new(move |_| context.may(Right::AppDelete));
    view! {
        <ChangeForm context=context change=change>
            <ImageFields state=state at=context.at />
            <div class="fields-2"><ResourceFields state=state /></div>
            <PortTable state=state />
            <ReadinessFields state=state />
            <details class="fold" open=true>
                <summary>{t::apps::advanced()}</summary>
                <AdvancedFields state=state />
            </details>
        </ChangeForm>
        {move || may_delete.get().then(|| view! {
            <section class="card danger-card">
                <div>
                    <h2>{t::apps::danger_delete()}</h2>
                    <p class="muted">{t::apps::danger_delete_text()}</p>
                </div>
                <Button kind=ButtonKind::Danger icon=Icon::Trash on_click=move |_| delete_open.set(true)>{t::apps::delete()}</Button>
            </section>
        })}
        <DeleteDialog context=context open=delete_open />
    }
}

/// A change that somebody prepares: what the tabs show parts of, so that it outlives going from one to another.
#[derive(Clone, Copy)]
pub struct Change {
    state: FormState,
    /// The present spec.
    base: Memo<AppSpecInput>,
    /// The release that the form began from.
    begun_from: RwSignal<u32>,
}

impl Change {
    /// Begins anew with what is there now.
    fn reset(self, context: AppContext) {
        let (spec, replicas, number) =
            context.app.with_untracked(|app| (app.spec.clone(), app.replicas, app.release.number));
        self.state.reset(&spec, replicas);
        self.begun_from.set(number);
    }
}

/// A form on the present spec. While nothing was changed it follows what others deploy.
pub fn use_change(context: AppContext) -> Change {
    let (spec, replicas, number) =
        context.app.with_untracked(|app| (app.spec.clone(), app.replicas, app.release.number));
    let state = FormState::of_spec(&spec, replicas);
    let base = Memo::new(move |_| context.app.with(|app| app.spec.clone()));
    let change = Change { state, base, begun_from: RwSignal::new(number) };
    Effect::new(move |before: Option<AppSpecInput>| {
        let now = base.get();
        if let Some(before) = before
            && before != now
            // Untouched, or just what was deployed from here.
            && state.reading.with_untracked(|reading| {
                reading.spec.as_ref().is_some_and(|spec| *spec == before || *spec == now)
            })
        {
            change.reset(context);
        }
        now
    });
    change
}

/// What stands in the card of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The form says what is there already.
    Nothing,
    /// The form cannot be read.
    Faults,
    /// What would change.
    Changes,
}

#[component]
fn ChangeForm(context: AppContext, change: Change, children: Children) -> impl IntoView {
    let Change { state, base, begun_from } = change;
    let note = RwSignal::new(String::new());
    let call = Call::new();
    let toasts = use_toasts();
    let navigate = use_navigate();
    let current = Memo::new(move |_| context.app.with(|app| app.release.number));
    let differences = Memo::new(move |_| {
        state.reading.with(|reading| reading.spec.as_ref().map(|spec| base.with(|base| changes(base, spec))))
    });
    let changed = Memo::new(move |_| differences.with(|found| found.as_ref().is_none_or(|found| !found.is_empty())));
    let found = Signal::derive(move || differences.get().unwrap_or_default());
    let shown = Memo::new(move |_| match (changed.get(), differences.with(Option::is_some)) {
        (false, _) => Shown::Nothing,
        (true, false) => Shown::Faults,
        (true, true) => Shown::Changes,
    });
    let may = Memo::new(move |_| context.may(Right::AppDeploy));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(reading) = state.submit() else { return };
        let Some(spec) = reading.spec else { return };
        if !changed.get_untracked() {
            return;
        }
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        let body = DeployBody { spec, note: note.get_untracked().trim().to_owned() };
        let navigate = navigate.clone();
        call.run(async move { api::apps::deploy(&at, &name, &body).await }, move |begun| {
            toasts.done(match begun.rollout {
                Some(_) => t::apps::release_begun(begun.release),
                None if begun.release == begun_from.get_untracked() => t::apps::nothing_changed(begun.release),
                None => t::apps::release_made_stopped(begun.release),
            });
            context.resource.refetch();
            navigate(&context.url(""), NavigateOptions::default());
        });
    };
    Effect::new(move |_| {
        if let Some(error) = call.error.get() {
            state.refuse(&error);
        }
    });
    let discard = move |_| change.reset(context);
    view! {
        <form class="form-page" on:submit=submit novalidate=true>
            <div class="card card-body form-main">
                {move || (current.get() != begun_from.get() && changed.get()).then(|| view! {
                    <Note tone=Tone::Warn title=t::apps::changed_elsewhere(current.get()) />
                })}
                {children()}
            </div>
            <div class="form-side stack">
                <Card title=t::apps::review() flush=true>
                    {move || match shown.get() {
                        Shown::Nothing => view! { <p class="card-empty muted">{t::apps::review_none()}</p> }.into_any(),
                        Shown::Faults => view! { <p class="card-empty muted">{t::apps::review_faults()}</p> }.into_any(),
                        Shown::Changes => view! { <DiffView changes=found /> }.into_any(),
                    }}
                </Card>
                <PlanCard at=context.at app=Signal::derive(move || Some(context.name.get())) reading=state.reading>
                    <TextField label=t::apps::note() value=note optional=true hint=t::apps::note_hint() name="note" />
                    <ErrorLine error=call.error />
                    <FaultCount state=state />
                    {move || if may.get() {
                        view! {
                            <Button kind=ButtonKind::Main icon=Icon::Rocket submit=true busy=call.busy id="deploy" disabled=Signal::derive(move || !changed.get())>
                                {t::apps::deploy()}
                            </Button>
                            <Button kind=ButtonKind::Quiet disabled=Signal::derive(move || !changed.get()) on_click=discard>{t::apps::discard()}</Button>
                        }.into_any()
                    } else {
                        ().into_any()
                    }}
                </PlanCard>
            </div>
        </form>
    }
}
