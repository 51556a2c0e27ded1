//! Deploys the sample that every installation carries, so that the whole way can be seen without the internet.

use crate::{
    api::{self, error::ApiError},
    components::{
        button::{Button, ButtonKind},
        error_state::ErrorLine,
        icon::Icon,
    },
    i18n::t,
    scope::EnvironmentScope,
};
use berth_api_types::{
    error::ProblemCode,
    v1::apps::{AppView, CreateAppBody},
};
use berth_domain::app::{AppSpecInput, Port, Probe, ProbeCheck};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen_futures::spawn_local;

const NAME: &str = "hello";
const PORT: u16 = 8080;
/// Names that are tried when `hello` is taken: `hello-2` and on.
const TRIES: u32 = 9;

/// The button, and what it is doing now.
#[component]
pub fn SampleButton(#[prop(into)] at: Signal<EnvironmentScope>, #[prop(optional)] kind: ButtonKind) -> impl IntoView {
    let doing = RwSignal::new(None::<String>);
    let error = RwSignal::new(None::<ApiError>);
    let navigate = use_navigate();
    let begin = move |_| {
        error.set(None);
        let at = at.get_untracked();
        let navigate = navigate.clone();
        spawn_local(async move {
            match deploy(&at, doing).await {
                Ok(app) => navigate(&at.app_url(&app.name), NavigateOptions::default()),
                Err(failure) => drop(error.try_set(Some(failure))),
            }
            doing.try_set(None);
        });
    };
    view! {
        <div class="sample">
            <Button kind=kind icon=Icon::Rocket id="deploy-sample" busy=Signal::derive(move || doing.with(Option::is_some)) on_click=begin>
                {t::apps::deploy_sample()}
            </Button>
            <span class="muted" role="status">{move || doing.get()}</span>
            <ErrorLine error=error />
        </div>
    }
}

async fn deploy(at: &EnvironmentScope, doing: RwSignal<Option<String>>) -> Result<AppView, ApiError> {
    doing.try_set(Some(t::apps::sample_loading().to_owned()));
    let image = api::projects::load_sample_image(&at.tenant, &at.project).await?;
    let mut spec = AppSpecInput::new(image.reference);
    spec.ports = vec![Port { container: PORT, host: None }];
    spec.readiness = Some(Probe::new(ProbeCheck::Http { path: "/healthz".to_owned(), port: PORT }));
    let mut number = 1;
    loop {
        let name = if number == 1 { NAME.to_owned() } else { format!("{NAME}-{number}") };
        doing.try_set(Some(t::apps::sample_creating(&name)));
        let body = CreateAppBody { name, replicas: 1, spec: spec.clone() };
        match api::apps::create(at, &body).await {
            Err(error) if error.code() == Some(ProblemCode::NameTaken) && number < TRIES => number += 1,
            other => return other,
        }
    }
}
