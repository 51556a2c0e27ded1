//! The first tenant and project, with names that may stay as they are.

use super::entry::StepsLine;
use crate::{
    api::{self, error::ApiError},
    components::{
        button::{Button, ButtonKind},
        card::Card,
        empty_state::EmptyState,
        error_state::ErrorLine,
        field::{TextField, TextKind},
        form::Form,
        icon::Icon,
        page::PageHead,
    },
    i18n::t,
    live::use_live,
    scope::EnvironmentScope,
    session::use_session,
};
use berth_api_types::v1::{live::Topic, projects::CreateProjectBody, tenants::CreateTenantBody};
use berth_domain::{field_error::FieldError, name::Name, right::Right};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use wasm_bindgen_futures::spawn_local;

const FIRST_PROJECT: &str = "demo";
const FIRST_ENVIRONMENTS: &str = "dev, production";

/// The first tenant and project.
#[component]
pub fn WelcomePage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let tenant = query.with_untracked(|query| query.get("tenant"));
    let may_create = untrack(|| match &tenant {
        Some(tenant) => session.may(Right::ProjectCreate, tenant, None, None),
        None => session.may_on_platform(Right::TenantManage),
    });
    view! {
        <PageHead title=t::session::welcome_title() />
        {if may_create {
            view! { <WelcomeForm tenant=tenant /> }.into_any()
        } else {
            view! { <EmptyState icon=Icon::Tenant title=t::session::no_tenant_title() text=t::session::no_tenant_text() /> }.into_any()
        }}
    }
}

#[component]
fn WelcomeForm(#[prop(optional_no_strip)] tenant: Option<String>) -> impl IntoView {
    let (session, live, navigate) = (use_session(), use_live(), use_navigate());
    let existing = tenant.clone();
    let first_tenant = session.me_now().and_then(|me| suggest_tenant(&me.email)).unwrap_or_else(|| "team".to_owned());
    let tenant = RwSignal::new(tenant.unwrap_or(first_tenant));
    let project = RwSignal::new(FIRST_PROJECT.to_owned());
    let environments = RwSignal::new(FIRST_ENVIRONMENTS.to_owned());
    let form = Form::new();
    let wants_tenant = existing.is_none();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let names = split_names(&environments.get_untracked());
        let (tenant, project) = (tenant.get_untracked().trim().to_owned(), project.get_untracked().trim().to_owned());
        let faults = check(&tenant, &project, &names);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let navigate = navigate.clone();
        let at = EnvironmentScope {
            tenant: tenant.clone(),
            project: project.clone(),
            environment: names.first().cloned().unwrap_or_default(),
        };
        let create_tenant =
            wants_tenant && !session.me_now().is_some_and(|me| me.tenants.iter().any(|mine| mine.name == tenant));
        form.send(create(tenant, project, names, create_tenant), move |()| {
            spawn_local(async move {
                session.load().await;
                live.notify(&[Topic::Everything]);
                navigate(&at.url(), NavigateOptions { replace: true, ..NavigateOptions::default() });
            });
        });
    };
    view! {
        <div class="form-narrow">
            <StepsLine steps=vec![t::session::step_token(), t::session::step_account(), t::session::step_first_project()] current=2usize />
            <p class="entry-text">{t::session::welcome_text()}</p>
            <Card>
                <form on:submit=submit novalidate=true>
                    {wants_tenant
                        .then(|| {
                            view! { <TextField label=t::common::tenant() value=tenant kind=TextKind::Code hint=t::session::tenant_hint() fault=form.fault("tenant") name="tenant" /> }
                        })}
                    <TextField label=t::common::project() value=project kind=TextKind::Code hint=t::session::project_hint() fault=form.fault("project") name="project" />
                    <TextField label=t::session::environments() value=environments kind=TextKind::Code hint=t::session::environments_hint() fault=form.fault("environments") name="environments" />
                    <ErrorLine error=form.error />
                    <Button kind=ButtonKind::Main submit=true busy=form.busy id="welcome-submit">{t::session::welcome_submit()}</Button>
                </form>
            </Card>
        </div>
    }
}

async fn create(
    tenant: String,
    project: String,
    environments: Vec<String>,
    create_tenant: bool,
) -> Result<(), ApiError> {
    if create_tenant {
        let body = CreateTenantBody { name: tenant.clone(), quota: None };
        api::tenants::create(&body).await.map_err(|error| renamed(error, "tenant"))?;
    }
    let body = CreateProjectBody { name: project, environments: Some(environments) };
    api::projects::create(&tenant, &body).await.map(drop).map_err(|error| renamed(error, "project"))
}

/// Both bodies call their field `name`; here each has its own.
fn renamed(error: ApiError, field: &str) -> ApiError {
    match error {
        ApiError::Problem(mut problem) => {
            for fault in problem.errors.iter_mut().filter(|fault| fault.field == "name") {
                fault.field = field.to_owned();
            }
            ApiError::Problem(problem)
        }
        other => other,
    }
}

fn check(tenant: &str, project: &str, environments: &[String]) -> Vec<FieldError> {
    let fault = |field: &str, text: &str| {
        Name::parse(text).err().map(|mut fault| {
            fault.field = field.to_owned();
            fault
        })
    };
    let first = environments.iter().map(String::as_str).chain(environments.is_empty().then_some(""));
    let of_environments = first.filter_map(|name| fault("environments", name)).next();
    [fault("tenant", tenant), fault("project", project), of_environments].into_iter().flatten().collect()
}

/// Names with commas or spaces between them.
pub fn split_names(text: &str) -> Vec<String> {
    text.split([',', ' ', '，', '、']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `lin@acme.example` → `acme`.
fn suggest_tenant(email: &str) -> Option<String> {
    let host = email.split_once('@')?.1;
    let word = host.split('.').next()?.to_lowercase();
    Name::parse(&word).ok().map(|name| name.to_string()).filter(|name| name != "localhost" && name != "gmail")
}
