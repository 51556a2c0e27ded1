//! The composition root: contexts, routes, and which part of them a caller gets to see.

use crate::{
    components::{
        error_state::ErrorState,
        skeleton::SkeletonLines,
        toast::{ToastHost, provide_toasts},
    },
    pages::{
        apps::list::AppsPage,
        home::HomePage,
        not_found::NotFoundPage,
        overview::OverviewPage,
        parts::{
            AccountPage, ActivityPage, AppPage, AuditPage, KitPage, NewAppPage, NodePage, NodesPage, PlatformAuditPage,
            ProjectSettingsPage, TenantSettingsPage, TenantsPage,
        },
        setup::SetupPage,
        sign_in::SignInPage,
        welcome::WelcomePage,
    },
    preferences::{provide_preferences, use_preferences},
    session::{SessionState, provide_session, use_session},
    shell::Shell,
    support::clock::provide_clock,
};
use leptos::prelude::*;
use leptos_router::{
    components::{ParentRoute, Redirect, Route, Router, Routes},
    hooks::use_location,
    path,
};
use wasm_bindgen_futures::spawn_local;

/// The console.
#[component]
pub fn App() -> impl IntoView {
    provide_preferences();
    provide_clock();
    provide_session();
    provide_toasts();
    let preferences = use_preferences();
    // Texts are plain values, so a change of language draws everything again. URLs keep what matters.
    move || {
        preferences.language();
        view! {
            <Router>
                <RouteTable />
                <ToastHost />
            </Router>
        }
    }
}

#[component]
fn RouteTable() -> impl IntoView {
    view! {
        <Routes fallback=NotFoundPage>
            <Route path=path!("/setup") view=SetupPage />
            <Route path=path!("/sign-in") view=SignInPage />
            <ParentRoute path=path!("") view=Guarded>
                <Route path=path!("/") view=HomePage />
                <Route path=path!("/welcome") view=WelcomePage />
                <Route path=path!("/account") view=AccountPage />
                <Route path=path!("/nodes") view=NodesPage />
                <Route path=path!("/nodes/:node") view=NodePage />
                <Route path=path!("/tenants") view=TenantsPage />
                <Route path=path!("/kit") view=KitPage />
                <Route path=path!("/audit") view=PlatformAuditPage />
                <Route path=path!("/t/:tenant/-/activity") view=ActivityPage />
                <Route path=path!("/t/:tenant/-/audit") view=AuditPage />
                <Route path=path!("/t/:tenant/-/settings") view=TenantSettingsPage />
                <Route path=path!("/t/:tenant") view=HomePage />
                <Route path=path!("/t/:tenant/:project/-/settings") view=ProjectSettingsPage />
                <Route path=path!("/t/:tenant/:project") view=HomePage />
                <Route path=path!("/t/:tenant/:project/:environment") view=OverviewPage />
                <Route path=path!("/t/:tenant/:project/:environment/apps") view=AppsPage />
                <Route path=path!("/t/:tenant/:project/:environment/apps/new") view=NewAppPage />
                <Route path=path!("/t/:tenant/:project/:environment/apps/:app") view=AppPage />
                <Route path=path!("/*any") view=NotFoundPage />
            </ParentRoute>
        </Routes>
    }
}

/// Lets signed-in callers through; sends the others to where they can become that, and back afterwards.
#[component]
fn Guarded() -> impl IntoView {
    let session = use_session();
    let location = use_location();
    let kind = Memo::new(move |_| match session.state() {
        SessionState::SignedIn(_) => SessionState::SignedOut,
        other => other,
    });
    let signed_in = Memo::new(move |_| session.me().is_some());
    move || {
        if signed_in.get() {
            return view! { <Shell /> }.into_any();
        }
        match kind.get() {
            SessionState::NotSetUp => view! { <Redirect path="/setup" /> }.into_any(),
            SessionState::SignedOut | SessionState::SignedIn(_) => {
                let from = format!(
                    "{}{}",
                    location.pathname.get_untracked(),
                    location.search.with_untracked(|search| if search.is_empty() {
                        String::new()
                    } else {
                        format!("?{search}")
                    })
                );
                let back = String::from(js_sys::encode_uri_component(&from));
                let path = if from == "/" { "/sign-in".to_owned() } else { format!("/sign-in?to={back}") };
                view! { <Redirect path=path /> }.into_any()
            }
            SessionState::Unknown => view! { <main class="alone"><SkeletonLines lines=4 /></main> }.into_any(),
            SessionState::Failed(error) => view! {
                <main class="alone">
                    <ErrorState error=error retry=move |()| spawn_local(session.load()) />
                </main>
            }
            .into_any(),
        }
    }
}
