//! The form for a new project.

use super::welcome::split_names;
use crate::{
    api,
    components::{
        dialog::{Dialog, FormActions},
        field::{TextField, TextKind},
        form::{Form, name_faults},
        toast::use_toasts,
    },
    i18n::t,
    live::use_live,
};
use berth_api_types::v1::{live::Topic, projects::CreateProjectBody};
use berth_domain::{field_error::FieldError, name::Name};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// The form for a new project, in a dialog.
#[component]
pub fn NewProjectDialog(open: RwSignal<bool>, #[prop(into)] tenant: Signal<String>) -> impl IntoView {
    view! {
        <Dialog open=open title=t::settings::new_project()>
            <NewProjectForm open=open tenant=tenant />
        </Dialog>
    }
}

#[component]
fn NewProjectForm(open: RwSignal<bool>, tenant: Signal<String>) -> impl IntoView {
    let (live, toasts, navigate) = (use_live(), use_toasts(), use_navigate());
    let name = RwSignal::new(String::new());
    let environments = RwSignal::new("dev, production".to_owned());
    let form = Form::new();
    let check = move || {
        let mut faults = name.with(|name| name_faults(name));
        let wrong = environments.with(|names| split_names(names).iter().find_map(|name| Name::parse(name).err()));
        faults.extend(wrong.map(|fault| FieldError { field: "environments".into(), ..fault }));
        faults
    };
    form.check_typed(check);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = CreateProjectBody {
            name: name.get_untracked().trim().to_owned(),
            environments: Some(split_names(&environments.get_untracked())),
        };
        let faults = untrack(check);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let (tenant, navigate) = (tenant.get_untracked(), navigate.clone());
        let url = format!("/t/{tenant}/{}", body.name);
        form.send(async move { api::projects::create(&tenant, &body).await }, move |project| {
            open.set(false);
            live.notify(&[Topic::Projects]);
            toasts.done(t::settings::project_made(project.name));
            navigate(&url, NavigateOptions::default());
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::common::name() value=name kind=TextKind::Code hint=t::settings::name_hint() fault=form.fault("name") autofocus=true name="project-name" />
            <TextField label=t::settings::environments() value=environments kind=TextKind::Code hint=t::session::environments_hint() fault=form.fault("environments") />
            <FormActions form=form open=open action=t::common::create() />
        </form>
    }
}
