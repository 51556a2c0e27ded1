//! The caller's own settings: name and language, password, personal tokens.

use super::setup::password_fault;
use crate::{
    api,
    components::{
        button::{Button, ButtonKind},
        card::Card,
        error_state::ErrorLine,
        field::{TextField, TextKind},
        form::Form,
        page::PageHead,
        segment::Segment,
        tabs::{Tab, Tabs, use_tab},
        toast::use_toasts,
    },
    i18n::{Locale, Text, t},
    pages::{sessions::Sessions, tokens::Tokens},
    preferences::use_preferences,
    session::{SessionState, use_session},
};
use berth_api_types::v1::session::{ChangePasswordBody, PASSWORD_CHARS_MIN, UpdateMeBody};
use berth_domain::field_error::{FieldCode, FieldError};
use leptos::{ev::SubmitEvent, prelude::*};

/// The caller's own settings.
#[component]
pub fn AccountPage() -> impl IntoView {
    let session = use_session();
    let tab = use_tab(&["profile", "password", "sessions", "tokens"]);
    let tabs = vec![
        Tab::new("profile", t::settings::profile()),
        Tab::new("password", t::session::password()),
        Tab::new("sessions", t::settings::sessions()),
        Tab::new("tokens", t::settings::tokens()),
    ];
    let email = Memo::new(move |_| session.me().map(|me| me.email).unwrap_or_default());
    view! {
        <PageHead title=t::common::account() sub=move || view! { <span>{email}</span> } />
        <Tabs label=t::common::account() tabs=tabs current=tab />
        {move || match tab.get() {
            "password" => view! { <PasswordForm /> }.into_any(),
            "sessions" => view! { <Sessions /> }.into_any(),
            "tokens" => view! { <Tokens /> }.into_any(),
            _ => view! { <ProfileForm /> }.into_any(),
        }}
    }
}

#[component]
fn ProfileForm() -> impl IntoView {
    let (session, toasts, preferences) = (use_session(), use_toasts(), use_preferences());
    let me = session.me_now();
    let name = RwSignal::new(me.as_ref().map(|me| me.display_name.clone()).unwrap_or_default());
    let language = RwSignal::new(untrack(|| preferences.language()));
    let form = Form::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let locale = language.get_untracked();
        let display_name = name.get_untracked().trim().to_owned();
        if display_name.is_empty() {
            return form.set_faults(vec![FieldError::new("display_name", FieldCode::Required, "")]);
        }
        let body = UpdateMeBody { display_name: Some(display_name), locale: Some(locale.tag().to_owned()) };
        form.send(async move { api::session::update_me(&body).await }, move |me| {
            session.set(SessionState::SignedIn(me));
            toasts.done(t::common::saved());
            if untrack(|| preferences.language()) != locale {
                preferences.choose_language(locale);
            }
        });
    };
    let languages: Vec<(Locale, Text)> =
        Locale::ALL.into_iter().map(|locale| (locale, Text::from(locale.name()))).collect();
    view! {
        <div class="form-narrow">
            <Card title=t::settings::profile()>
                <form on:submit=submit novalidate=true>
                    <TextField label=t::session::your_name() value=name hint=t::settings::your_name_hint() fault=form.fault("display_name") name="display-name" />
                    <Segment label=t::common::language() options=languages value=language on_change=move |locale| language.set(locale) />
                    <ErrorLine error=form.error />
                    <Button kind=ButtonKind::Main submit=true busy=form.busy>{t::common::save()}</Button>
                </form>
            </Card>
        </div>
    }
}

#[component]
fn PasswordForm() -> impl IntoView {
    let toasts = use_toasts();
    let (current, next) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let form = Form::new();
    form.check_typed(move || {
        current.track();
        next.with(|next| if next.is_empty() { None } else { password_fault("new_password", next) })
            .into_iter()
            .collect()
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = ChangePasswordBody { current_password: current.get_untracked(), new_password: next.get_untracked() };
        let missing =
            body.current_password.is_empty().then(|| FieldError::new("current_password", FieldCode::Required, ""));
        let faults: Vec<_> = missing.into_iter().chain(password_fault("new_password", &body.new_password)).collect();
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        form.send(async move { api::session::change_password(&body).await }, move |()| {
            current.set(String::new());
            next.set(String::new());
            toasts.done(t::settings::password_changed());
        });
    };
    view! {
        <div class="form-narrow">
            <Card title=t::settings::change_password()>
                <form on:submit=submit novalidate=true>
                    <TextField label=t::settings::current_password() value=current kind=TextKind::Password fault=form.fault("current_password") name="current-password" />
                    <TextField label=t::settings::new_password() value=next kind=TextKind::NewPassword hint=t::session::password_hint(PASSWORD_CHARS_MIN) fault=form.fault("new_password") name="new-password" />
                    <ErrorLine error=form.error />
                    <p class="muted" style:margin-bottom="16px">{t::settings::password_ends_sessions()}</p>
                    <Button kind=ButtonKind::Main submit=true busy=form.busy>{t::settings::change_password()}</Button>
                </form>
            </Card>
        </div>
    }
}
