//! *Deploy the sample*: loads its image, which every installation carries, and makes an app of it.

use super::{
    button::{Button, ButtonKind},
    icon::Icon,
    toast::use_toasts,
};
use crate::{
    api::{self, error::ApiError},
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
/// Where the sample listens when its image does not say.
const PORT: u16 = 8080;
/// How many names are tried before giving up.
const NAMES_MAX: u32 = 9;

/// The button. Leads to the new app.
#[component]
pub fn DeploySample(#[prop(into)] at: Signal<EnvironmentScope>, #[prop(optional)] kind: ButtonKind) -> impl IntoView {
    let (busy, toasts, navigate) = (RwSignal::new(false), use_toasts(), use_navigate());
    let deploy = move |_| {
        busy.set(true);
        let (at, navigate) = (at.get_untracked(), navigate.clone());
        spawn_local(async move {
            let result = create(&at).await;
            busy.try_set(false);
            match result {
                Ok(app) => navigate(&at.app_url(&app.name), NavigateOptions::default()),
                Err(error) => toasts.failed(&error),
            }
        });
    };
    view! {
        <Button kind=kind icon=Icon::Rocket busy=busy on_click=deploy id="deploy-sample">
            {t::common::deploy_sample()}
        </Button>
    }
}

async fn create(at: &EnvironmentScope) -> Result<AppView, ApiError> {
    let image = api::projects::load_sample_image(&at.tenant, &at.project).await?;
    let port = image.exposed_ports.first().copied().unwrap_or(PORT);
    let mut spec = AppSpecInput::new(image.reference);
    spec.ports = vec![Port { container: port, host: None }];
    spec.readiness = Some(Probe::new(ProbeCheck::Http { path: "/healthz".to_owned(), port }));
    spec.resources = berth_domain::quantity::Resources::new(100, 64);
    let mut number = 1;
    loop {
        let name = if number == 1 { NAME.to_owned() } else { format!("{NAME}-{number}") };
        let body = CreateAppBody { name, replicas: 2, spec: spec.clone() };
        match api::apps::create(at, &body).await {
            Err(error) if error.code() == Some(ProblemCode::NameTaken) && number < NAMES_MAX => number += 1,
            other => return other,
        }
    }
}
