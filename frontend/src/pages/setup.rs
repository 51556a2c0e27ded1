//! Set-up: the one-time token, then the first account.

use super::entry::{Entry, StepsLine};
use crate::{
    api,
    components::{
        button::{Button, ButtonKind, LinkButton},
        card::Card,
        error_state::ErrorLine,
        field::{TextField, TextKind},
        form::Form,
        note::Note,
        pill::Tone,
    },
    i18n::{locale, t},
    session::{SessionState, use_session},
    support::url::take_fragment,
};
use berth_api_types::v1::session::{PASSWORD_CHARS_MIN, SetupBody};
use berth_domain::field_error::{FieldCode, FieldError};
use leptos::{
    ev::{self, SubmitEvent},
    prelude::*,
};
use leptos_router::{NavigateOptions, components::Redirect, hooks::use_navigate};
use wasm_bindgen_futures::spawn_local;

/// Set-up.
#[component]
pub fn SetupPage() -> impl IntoView {
    let session = use_session();
    let is_done = Memo::new(move |_| matches!(session.state(), SessionState::SignedOut));
    let is_in = Memo::new(move |_| session.me().is_some());
    move || {
        if is_in.get() {
            view! { <Redirect path="/" /> }.into_any()
        } else if is_done.get() {
            view! {
                <Entry title=t::session::setup_done_title() text=t::session::setup_done_text()>
                    <LinkButton kind=ButtonKind::Main href="/sign-in">{t::session::sign_in()}</LinkButton>
                </Entry>
            }
            .into_any()
        } else {
            view! { <SetupForm /> }.into_any()
        }
    }
}

/// The token of a link `/setup#token=…`. It stands behind the `#`, as browsers keep that to themselves: servers and
/// proxies write queries into their logs.
fn take_token() -> String {
    take_fragment().strip_prefix("token=").unwrap_or_default().to_owned()
}

#[component]
fn SetupForm() -> impl IntoView {
    let (session, navigate) = (use_session(), use_navigate());
    let token = RwSignal::new(take_token());
    let (email, name, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let step = RwSignal::new(usize::from(!token.with_untracked(String::is_empty)));
    // The link, opened where this page is open already, changes the fragment and loads nothing.
    let opened = window_event_listener(ev::hashchange, move |_| {
        let found = take_token();
        if !found.is_empty() {
            token.set(found);
            step.set(1);
        }
    });
    on_cleanup(move || opened.remove());
    let form = Form::new();
    // A token that the server refuses is put right on the first step.
    Effect::new(move |_| {
        if form.faults.with(|faults| faults.iter().any(|fault| fault.field == "setup_token")) {
            step.set(0);
        }
    });
    // What is empty is not wrong yet: `check` says so when the form is sent.
    form.check_typed(move || {
        let typed = password.get();
        let of_password = (!typed.is_empty()).then(|| password_fault("password", &typed)).flatten();
        email_fault("email", email.get().trim()).into_iter().chain(of_password).collect()
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if step.get_untracked() == 0 {
            if token.with_untracked(|token| token.trim().is_empty()) {
                form.set_faults(vec![FieldError::new("setup_token", FieldCode::Required, "")]);
            } else {
                form.clear();
                step.set(1);
            }
            return;
        }
        let body = SetupBody {
            setup_token: token.get_untracked().trim().to_owned(),
            email: email.get_untracked().trim().to_owned(),
            display_name: name.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
            locale: Some(locale().tag().to_owned()),
        };
        let faults = check(&body);
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        let navigate = navigate.clone();
        form.send(async move { api::session::set_up(&body).await }, move |_| {
            spawn_local(async move {
                session.load().await;
                navigate("/welcome", NavigateOptions { replace: true, ..NavigateOptions::default() });
            });
        });
    };
    view! {
        <Entry title=t::session::setup_title() text=t::session::setup_text()>
            <StepsLine steps=vec![t::session::step_token(), t::session::step_account(), t::session::step_first_project()] current=step />
            <Card>
                <form on:submit=submit novalidate=true>
                    <div hidden=move || step.get() != 0>
                        <TextField
                            label=t::session::setup_token()
                            value=token
                            kind=TextKind::Code
                            hint=t::session::setup_token_hint()
                            fault=form.fault("setup_token")
                            name="setup-token"
                        />
                    </div>
                    <div hidden=move || step.get() != 1>
                        <TextField label=t::session::your_name() value=name fault=form.fault("display_name") name="display-name" />
                        <TextField label=t::session::email() value=email kind=TextKind::Email hint=t::session::email_hint() fault=form.fault("email") name="email" />
                        <TextField label=t::session::password() value=password kind=TextKind::NewPassword hint=t::session::password_hint(PASSWORD_CHARS_MIN) fault=form.fault("password") name="password" />
                    </div>
                    <ErrorLine error=form.error />
                    <Button kind=ButtonKind::Main submit=true busy=form.busy id="setup-submit">
                        {move || if step.get() == 0 { t::common::go_on() } else { t::session::create_account() }}
                    </Button>
                </form>
            </Card>
            {move || (step.get() == 1).then(|| view! {
                <p class="entry-foot">{t::session::setup_admin_note()}</p>
            })}
            {move || (step.get() == 0).then(|| view! {
                <div class="entry-hint"><Note tone=Tone::Idle title=t::session::where_is_token()>{t::session::where_is_token_text()}</Note></div>
            })}
        </Entry>
    }
}

/// What can be known here; the server knows more.
fn check(body: &SetupBody) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if body.display_name.is_empty() {
        faults.push(FieldError::new("display_name", FieldCode::Required, ""));
    }
    faults.extend(email_fault("email", &body.email));
    faults.extend(password_fault("password", &body.password));
    faults
}

/// What is wrong with an e-mail address, as far as that can be seen.
pub fn email_fault(field: &str, email: &str) -> Option<FieldError> {
    let looks_right = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    match (email.is_empty(), looks_right) {
        (true, _) => Some(FieldError::new(field, FieldCode::Required, "")),
        (false, false) => Some(FieldError::new(field, FieldCode::BadFormat, "an address has an @")),
        (false, true) => None,
    }
}

/// What is wrong with a new password, as far as that can be seen.
pub fn password_fault(field: &str, password: &str) -> Option<FieldError> {
    let short = password.chars().count() < PASSWORD_CHARS_MIN;
    short.then(|| FieldError::new(field, FieldCode::TooShort, "too short").limit(PASSWORD_CHARS_MIN as u64))
}
