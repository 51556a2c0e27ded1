//! Copies a text.

use super::{
    icon::{Icon, Svg},
    toast::use_toasts,
};
use crate::{
    i18n::{Text, t},
    support::clipboard,
};
use gloo_timers::callback::Timeout;
use leptos::{ev::MouseEvent, prelude::*};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;

/// How long it says that it did, in milliseconds.
const SAID_MS: u32 = 1_600;

/// Copies `text` and says so.
#[component]
pub fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// Words beside the icon.
    #[prop(optional, into)]
    label: Option<Text>,
) -> impl IntoView {
    let done = RwSignal::new(false);
    let toasts = use_toasts();
    let copy = move |event: MouseEvent| {
        let button = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let Some(place) = button.and_then(|button| button.parent_element()) else { return };
        let text = text.get_untracked();
        spawn_local(async move {
            if !clipboard::copy(&text, &place).await {
                return toasts.failed_because(t::common::copy_failed(), t::common::copy_failed_detail());
            }
            done.try_set(true);
            Timeout::new(SAID_MS, move || {
                done.try_set(false);
            })
            .forget();
        });
    };
    let icon = move || if done.get() { Icon::Check } else { Icon::Copy };
    match label {
        Some(label) => view! {
            <button type="button" class="btn btn-small" class:copied=done on:click=copy>
                {move || view! { <Svg icon=icon() size=14 /> }}
                <span class="btn-label">{move || if done.get() { Text::from(t::common::copied()) } else { label.clone() }}</span>
            </button>
        }
        .into_any(),
        None => view! {
            <button type="button" class="icon-btn icon-btn-small" class:copied=done aria-label=t::common::copy() title=t::common::copy() on:click=copy>
                {move || view! { <Svg icon=icon() size=14 /> }}
                <span class="hidden" aria-live="polite">{move || done.get().then(t::common::copied)}</span>
            </button>
        }
        .into_any(),
    }
}

/// A command or a secret to take along, with a button that copies it.
#[component]
pub fn CodeBlock(#[prop(into)] text: Signal<String>) -> impl IntoView {
    view! {
        <div class="code-block">
            <code tabindex="0">{move || text.get()}</code>
            <CopyButton text=text label=t::common::copy() />
        </div>
    }
}
