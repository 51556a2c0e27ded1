//! Changes of an app: its environment and its settings are edited, reviewed as one difference, and deployed as one
//! release.

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
    support::dom::focus,
};
use berth_api_types::v1::releases::DeployBody;
use berth_domain::{app::AppSpecInput, right::Right};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// The changes that somebody makes, on one tab or on both. Copy it around.
#[derive(Clone, Copy)]
pub struct Change {
    state: FormState,
    /// Why the release is made.
    note: RwSignal<String>,
    /// The deploying.
    call: Call,
    /// What runs now, with which the form is compared.
    base: Memo<Base>,
    /// The release that the form showed when the first change was made.
    begun_from: RwSignal<u32>,
    /// Goes to the other tab if all that is wrong stands there.
    to_faults: Callback<()>,
}

#[derive(Debug, Clone, PartialEq)]
struct Base {
    release: u32,
    spec: AppSpecInput,
    replicas: u32,
}

/// A form on the present spec, for as long as the page is open. While nothing was changed it follows what others deploy.
pub fn use_change(context: AppContext, tab: Memo<&'static str>) -> Change {
    let base = Memo::new(move |_| {
        context.app.with(|app| Base { release: app.release.number, spec: app.spec.clone(), replicas: app.replicas })
    });
    let first = base.get_untracked();
    let state = FormState::of_spec(&first.spec, first.replicas);
    let change = Change {
        state,
        note: RwSignal::new(String::new()),
        call: Call::new(),
        base,
        begun_from: RwSignal::new(first.release),
        to_faults: use_way_to_faults(context, state, tab),
    };
    Effect::new(move |before: Option<Base>| {
        let now = base.get();
        if let Some(before) = before
            && before != now
        {
            change.follow(&before, &now);
        }
        now
    });
    Effect::new(move |_| {
        if let Some(error) = change.call.error.get() {
            state.refuse(&error);
            change.to_faults.run(());
        }
    });
    change
}

impl Change {
    /// Takes over what was changed elsewhere: all of it while nothing was typed, otherwise only the number of instances,
    /// which is not changed here.
    fn follow(self, before: &Base, now: &Base) {
        let is_untouched = self.state.reading.with_untracked(|reading| reading.spec.as_ref() == Some(&before.spec));
        if is_untouched {
            self.begun_from.set(now.release);
        }
        // Inputs are made anew only when they would say something else.
        if is_untouched && before.spec != now.spec {
            self.state.reset(&now.spec, now.replicas);
        } else if before.replicas != now.replicas {
            self.state.draft.update(|draft| draft.replicas = now.replicas.to_string());
        }
    }
    /// Forgets what was typed. `None` when the page is gone.
    fn begin_anew(self) -> Option<()> {
        let now = self.base.try_get_untracked()?;
        self.state.reset(&now.spec, now.replicas);
        self.note.set(String::new());
        self.call.error.set(None);
        self.begun_from.set(now.release);
        Some(())
    }
}

fn use_way_to_faults(context: AppContext, state: FormState, tab: Memo<&'static str>) -> Callback<()> {
    let navigate = use_navigate();
    Callback::new(move |()| {
        let (of_environment, other) = match tab.get_untracked() {
            "environment" => (true, "tab=settings"),
            "settings" => (false, "tab=environment"),
            _ => return,
        };
        let fields = state.wrong_fields();
        if !fields.is_empty() && fields.iter().all(|field| field.starts_with("env") != of_environment) {
            navigate(&context.url(other), NavigateOptions::default());
            // One frame for the other tab to be drawn.
            request_animation_frame(|| request_animation_frame(|| focus("[aria-invalid=true]")));
        }
    })
}

/// Only the environment variables.
#[component]
pub fn EnvironmentTab(context: AppContext, change: Change) -> impl IntoView {
    let state = change.state;
    view! {
        <ChangeForm context=context change=change>
            <p class="muted form-intro">{t::apps::env_settings_intro()}</p>
            <EnvTable state=state />
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
    let Change { state, note, call, base, begun_from, to_faults } = change;
    let toasts = use_toasts();
    let navigate = use_navigate();
    let current = Memo::new(move |_| base.with(|base| base.release));
    let differences = Memo::new(move |_| {
        state.reading.with(|reading| reading.spec.as_ref().map(|spec| base.with(|base| changes(&base.spec, spec))))
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
        let Some(reading) = state.submit() else { return to_faults.run(()) };
        let Some(spec) = reading.spec else { return };
        if !changed.get_untracked() {
            return;
        }
        let (at, name) = (context.at.get_untracked(), context.name.get_untracked());
        let body = DeployBody { spec, note: note.get_untracked().trim().to_owned() };
        let navigate = navigate.clone();
        let before = current.get_untracked();
        call.run(async move { api::apps::deploy(&at, &name, &body).await }, move |begun| {
            toasts.done(match begun.rollout {
                Some(_) => t::apps::release_begun(begun.release),
                None if begun.release == before => t::apps::nothing_changed(begun.release),
                None => t::apps::release_made_stopped(begun.release),
            });
            // What was deployed is no change any more, and the form follows the new release.
            if change.begin_anew().is_none() {
                return;
            }
            context.resource.refetch();
            navigate(&context.url(""), NavigateOptions::default());
        });
    };
    let discard = move |_| {
        change.begin_anew();
    };
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
