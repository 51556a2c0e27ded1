//! Who may do what at a project, or at one of its environments. Roles add up: what was given further up holds here too,
//! and is changed there.

use super::{project_settings::ProjectScope, setup::email_fault};
use crate::{
    api::{self, projects::Place},
    components::{
        button::{Button, ButtonKind, IconButton},
        card::Card,
        dialog::{ConfirmDialog, Dialog, FormActions, open_while},
        empty_state::EmptyState,
        field::{SelectField, TextField, TextKind},
        form::Form,
        icon::Icon,
        loaded::loaded,
        pill::Tag,
        role_field::{RoleDialog, RoleField, role_options},
        skeleton::SkeletonRows,
        state,
        table::{Column, Table},
        toast::use_toasts,
    },
    i18n::t,
    live::use_live_resource,
    live_pages::use_live_pages,
    session::use_session,
};
use berth_api_types::v1::{
    live::Topic,
    people::{GrantBody, PersonAtView, RoleAboveView, UpdatePersonBody},
    projects::EnvironmentView,
};
use berth_domain::right::{Right, Role};
use leptos::{ev::SubmitEvent, prelude::*};

/// Roles that can be given below the tenant: an owner is of all of it.
fn bindable() -> Vec<(String, String)> {
    role_options(Role::ALL.into_iter().filter(|role| *role != Role::Owner))
}

/// Where a role was given, and which.
fn above(role: &RoleAboveView) -> String {
    let place = role.project.clone().unwrap_or_else(|| t::settings::whole_tenant().to_owned());
    format!("{place}: {}", state::role(role.role))
}

/// Who may do what at a project and its environments.
#[component]
pub fn PlacePeople(at: Memo<ProjectScope>) -> impl IntoView {
    let (session, toasts) = (use_session(), use_toasts());
    // Empty: the whole project.
    let environment = RwSignal::new(String::new());
    let place = Memo::new(move |_| {
        let at = at.get();
        Place { tenant: at.tenant, project: at.project, environment: Some(environment.get()).filter(|e| !e.is_empty()) }
    });
    let project = use_live_resource(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects),
        |at| async move { api::projects::read(&at.tenant, &at.project).await },
    );
    let places = Signal::derive(move || {
        let whole = (String::new(), t::settings::whole_project().to_owned());
        let name = |environment: &EnvironmentView| (environment.name.clone(), environment.name.clone());
        let environments = project
            .data
            .with(|project| project.iter().flat_map(|project| &project.environments).map(name).collect::<Vec<_>>());
        std::iter::once(whole).chain(environments).collect::<Vec<_>>()
    });
    let (people, more) = use_live_pages(
        move || place.get(),
        |_, topic| matches!(topic, Topic::Tenant),
        |place, page| async move { api::projects::list_people(&place, &page).await },
    );
    let may = move || {
        let at = place.get();
        session.may(Right::PeopleManage, &at.tenant, Some(&at.project), at.environment.as_deref())
    };
    let giving = RwSignal::new(false);
    let changing = RwSignal::new(None::<PersonAtView>);
    let leaving = RwSignal::new(None::<PersonAtView>);
    let columns = StoredValue::new(vec![
        Column::new("name", t::common::name(), |person: &PersonAtView| view! { <strong>{person.display_name.clone()}</strong> <div class="muted">{person.email.clone()}</div> }),
        Column::new("role", t::settings::role_here(), |person: &PersonAtView| match person.role {
            Some(role) => view! { <span title=state::role_hint(role)>{state::role(role)}</span> }.into_any(),
            None => view! { <span class="faint">"–"</span> }.into_any(),
        }),
        Column::new("above", t::settings::roles_above(), |person: &PersonAtView| {
            let tags: Vec<_> = person.above.iter().map(|role| view! { <Tag text=above(role) /> }).collect();
            view! { <span class="with-pill">{tags}</span> }
        })
        // Who looks on a phone wants to reach the buttons.
        .minor(),
        Column::new("actions", t::common::actions(), move |person: &PersonAtView| {
            let (edited, removed) = (person.clone(), person.clone());
            (may() && person.role.is_some()).then(|| view! {
                <div class="row-actions">
                    <IconButton icon=Icon::Edit label=t::settings::change_role() on_click=move |_| changing.set(Some(edited.clone())) />
                    <IconButton icon=Icon::Trash label=t::common::remove() on_click=move |_| leaving.set(Some(removed.clone())) />
                </div>
            })
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(leaving, move || form.clear());
    let remove = move |()| {
        let Some(person) = leaving.get_untracked() else { return };
        let place = place.get_untracked();
        form.send(async move { api::projects::revoke_role(&place, person.id).await }, move |()| {
            leaving.set(None);
            people.refetch();
            toasts.done(t::settings::role_removed(&person.display_name));
        });
    };
    let here = move || place.with(|place| place.environment.clone().unwrap_or_else(|| place.project.clone()));
    view! {
        <Card
            title=t::settings::people()
            flush=true
            actions=move || view! {
                {may().then(|| view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| giving.set(true) id="give-role">{t::settings::give_role()}</Button> })}
            }
        >
            <div class="card-tools"><SelectField label=t::settings::roles_at() options=places value=environment name="place" /></div>
            {loaded(people, || view! { <SkeletonRows rows=3 /> }.into_any(), move |rows: Signal<Vec<PersonAtView>>| {
                let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
                move || if is_empty.get() {
                    view! { <EmptyState icon=Icon::People title=t::settings::nobody_here() text=t::settings::nobody_here_text() /> }.into_any()
                } else {
                    view! { <Table caption=t::settings::people() columns=columns.get_value() rows=rows more=more key=|person| person.id.to_string() /> }.into_any()
                }
            })}
        </Card>
        <Dialog open=giving title=Signal::derive(move || t::settings::give_role_at(here()))>
            <GrantForm open=giving place=place on_done=move |()| people.refetch() />
        </Dialog>
        <ChangeDialog person=changing place=place on_done=move |()| people.refetch() />
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::remove_role_title(leaving.get().map(|person| person.display_name).unwrap_or_default()))
            text=Signal::derive(move || t::settings::remove_role_text(leaving.get().map(|person| person.display_name).unwrap_or_default(), here()))
            action=t::common::remove()
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}

#[component]
fn GrantForm(open: RwSignal<bool>, place: Memo<Place>, #[prop(into)] on_done: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let email = RwSignal::new(String::new());
    let role = RwSignal::new(Role::Developer.as_str().to_owned());
    let form = Form::new();
    form.check_typed(move || email_fault("email", email.get().trim()).into_iter().collect());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = GrantBody {
            email: email.get_untracked().trim().to_owned(),
            role: Role::from_word(&role.get_untracked()).unwrap_or(Role::Viewer),
        };
        if let Some(fault) = email_fault("email", &body.email) {
            return form.set_faults(vec![fault]);
        }
        let place = place.get_untracked();
        form.send(async move { api::projects::grant_role(&place, &body).await }, move |person| {
            open.set(false);
            toasts.done(t::settings::person_added(person.display_name));
            on_done.run(());
        });
    };
    view! {
        <form on:submit=submit novalidate=true>
            <TextField label=t::session::email() value=email kind=TextKind::Plain fault=form.fault("email") autofocus=true name="grant-email" />
            <RoleField options=bindable() value=role form=form name="grant-role" />
            <FormActions form=form open=open action=t::settings::give_role() />
        </form>
    }
}

#[component]
fn ChangeDialog(
    person: RwSignal<Option<PersonAtView>>,
    place: Memo<Place>,
    #[prop(into)] on_done: Callback<()>,
) -> impl IntoView {
    let toasts = use_toasts();
    let role = RwSignal::new(String::new());
    let form = Form::new();
    let open = open_while(person, move || form.clear());
    Effect::new(move |_| {
        if let Some(now) = person.with(|person| person.as_ref().and_then(|person| person.role)) {
            role.set(now.as_str().to_owned());
        }
    });
    let save = move |role: Role| {
        let Some(changed) = person.get_untracked() else { return };
        let place = place.get_untracked();
        let call = async move { api::projects::update_role(&place, changed.id, &UpdatePersonBody { role }).await };
        form.send(call, move |now| {
            person.set(None);
            on_done.run(());
            toasts.done(t::settings::role_now(&now.display_name, state::role(role)));
        });
    };
    let title = move || t::settings::role_of(person.get().map(|person| person.display_name).unwrap_or_default());
    view! {
        <RoleDialog open=open title=Signal::derive(title) options=bindable() role=role form=form on_save=save />
    }
}
