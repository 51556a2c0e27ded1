//! Shortcuts that work anywhere: `⌘K`, `?`, `g` and a letter, `/`, `n`.

use super::use_shell;
use crate::{
    i18n::t,
    scope::{Scope, use_scope},
    session::use_session,
    support::{
        clock::browser_ms,
        dom::{focus, has_dialog, is_typing},
    },
};
use berth_domain::right::Right;
use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// How long after `g` a letter still counts, in milliseconds.
const SEQUENCE_MS: f64 = 1_200.0;

/// A page that `g` and a letter lead to.
pub struct Jump {
    /// The letter.
    pub key: &'static str,
    /// What it says in the list.
    pub label: fn() -> &'static str,
    url: fn(&Scope) -> Option<String>,
}

/// All of them.
pub const JUMPS: [Jump; 5] = [
    Jump { key: "o", label: t::common::key_overview, url: |scope| Some(scope.environment_scope()?.url()) },
    Jump { key: "a", label: t::common::key_apps, url: |scope| Some(scope.environment_scope()?.apps_url()) },
    Jump {
        key: "e",
        label: t::common::key_activity,
        url: |scope| Some(format!("/t/{}/-/activity", scope.tenant.as_ref()?)),
    },
    Jump { key: "n", label: t::common::key_nodes, url: |_| Some("/nodes".to_owned()) },
    Jump {
        key: "s",
        label: t::common::key_settings,
        url: |scope| Some(format!("/t/{}/{}/-/settings", scope.tenant.as_ref()?, scope.project.as_ref()?)),
    },
];

/// `⌘` or `Ctrl`, as the machine has it.
pub fn modifier() -> &'static str {
    let agent = web_sys::window().and_then(|window| window.navigator().user_agent().ok()).unwrap_or_default();
    if agent.contains("Mac") { "⌘" } else { "Ctrl" }
}

/// Listens until the shell goes.
pub fn listen() {
    let (shell, scope, session) = (use_shell(), use_scope(), use_session());
    let navigate = use_navigate();
    let go_ms = StoredValue::new(f64::MIN);
    let handle = window_event_listener(ev::keydown, move |event| {
        if (event.meta_key() || event.ctrl_key()) && event.key().eq_ignore_ascii_case("k") {
            event.prevent_default();
            shell.palette.update(|open| *open = !*open);
            return;
        }
        if event.meta_key() || event.ctrl_key() || event.alt_key() || is_typing() || has_dialog() {
            return;
        }
        let key = event.key();
        if browser_ms() - go_ms.get_value() < SEQUENCE_MS {
            go_ms.set_value(f64::MIN);
            let may = key != "n" || session.may_on_platform(Right::NodeRead);
            let url =
                JUMPS.iter().find(|jump| jump.key == key && may).and_then(|jump| (jump.url)(&scope.get_untracked()));
            if let Some(url) = url {
                event.prevent_default();
                navigate(&url, NavigateOptions::default());
            }
            return;
        }
        match key.as_str() {
            "g" => go_ms.set_value(browser_ms()),
            "?" => shell.help.set(true),
            "/" => {
                event.prevent_default();
                focus("[data-filter] input");
            }
            "n" => {
                if let Some(at) = scope.get_untracked().environment_scope()
                    && session.may_in(Right::AppCreate, &at)
                {
                    event.prevent_default();
                    navigate(&at.new_app_url(), NavigateOptions::default());
                }
            }
            _ => {}
        }
    });
    on_cleanup(move || handle.remove());
}
