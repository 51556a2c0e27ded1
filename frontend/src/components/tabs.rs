//! Tabs whose choice is in the URL: `?tab=logs`. The first one is the page without a query.

use crate::{i18n::Text, support::url::use_query_value};
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_location};

/// One tab.
#[derive(Clone)]
pub struct Tab {
    /// In the URL.
    pub key: &'static str,
    /// Its words.
    pub label: Text,
    /// A number beside them.
    pub count: Option<Signal<Option<u64>>>,
}

impl Tab {
    /// A tab.
    pub fn new(key: &'static str, label: impl Into<Text>) -> Self {
        Self { key, label: label.into(), count: None }
    }
    /// With a number.
    #[must_use]
    pub fn count(mut self, count: impl Into<Signal<Option<u64>>>) -> Self {
        self.count = Some(count.into());
        self
    }
}

/// The chosen tab of a page; `first` when the URL names none or one that is not there.
pub fn use_tab(keys: &'static [&'static str]) -> Memo<&'static str> {
    let (value, _) = use_query_value("tab");
    Memo::new(move |_| value.with(|value| keys.iter().copied().find(|key| key == value).unwrap_or(keys[0])))
}

/// The row of tabs: links, as each is a view with a URL.
#[component]
pub fn Tabs(#[prop(into)] label: Text, tabs: Vec<Tab>, #[prop(into)] current: Signal<&'static str>) -> impl IntoView {
    let location = use_location();
    let first = tabs.first().map(|tab| tab.key);
    let links = tabs.into_iter().map(|tab| {
        let key = tab.key;
        let href = move || {
            let path = location.pathname.get();
            if Some(key) == first { path } else { format!("{path}?tab={key}") }
        };
        view! {
            <A href=href attr:class="tab" attr:aria-current=move || if current.get() == key { "true" } else { "false" } scroll=false>
                {tab.label}
                {tab.count.map(|count| move || count.get().map(|count| view! { <span class="tab-count">{crate::i18n::number(count)}</span> }))}
            </A>
        }
    });
    view! { <nav class="tabs" aria-label=label>{links.collect_view()}</nav> }
}
