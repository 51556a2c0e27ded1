//! A project's environments, in the order of promotion.

use super::project_settings::ProjectScope;
use crate::{
    api,
    components::{
        button::{Button, ButtonKind, IconButton},
        card::Card,
        dialog::{ConfirmDialog, Dialog, FormActions, open_while},
        field::{TextField, TextKind},
        form::{Form, name_faults},
        icon::Icon,
        loaded::loaded,
        skeleton::SkeletonRows,
        table::{Column, Table, row_link},
        toast::use_toasts,
    },
    i18n::{number, t},
    live::{use_live, use_live_resource},
    session::use_session,
    support::url::use_query_open,
};
use berth_api_types::v1::{
    live::Topic,
    projects::{CreateEnvironmentBody, EnvironmentView, ProjectView},
};
use berth_domain::right::Right;
use leptos::{ev::SubmitEvent, prelude::*};

/// A project's environments.
#[component]
pub fn Environments(at: Memo<ProjectScope>) -> impl IntoView {
    let (session, toasts, live) = (use_session(), use_toasts(), use_live());
    let adding = use_query_open("new");
    let going = RwSignal::new(None::<EnvironmentView>);
    let project = use_live_resource(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects | Topic::App { .. }),
        |at| async move { api::projects::read(&at.tenant, &at.project).await },
    );
    let may = move || {
        let at = at.get();
        session.may(Right::EnvironmentManage, &at.tenant, Some(&at.project), None)
    };
    let actions = move || {
        may().then(|| view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| adding.set(true) id="new-environment">{t::settings::new_environment()}</Button> })
    };
    let columns = StoredValue::new(vec![
        Column::new("name", t::common::name(), move |one: &EnvironmentView| {
            let at = at.get_untracked();
            row_link(format!("/t/{}/{}/{}", at.tenant, at.project, one.name), one.name.clone())
        }),
        Column::new("apps", t::common::apps(), |one: &EnvironmentView| number(one.apps.into())).to_end(),
        Column::new("actions", t::common::actions(), move |one: &EnvironmentView| {
            let one = one.clone();
            may().then(|| view! { <div class="row-actions"><IconButton icon=Icon::Trash label=t::common::delete() on_click=move |_| going.set(Some(one.clone())) /></div> })
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(going, move || form.clear());
    let name = Signal::derive(move || going.get().map(|one| one.name).unwrap_or_default());
    let remove = move |()| {
        let (at, name) = (at.get_untracked(), name.get_untracked());
        let gone = name.clone();
        form.send(async move { api::projects::remove_environment(&at.tenant, &at.project, &name).await }, move |()| {
            going.set(None);
            live.notify(&[Topic::Projects]);
            toasts.done(t::settings::environment_deleted(gone));
        });
    };
    view! {
        <Card title=t::settings::environments() note=t::settings::environments_note() flush=true actions=move || view! { {actions} }>
            {loaded(project, || view! { <SkeletonRows rows=2 /> }.into_any(), move |project: Signal<ProjectView>| {
                let rows = Signal::derive(move || project.with(|project| project.environments.clone()));
                view! { <Table caption=t::settings::environments() columns=columns.get_value() rows=rows key=|one| one.id.to_string() /> }
            })}
        </Card>
        <Dialog open=adding title=t::settings::new_environment()>
            <NewEnvironment open=adding at=at />
        </Dialog>
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::delete_title(name.get()))
            text=t::settings::delete_environment_text()
            action=t::common::delete()
            name=name
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}

#[component]
fn NewEnvironment(open: RwSignal<bool>, at: Memo<ProjectScope>) -> impl IntoView {
    let (toasts, live) = (use_toasts(), use_live());
    let name = RwSignal::new(String::new());
    let form = Form::new();
    let check = move || name.with(|name| name_faults(name));
    form.check_typed(check);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = CreateEnvironmentBody { name: name.get_untracked().trim().to_owned() };
        let faults = untrack(check);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let at = at.get_untracked();
        form.send(
            async move { api::projects::create_environment(&at.tenant, &at.project, &body).await },
            move |made| {
                open.set(false);
                live.notify(&[Topic::Projects]);
                toasts.done(t::settings::environment_made(made.name));
            },
        );
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::common::name() value=name kind=TextKind::Code hint=t::settings::name_hint() fault=form.fault("name") autofocus=true name="environment-name" />
            <FormActions form=form open=open action=t::common::create() />
        </form>
    }
}
