//! Credentials for registries. Passwords go in and never come out.

use super::project_settings::ProjectScope;
use crate::{
    api,
    components::{
        button::{Button, ButtonKind, IconButton},
        card::Card,
        dialog::{ConfirmDialog, Dialog, FormActions, open_while},
        empty_state::EmptyState,
        field::{TextField, TextKind},
        form::Form,
        icon::Icon,
        loaded::loaded,
        skeleton::SkeletonRows,
        table::{Column, Table},
        toast::use_toasts,
    },
    i18n::{date, t},
    live_pages::use_live_pages,
    session::use_session,
};
use berth_api_types::v1::{
    live::Topic,
    projects::{CredentialView, PutCredentialBody},
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    right::Right,
};
use leptos::{ev::SubmitEvent, prelude::*};

/// Credentials for registries.
#[component]
pub fn Credentials(at: Memo<ProjectScope>) -> impl IntoView {
    let (session, toasts) = (use_session(), use_toasts());
    let adding = RwSignal::new(false);
    let going = RwSignal::new(None::<CredentialView>);
    let (credentials, more) = use_live_pages(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects),
        |at, page| async move { api::projects::list_credentials(&at.tenant, &at.project, &page).await },
    );
    let may = move || {
        let at = at.get();
        session.may(Right::CredentialManage, &at.tenant, Some(&at.project), None)
    };
    let add = move || {
        may().then(|| view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| adding.set(true) id="add-credential">{t::settings::add_credential()}</Button> })
    };
    let columns = StoredValue::new(vec![
        Column::new("registry", t::settings::registry(), |one: &CredentialView| view! { <span class="mono">{one.registry.clone()}</span> }).sorted(|a, b| a.registry.cmp(&b.registry)),
        Column::new("user", t::settings::username(), |one: &CredentialView| one.username.clone()),
        Column::new("since", t::settings::since(), |one: &CredentialView| view! { <span class="muted">{date(one.created_at)}</span> }).minor(),
        Column::new("actions", t::common::actions(), move |one: &CredentialView| {
            let one = one.clone();
            may().then(|| view! { <div class="row-actions"><IconButton icon=Icon::Trash label=t::common::delete() on_click=move |_| going.set(Some(one.clone())) /></div> })
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(going, move || form.clear());
    let remove = move |()| {
        let (at, Some(one)) = (at.get_untracked(), going.get_untracked()) else { return };
        form.send(async move { api::projects::remove_credential(&at.tenant, &at.project, one.id).await }, move |()| {
            going.set(None);
            credentials.refetch();
            toasts.done(t::settings::credential_deleted(&one.registry));
        });
    };
    view! {
        <Card title=t::settings::credentials() flush=true actions=move || view! { {add} }>
            {loaded(credentials, || view! { <SkeletonRows rows=2 /> }.into_any(), move |rows: Signal<Vec<CredentialView>>| {
                let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
                move || if is_empty.get() {
                    view! { <EmptyState icon=Icon::Key title=t::settings::no_credentials() text=t::settings::no_credentials_text() /> }.into_any()
                } else {
                    view! { <Table caption=t::settings::credentials() columns=columns.get_value() rows=rows more=more key=|one| one.id.to_string() /> }.into_any()
                }
            })}
        </Card>
        <Dialog open=adding title=t::settings::add_credential()>
            <CredentialForm open=adding at=at on_done=move |()| credentials.refetch() />
        </Dialog>
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::delete_credential_title(going.get().map(|one| one.registry).unwrap_or_default()))
            text=Signal::derive(move || t::settings::delete_credential_text(going.get().map(|one| one.registry).unwrap_or_default()))
            action=t::common::delete()
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}

#[component]
fn CredentialForm(open: RwSignal<bool>, at: Memo<ProjectScope>, #[prop(into)] on_done: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let (registry, username, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let form = Form::new();
    form.check_typed(move || {
        [registry, username, password].iter().for_each(|field| field.track());
        Vec::new()
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = PutCredentialBody {
            registry: registry.get_untracked().trim().to_owned(),
            username: username.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
        };
        let needed = [("registry", &body.registry), ("username", &body.username), ("password", &body.password)];
        let faults: Vec<_> = needed
            .into_iter()
            .filter(|(_, text)| text.is_empty())
            .map(|(field, _)| FieldError::new(field, FieldCode::Required, ""))
            .collect();
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let at = at.get_untracked();
        form.send(async move { api::projects::put_credential(&at.tenant, &at.project, &body).await }, move |_| {
            open.set(false);
            toasts.done(t::common::saved());
            on_done.run(());
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::settings::registry() value=registry kind=TextKind::Code placeholder="registry.example:5000" hint=t::settings::registry_hint() fault=form.fault("registry") autofocus=true name="registry" />
            <TextField label=t::settings::username() value=username kind=TextKind::Code fault=form.fault("username") name="registry-user" />
            <TextField label=t::settings::registry_password() value=password kind=TextKind::NewPassword hint=t::settings::registry_password_hint() fault=form.fault("password") name="registry-password" />
            <FormActions form=form open=open action=t::common::save() />
        </form>
    }
}
