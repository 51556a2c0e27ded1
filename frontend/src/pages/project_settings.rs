//! A project's settings: environments, registry credentials, images; and its end.

use crate::{
    api,
    components::{
        button::{Button, ButtonKind},
        card::Card,
        dialog::ConfirmDialog,
        form::Form,
        page::PageHead,
        tabs::{Tab, Tabs, use_tab},
        toast::use_toasts,
    },
    i18n::t,
    live::use_live,
    pages::{credentials::Credentials, environments::Environments, images::Images, place_people::PlacePeople},
    scope::{forget, use_scope},
    session::use_session,
};
use berth_api_types::v1::live::Topic;
use berth_domain::right::Right;
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// Which project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectScope {
    /// Tenant.
    pub tenant: String,
    /// Project.
    pub project: String,
}

/// A project's settings.
#[component]
pub fn ProjectSettingsPage() -> impl IntoView {
    let scope = use_scope();
    let at = Memo::new(move |_| {
        let scope = scope.get();
        ProjectScope { tenant: scope.tenant.unwrap_or_default(), project: scope.project.unwrap_or_default() }
    });
    let tab = use_tab(&["environments", "people", "credentials", "images", "more"]);
    let tabs = vec![
        Tab::new("environments", t::settings::environments()),
        Tab::new("people", t::settings::people()),
        Tab::new("credentials", t::settings::credentials()),
        Tab::new("images", t::settings::images()),
        Tab::new("more", t::settings::more()),
    ];
    view! {
        <PageHead title=t::common::project_settings() sub=move || view! { <span>{move || { let at = at.get(); format!("{} / {}", at.tenant, at.project) }}</span> } />
        <Tabs label=t::common::project_settings() tabs=tabs current=tab />
        {move || match tab.get() {
            "people" => view! { <PlacePeople at=at /> }.into_any(),
            "credentials" => view! { <Credentials at=at /> }.into_any(),
            "images" => view! { <Images at=at /> }.into_any(),
            "more" => view! { <End at=at /> }.into_any(),
            _ => view! { <Environments at=at /> }.into_any(),
        }}
    }
}

/// The project's end.
#[component]
fn End(at: Memo<ProjectScope>) -> impl IntoView {
    let (session, toasts, live, navigate) = (use_session(), use_toasts(), use_live(), use_navigate());
    let open = RwSignal::new(false);
    let form = Form::new();
    let remove = move |()| {
        let (at, navigate) = (at.get_untracked(), navigate.clone());
        let gone = at.project.clone();
        form.send(async move { api::projects::remove(&at.tenant, &at.project).await }, move |()| {
            open.set(false);
            forget();
            live.notify(&[Topic::Projects]);
            toasts.done(t::settings::project_deleted(gone));
            navigate("/", NavigateOptions::default());
        });
    };
    let may = move || {
        let at = at.get();
        session.may(Right::ProjectDelete, &at.tenant, Some(&at.project), None)
    };
    view! {
        <Card title=t::settings::delete_project() class="danger-zone">
            <div class="spread">
                <p class="muted">{t::settings::delete_project_text()}</p>
                <Button kind=ButtonKind::Danger disabled=Signal::derive(move || !may()) on_click=move |_| open.set(true) id="delete-project">{t::settings::delete_project()}</Button>
            </div>
        </Card>
        <ConfirmDialog
            open=open
            title=Signal::derive(move || t::settings::delete_title(at.get().project))
            text=t::settings::delete_project_text()
            action=t::common::delete()
            name=Signal::derive(move || at.get().project)
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}
