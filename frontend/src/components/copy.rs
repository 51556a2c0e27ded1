//! Copies a text.

use super::icon::{Icon, Svg};
use crate::{
    i18n::{Text, t},
    support::dom::document,
};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlDocument, HtmlTextAreaElement};

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
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            if to_clipboard(&text).await {
                done.try_set(true);
                Timeout::new(SAID_MS, move || {
                    done.try_set(false);
                })
                .forget();
            }
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

/// Puts a text into the clipboard. A page that came over plain HTTP from another machine has none to write to; the older
/// way, which copies what is selected, works there, too.
async fn to_clipboard(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    if window.is_secure_context() {
        return JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok();
    }
    copy_selected(text).unwrap_or(false)
}

fn copy_selected(text: &str) -> Option<bool> {
    let document = document();
    let area: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_class_name("hidden");
    // Inside an open dialog if there is one: what lies outside of it cannot be selected.
    let host = document.query_selector("dialog[open]").ok().flatten().or_else(|| document.body().map(Into::into))?;
    host.append_child(&area).ok()?;
    area.select();
    let copied = document.dyn_ref::<HtmlDocument>()?.exec_command("copy").ok();
    area.remove();
    copied
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
