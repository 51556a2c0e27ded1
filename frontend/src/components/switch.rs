//! On or off, at once.

use crate::i18n::Text;
use leptos::prelude::*;

/// A switch with its words.
#[component]
pub fn Switch(
    #[prop(into)] label: Text,
    value: RwSignal<bool>,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <label class="switch">
            <input type="checkbox" role="switch" disabled=disabled bind:checked=value />
            <span class="switch-track" aria-hidden="true"></span>
            <span class="switch-text">
                <span>{label}</span>
                {hint.map(|hint| view! { <small class="muted">{hint}</small> })}
            </span>
        </label>
    }
}
