//! The form for a new app, with the plan beside it.

use super::{
    form::{
        advanced::AdvancedFields,
        env_table::EnvTable,
        fields::{DraftField, DraftKind, Slot, slot},
        image::ImageFields,
        ports::PortTable,
        readiness::ReadinessFields,
        resources::ResourceFields,
        state::FormState,
    },
    plan_card::PlanCard,
};
use crate::{
    api::{self, error::ApiError},
    components::{
        button::{Button, ButtonKind},
        error_state::ErrorLine,
        icon::Icon,
        page::PageHead,
    },
    i18n::t,
    scope::use_environment,
};
use berth_api_types::v1::{apps::CreateAppBody, plan::PlanView};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen_futures::spawn_local;

/// A typed name is no proposal any more.
const NAME: Slot = Slot {
    get: |draft| &draft.name,
    set: |draft, text| {
        draft.name_typed = !text.is_empty();
        draft.name = text;
    },
};

/// The page.
#[component]
pub fn NewAppPage() -> impl IntoView {
    let at = use_environment();
    let state = FormState::of_new();
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<ApiError>);
    let navigate = use_navigate();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(reading) = state.submit() else { return };
        let Some(spec) = reading.spec else { return };
        if busy.get_untracked() {
            return;
        }
        let name = state.draft.with_untracked(|draft| draft.name.trim().to_owned());
        let body = CreateAppBody { name, replicas: reading.replicas, spec };
        let (at, navigate) = (at.get_untracked(), navigate.clone());
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let result = api::apps::create(&at, &body).await;
            busy.try_set(false);
            match result {
                Ok(app) => navigate(&at.app_url(&app.name), NavigateOptions::default()),
                Err(failure) => {
                    state.refuse(&failure);
                    error.try_set(Some(failure));
                }
            }
        });
    };
    // Once for an image: who removes a proposed port does not want it.
    let proposed_for = StoredValue::new(String::new());
    let propose = move |(image, plan): (String, PlanView)| {
        if proposed_for.with_value(|before| *before != image) {
            state.draft.update(|draft| draft.propose_ports(&plan.exposed_ports));
            proposed_for.set_value(image);
        }
    };
    let place = move || at.with(|at| t::apps::new_in(format!("{} / {} / {}", at.tenant, at.project, at.environment)));
    view! {
        <PageHead title=t::apps::new_app() sub=move || view! { <span>{place}</span> } />
        <form class="form-page" on:submit=submit novalidate=true>
            <div class="card card-body form-main">
                <ImageFields state=state at=at autofocus=true />
                <DraftField state=state field="name" part=NAME label=t::apps::name() hint=t::apps::name_hint() />
                <div class="fields-3">
                    <DraftField state=state field="replicas" part=slot!(replicas) label=t::apps::instances() kind=DraftKind::Whole />
                    <ResourceFields state=state />
                </div>
                <PortTable state=state />
                <ReadinessFields state=state />
                <EnvTable state=state />
                <details class="fold">
                    <summary>{t::apps::advanced()}</summary>
                    <AdvancedFields state=state />
                </details>
            </div>
            <div class="form-side">
                <PlanCard at=at app=Signal::derive(|| None::<String>) reading=state.reading on_plan=propose>
                    <ErrorLine error=error />
                    <FaultCount state=state />
                    <Button kind=ButtonKind::Main icon=Icon::Rocket submit=true busy=busy id="deploy">
                        {t::apps::deploy()}
                    </Button>
                </PlanCard>
            </div>
        </form>
    }
}

/// How many fields are wrong, beside the button that did not work because of them.
#[component]
pub fn FaultCount(state: FormState) -> impl IntoView {
    view! {
        <div role="status">
            {move || match state.faults() {
                0 => None,
                count => Some(view! { <p class="fault">{t::apps::fields_wrong(count as u64)}</p> }),
            }}
        </div>
    }
}
