//! What roles allow, and what somebody may do somewhere and why.

use crate::{
    api,
    components::{
        card::Card,
        dialog::Dialog,
        error_state::right_name,
        field::SelectField,
        icon::{Icon, Svg},
        loaded::loaded,
        skeleton::SkeletonLines,
        state,
    },
    i18n::t,
    live::use_live_resource,
    shell::use_shell,
};
use berth_api_types::v1::{
    live::Topic,
    people::{PersonRightsView, PersonView, RightView, RightsQuery, RoleGivenView},
};
use berth_domain::right::{Right, Role};
use leptos::prelude::*;

/// Every role beside every right: what is bound where is another question.
#[component]
pub fn RoleMatrix() -> impl IntoView {
    let heads = Role::ALL
        .into_iter()
        .map(|role| view! { <th scope="col" title=state::role_hint(role)>{state::role(role)}</th> });
    let rows = Role::all_rights().iter().map(|right| {
        let cells = Role::ALL.into_iter().map(|role| mark(role.rights().contains(right)));
        view! { <tr><th scope="row">{right_name(right.as_str())}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <Card title=t::settings::roles() flush=true>
            <p class="card-text">{t::settings::roles_text()}</p>
            // Reached by keyboard, as it scrolls where there is little room and holds nothing else to get to.
            <div class="table-box" tabindex="0" role="region" aria-label=t::settings::roles()>
                <table class="matrix">
                    <caption class="hidden">{t::settings::roles()}</caption>
                    <thead><tr><th scope="col">{t::settings::right()}</th>{heads.collect_view()}</tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </Card>
    }
}

fn mark(held: bool) -> AnyView {
    if held {
        view! { <td class="held"><Svg icon=Icon::Check size=16 /><span class="hidden">{t::settings::held()}</span></td> }.into_any()
    } else {
        view! { <td class="faint"><span aria-hidden="true">"–"</span><span class="hidden">{t::settings::not_held()}</span></td> }.into_any()
    }
}

/// What somebody may do, at a place of the tenant that one chooses. Open as long as somebody is asked about.
#[component]
pub fn RightsDialog(#[prop(into)] tenant: Signal<String>, person: RwSignal<Option<PersonView>>) -> impl IntoView {
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(person.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            person.set(None);
        }
        now
    });
    let title = move || t::settings::rights_of(person.get().map(|person| person.display_name).unwrap_or_default());
    view! {
        <Dialog open=open title=Signal::derive(title) wide=true>
            {move || person.get().map(|person| view! { <Rights tenant=tenant person=person /> })}
        </Dialog>
    }
}

#[component]
fn Rights(tenant: Signal<String>, person: PersonView) -> impl IntoView {
    let shell = use_shell();
    // `project` or `project/environment`; empty: the tenant.
    let place = RwSignal::new(String::new());
    let options = Signal::derive(move || {
        let mut options = vec![(String::new(), t::settings::whole_tenant().to_owned())];
        for project in shell.projects.get().unwrap_or_default() {
            options.push((project.name.clone(), project.name.clone()));
            let environments = project.environments.into_iter();
            options.extend(environments.map(|one| {
                let both = format!("{}/{}", project.name, one.name);
                (both.clone(), both)
            }));
        }
        options
    });
    let rights = use_live_resource(
        move || (tenant.get(), place.get()),
        |_, topic| matches!(topic, Topic::Tenant | Topic::Projects),
        move |(tenant, place)| async move { api::tenants::rights(&tenant, person.id, &query(&place)).await },
    );
    view! {
        <SelectField label=t::settings::rights_at() options=options value=place name="rights-at" />
        {loaded(rights, || view! { <SkeletonLines lines=6 /> }.into_any(), move |rights: Signal<PersonRightsView>| {
            view! {
                <table class="rights">
                    <caption class="hidden">{t::settings::rights()}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{t::settings::right()}</th>
                            <th scope="col">{t::settings::allowed()}</th>
                            <th scope="col">{t::settings::why()}</th>
                        </tr>
                    </thead>
                    <tbody>{move || rights.get().rights.into_iter().map(row).collect_view()}</tbody>
                </table>
            }
        })}
    }
}

fn query(place: &str) -> RightsQuery {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    match place.split_once('/') {
        Some((project, environment)) => RightsQuery { project: some(project), environment: some(environment) },
        None => RightsQuery { project: some(place), environment: None },
    }
}

fn row(view: RightView) -> AnyView {
    let held = !view.by.is_empty();
    let why = if held {
        view.by.iter().map(given).collect::<Vec<_>>().join(t::settings::and())
    } else {
        let roles: Vec<_> = view.roles.into_iter().map(state::role).collect();
        t::settings::would_give(roles.join(t::settings::or()))
    };
    view! {
        <tr class:faint=!held>
            <th scope="row">{right_name(Right::as_str(view.right))}</th>
            {mark(held)}
            <td>{why}</td>
        </tr>
    }
    .into_any()
}

/// `Developer at demo/dev`.
fn given(one: &RoleGivenView) -> String {
    let role = state::role(one.role);
    match (&one.project, &one.environment) {
        (Some(project), Some(environment)) => t::settings::role_at(role, format!("{project}/{environment}")),
        (Some(project), None) => t::settings::role_at(role, project.clone()),
        (None, _) => t::settings::role_of_tenant(role),
    }
}
