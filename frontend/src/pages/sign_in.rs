//! Sign in, and go on where one was.

use super::entry::Entry;
use crate::{
    api::{self, error::ApiError},
    components::{
        button::{Button, ButtonKind},
        card::Card,
        error_state::{ErrorLine, ErrorState},
        field::{TextField, TextKind},
        form::Form,
    },
    i18n::t,
    session::{SessionState, use_session},
};
use berth_api_types::v1::session::SignInBody;
use berth_domain::field_error::{FieldCode, FieldError};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_router::{components::Redirect, hooks::use_query_map};
use wasm_bindgen_futures::spawn_local;

/// Sign in.
#[component]
pub fn SignInPage() -> impl IntoView {
    let session = use_session();
    let query = use_query_map();
    let to = move || query.with(|query| query.get("to")).filter(|to| is_own(to)).unwrap_or_else(|| "/".to_owned());
    let is_in = Memo::new(move |_| session.me().is_some());
    let not_set_up = Memo::new(move |_| session.state() == SessionState::NotSetUp);
    move || {
        if is_in.get() {
            view! { <Redirect path=to() /> }.into_any()
        } else if not_set_up.get() {
            view! { <Redirect path="/setup" /> }.into_any()
        } else {
            view! { <SignInForm /> }.into_any()
        }
    }
}

/// Only a path of this console: a link must not send somebody elsewhere after signing in.
fn is_own(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\')
}

#[component]
fn SignInForm() -> impl IntoView {
    let session = use_session();
    let (email, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let form = Form::new();
    form.check_typed(move || {
        email.track();
        password.track();
        Vec::new()
    });
    // The password was right, and who it belongs to could not be read: that can be asked again without it.
    let unread = RwSignal::new(None::<ApiError>);
    let load = move || {
        unread.set(None);
        spawn_local(async move {
            session.load().await;
            if let SessionState::Failed(error) = session.state_now() {
                unread.try_set(Some(error));
            }
        });
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = SignInBody { email: email.get_untracked().trim().to_owned(), password: password.get_untracked() };
        let empty = [("email", body.email.is_empty()), ("password", body.password.is_empty())];
        let faults: Vec<_> = empty
            .into_iter()
            .filter(|(_, empty)| *empty)
            .map(|(field, _)| FieldError::new(field, FieldCode::Required, ""))
            .collect();
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        form.send(async move { api::session::sign_in(&body).await }, move |_| load());
    };
    let sent = move || unread.get().map(|error| view! { <ErrorState error=error retry=move |()| load() /> });
    view! {
        <Entry title=t::session::sign_in_title() text=t::session::sign_in_text()>
            <Card>
                {sent}
                <form on:submit=submit novalidate=true hidden=move || unread.with(Option::is_some)>
                    <TextField label=t::session::email() value=email kind=TextKind::Email fault=form.fault("email") autofocus=true name="email" />
                    <TextField label=t::session::password() value=password kind=TextKind::Password fault=form.fault("password") name="password" />
                    <ErrorLine error=form.error />
                    <Button kind=ButtonKind::Main submit=true busy=form.busy id="sign-in-submit">{t::session::sign_in()}</Button>
                </form>
            </Card>
        </Entry>
    }
}
