//! Who belongs to a tenant, and with which role.

use super::{
    rights::RightsDialog,
    setup::{email_fault, password_fault},
};
use crate::{
    api,
    components::{
        button::{Button, ButtonKind, IconButton},
        card::Card,
        dialog::{ConfirmDialog, Dialog, FormActions, open_while},
        field::{TextField, TextKind},
        form::Form,
        icon::Icon,
        loaded::loaded,
        role_field::{RoleDialog, RoleField, role_options},
        skeleton::SkeletonRows,
        state,
        switch::Switch,
        table::{Column, Table},
        toast::use_toasts,
    },
    i18n::{date, t},
    live_pages::use_live_pages,
    session::use_session,
};
use berth_api_types::v1::{
    live::Topic,
    people::{AddPersonBody, PersonView, UpdatePersonBody},
};
use berth_domain::right::{Right, Role};
use leptos::{ev::SubmitEvent, prelude::*};

fn all_roles() -> Vec<(String, String)> {
    role_options(Role::ALL.into_iter())
}

fn role_now(person: &PersonView) -> String {
    t::settings::role_now(&person.display_name, state::role(person.role))
}

/// Who belongs to a tenant.
#[component]
pub fn People(#[prop(into)] tenant: Signal<String>) -> impl IntoView {
    let (session, toasts) = (use_session(), use_toasts());
    let adding = RwSignal::new(false);
    let editing = RwSignal::new(None::<PersonView>);
    let leaving = RwSignal::new(None::<PersonView>);
    let asked = RwSignal::new(None::<PersonView>);
    let (people, more) = use_live_pages(
        move || tenant.get(),
        |_, topic| matches!(topic, Topic::Tenant),
        |tenant, page| async move { api::tenants::list_people(&tenant, &page).await },
    );
    let may = move || session.may(Right::PeopleManage, &tenant.get(), None, None);
    let actions = move || {
        may().then(|| view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| adding.set(true) id="add-person">{t::settings::add_person()}</Button> })
    };
    let columns = StoredValue::new(vec![
        Column::new("name", t::common::name(), |person: &PersonView| view! { <strong>{person.display_name.clone()}</strong> <div class="muted">{person.email.clone()}</div> })
            .sorted(|a, b| a.display_name.cmp(&b.display_name)),
        Column::new("role", t::settings::role(), |person: &PersonView| view! { <span title=state::role_hint(person.role)>{state::role(person.role)}</span> }).sorted(|a, b| a.role.cmp(&b.role)),
        Column::new("since", t::settings::since(), |person: &PersonView| view! { <span class="muted">{date(person.since)}</span> }).minor().sorted(|a, b| a.since.cmp(&b.since)),
        Column::new("actions", t::common::actions(), move |person: &PersonView| {
            let (edited, left, shown) = (person.clone(), person.clone(), person.clone());
            let change = may().then(|| view! {
                <IconButton icon=Icon::Edit label=t::settings::change_role() on_click=move |_| editing.set(Some(edited.clone())) />
                <IconButton icon=Icon::Trash label=t::common::remove() on_click=move |_| leaving.set(Some(left.clone())) />
            });
            view! {
                <div class="row-actions">
                    <IconButton icon=Icon::Key label=t::settings::show_rights() on_click=move |_| asked.set(Some(shown.clone())) />
                    {change}
                </div>
            }
        })
        .to_end(),
    ]);
    let removal = Form::new();
    let confirm = open_while(leaving, move || removal.clear());
    let remove = move |()| {
        let Some(person) = leaving.get_untracked() else { return };
        let tenant = tenant.get_untracked();
        removal.send(async move { api::tenants::remove_person(&tenant, person.id).await }, move |()| {
            leaving.set(None);
            people.refetch();
            toasts.done(t::settings::person_removed(&person.display_name));
        });
    };
    view! {
        <Card title=t::settings::people() flush=true actions=move || view! { {actions} }>
            {loaded(people, || view! { <SkeletonRows rows=3 /> }.into_any(), move |rows: Signal<Vec<PersonView>>| {
                view! { <Table caption=t::settings::people() columns=columns.get_value() rows=rows more=more key=|person| person.id.to_string() /> }
            })}
        </Card>
        <Dialog open=adding title=t::settings::add_person()>
            <AddForm open=adding tenant=tenant on_done=move |()| people.refetch() />
        </Dialog>
        <RightsDialog tenant=tenant person=asked />
        <ChangeDialog person=editing tenant=tenant on_done=move |()| people.refetch() />
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::remove_person_title(leaving.get().map(|person| person.display_name).unwrap_or_default()))
            text=Signal::derive(move || t::settings::remove_person_text(leaving.get().map(|person| person.display_name).unwrap_or_default(), tenant.get()))
            action=t::common::remove()
            busy=removal.busy
            error=removal.error
            on_confirm=remove
        />
    }
}

#[component]
fn AddForm(open: RwSignal<bool>, tenant: Signal<String>, #[prop(into)] on_done: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let (email, name, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new(Role::Developer.as_str().to_owned());
    let is_new = RwSignal::new(false);
    let form = Form::new();
    // An address that nobody has needs a name and a password: their faults must be seen.
    Effect::new(move |_| {
        let of_account = |field: &str| matches!(field, "display_name" | "password");
        if form.faults.with(|faults| faults.iter().any(|fault| of_account(&fault.field))) {
            is_new.set(true);
        }
    });
    let check = move || {
        let typed = password.get();
        // No password at all is right for somebody who has an account.
        let of_password = (is_new.get() && !typed.is_empty()).then(|| password_fault("password", &typed)).flatten();
        email_fault("email", email.get().trim()).into_iter().chain(of_password).collect()
    };
    form.check_typed(check);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let given = |value: RwSignal<String>| {
            is_new.get_untracked().then(|| value.get_untracked()).filter(|text| !text.is_empty())
        };
        let faults = untrack(check);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let body = AddPersonBody {
            email: email.get_untracked().trim().to_owned(),
            role: Role::from_word(&role.get_untracked()).unwrap_or(Role::Viewer),
            display_name: given(name),
            password: given(password),
        };
        let tenant = tenant.get_untracked();
        form.send(async move { api::tenants::add_person(&tenant, &body).await }, move |person| {
            open.set(false);
            toasts.done(t::settings::person_added(person.display_name));
            on_done.run(());
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::session::email() value=email kind=TextKind::Plain fault=form.fault("email") autofocus=true name="person-email" />
            <RoleField options=all_roles() value=role form=form name="person-role" />
            <Switch label=t::settings::new_account() hint=t::settings::new_account_hint() value=is_new />
            <div hidden=move || !is_new.get() style:margin-top="16px">
                <TextField label=t::session::name() value=name fault=form.fault("display_name") name="person-name" />
                <TextField label=t::settings::first_password() value=password kind=TextKind::NewPassword fault=form.fault("password") name="person-password" />
            </div>
            <FormActions form=form open=open action=t::common::add() />
        </form>
    }
}

#[component]
fn ChangeDialog(
    person: RwSignal<Option<PersonView>>,
    tenant: Signal<String>,
    #[prop(into)] on_done: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let role = RwSignal::new(String::new());
    let form = Form::new();
    let open = open_while(person, move || form.clear());
    Effect::new(move |_| {
        if let Some(now) = person.with(|person| person.as_ref().map(|person| person.role)) {
            role.set(now.as_str().to_owned());
        }
    });
    let save = move |role: Role| {
        let Some(person) = person.get_untracked() else { return };
        let tenant = tenant.get_untracked();
        let before = person.role;
        let set = move |tenant: String, role: Role| async move {
            api::tenants::update_person(&tenant, person.id, &UpdatePersonBody { role }).await
        };
        form.send(set(tenant.clone(), role), move |now| {
            open.set(false);
            on_done.run(());
            // The list is followed: whoever still looks at it sees the old role again.
            toasts.done_with_undo(role_now(&now), move || {
                toasts.follow(set(tenant.clone(), before), |now| role_now(&now))
            });
        });
    };
    let title = move || t::settings::role_of(person.get().map(|person| person.display_name).unwrap_or_default());
    view! {
        <RoleDialog open=open title=Signal::derive(title) options=all_roles() role=role form=form on_save=save />
    }
}
