//! Who is signed in and what they may do. The server decides; the console only leaves out what would be refused.

use crate::{
    api,
    api::error::ApiError,
    i18n::{self, Locale},
    preferences::{self, Preferences, use_preferences},
};
use berth_api_types::v1::session::MeView;
use berth_domain::right::Right;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// What is known of the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionState {
    /// The server was not asked yet.
    Unknown,
    /// The installation has no account yet.
    NotSetUp,
    /// Nobody is signed in.
    SignedOut,
    /// Somebody is.
    SignedIn(MeView),
    /// It cannot be known now.
    Failed(ApiError),
}

/// The session's handle.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    state: RwSignal<SessionState>,
    // Held rather than looked up: after a call has answered there is no owner to look it up from.
    preferences: Preferences,
}

impl Session {
    /// What is known of the caller, followed.
    pub fn state(self) -> SessionState {
        self.state.get()
    }
    /// What is known of the caller, as of now.
    pub fn state_now(self) -> SessionState {
        self.state.get_untracked()
    }
    /// The caller, followed.
    pub fn me(self) -> Option<MeView> {
        self.state.with(|state| match state {
            SessionState::SignedIn(me) => Some(me.clone()),
            SessionState::Unknown | SessionState::NotSetUp | SessionState::SignedOut | SessionState::Failed(_) => None,
        })
    }
    /// The caller, as of now.
    pub fn me_now(self) -> Option<MeView> {
        untrack(|| self.me())
    }
    /// Puts in what is known.
    pub fn set(self, state: SessionState) {
        if let SessionState::SignedIn(me) = &state {
            let theirs = Locale::from_tag(&me.locale);
            if theirs != i18n::locale() && !preferences::has_chosen_language() {
                self.preferences.set_language(theirs);
            }
        }
        if self.state.with_untracked(|old| *old != state) {
            self.state.set(state);
        }
    }
    /// Asks the server who is signed in.
    pub async fn load(self) {
        let state = match api::session::me().await {
            Ok(me) => SessionState::SignedIn(me),
            Err(error) if error.is_signed_out() => match api::session::status().await {
                Ok(status) if !status.set_up => SessionState::NotSetUp,
                Ok(_) => SessionState::SignedOut,
                Err(error) => SessionState::Failed(error),
            },
            Err(error) => SessionState::Failed(error),
        };
        self.set(state);
    }
    /// Ends the session.
    pub fn sign_out(self) {
        spawn_local(async move {
            // Signed out here in any case; a server that does not answer ends the session by its own clock.
            let _ = api::session::sign_out().await;
            crate::scope::forget();
            self.set(SessionState::SignedOut);
        });
    }
    /// Whether the caller has a right on the platform, followed.
    pub fn may_on_platform(self, right: Right) -> bool {
        self.state.with(|state| matches!(state, SessionState::SignedIn(me) if me.platform_rights.contains(&right)))
    }
    /// Whether the caller has a right at a place or above, followed. Give fewer names for a wider place.
    pub fn may(self, right: Right, tenant: &str, project: Option<&str>, environment: Option<&str>) -> bool {
        self.state.with(|state| {
            let SessionState::SignedIn(me) = state else { return false };
            let bindings = me.tenants.iter().filter(|mine| mine.name == tenant).flat_map(|mine| &mine.bindings);
            let covers = |bound: &Option<String>, asked: Option<&str>| bound.is_none() || bound.as_deref() == asked;
            bindings
                .filter(|binding| covers(&binding.project, project) && covers(&binding.environment, environment))
                .any(|binding| binding.rights.contains(&right))
        })
    }
    /// [`Session::may`] for an environment.
    pub fn may_in(self, right: Right, at: &crate::scope::EnvironmentScope) -> bool {
        self.may(right, &at.tenant, Some(&at.project), Some(&at.environment))
    }
}

/// Makes the session's handle and begins to load it. Call it once.
pub fn provide_session() {
    let session = Session { state: RwSignal::new(SessionState::Unknown), preferences: use_preferences() };
    provide_context(session);
    api::client::at_session_end(move || {
        let was_signed_in =
            session.state.try_with_untracked(|state| matches!(state, SessionState::SignedIn(_))) == Some(true);
        if was_signed_in {
            session.set(SessionState::SignedOut);
        }
    });
    spawn_local(session.load());
}

/// The session.
pub fn use_session() -> Session {
    expect_context()
}
