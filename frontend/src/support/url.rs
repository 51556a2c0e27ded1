//! State that lives in the query string: tabs, filters, pages. So every view has a URL and back works.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate, use_query_map},
};

/// A value of the query string; empty when it is not there. Setting it replaces the history entry, so that typing in a
/// filter does not fill the history.
pub fn use_query_value(key: &'static str) -> (Memo<String>, Callback<String>) {
    let query = use_query_map();
    let value = Memo::new(move |_| query.with(|map| map.get(key).unwrap_or_default()));
    let setter = use_query_setter();
    (value, Callback::new(move |text: String| setter.run((key, text, true))))
}

/// Whether something is open that a link can open: `?new=1`. The value goes when it closes, so that the link works again.
pub fn use_query_open(key: &'static str) -> RwSignal<bool> {
    let (value, set_value) = use_query_value(key);
    let open = RwSignal::new(!value.get_untracked().is_empty());
    Effect::new(move |_| {
        if !value.get().is_empty() {
            open.set(true)
        }
    });
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now && value.with_untracked(|value| !value.is_empty()) {
            set_value.run(String::new());
        }
        now
    });
    open
}

/// Sets one value of the query string; `true` replaces the history entry.
pub fn use_query_setter() -> Callback<(&'static str, String, bool)> {
    let query = use_query_map();
    let location = use_location();
    let navigate = use_navigate();
    Callback::new(move |(key, value, replace): (&'static str, String, bool)| {
        let mut map = query.get_untracked();
        map.remove(key);
        if !value.is_empty() {
            map.insert(key, value);
        }
        let url = format!("{}{}", location.pathname.get_untracked(), map.to_query_string());
        navigate(&url, NavigateOptions { replace, scroll: false, ..NavigateOptions::default() });
    })
}

/// What stands behind the `#` of the address bar. It is taken out of there, and out of the history.
pub fn take_fragment() -> String {
    let location = window().location();
    let Ok(hash) = location.hash() else { return String::new() };
    if hash.is_empty() {
        return hash;
    }
    if let (Ok(history), Ok(path), Ok(query)) = (window().history(), location.pathname(), location.search()) {
        // The state is the router's own and stays.
        let state = history.state().unwrap_or_default();
        // It fails only when a page does it hundreds of times, and then the fragment stays where it was.
        let _ = history.replace_state_with_url(&state, "", Some(&format!("{path}{query}")));
    }
    hash.trim_start_matches('#').to_owned()
}
