//! The document: title, focus, ids.

use std::sync::atomic::{AtomicU32, Ordering};
use wasm_bindgen::JsCast;

/// The document.
pub fn document() -> web_sys::Document {
    leptos::prelude::document()
}

/// A fresh id for an element, such as `field-7`.
pub fn fresh_id(kind: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{kind}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Sets the page's title: `Nodes · Berth`.
pub fn set_title(title: &str) {
    document().set_title(&if title.is_empty() { "Berth".to_owned() } else { format!("{title} · Berth") });
}

/// Focuses the first element that matches, if it is there.
pub fn focus(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// The form or the dialog in which somebody is at work; otherwise the page.
pub fn place_of_work() -> web_sys::Element {
    let inside = document().active_element().and_then(|active| active.closest("form, dialog[open]").ok().flatten());
    let dialog = || document().query_selector("dialog[open]").ok().flatten();
    inside.or_else(dialog).or_else(|| document().document_element()).expect("a page has its root element")
}

/// Focuses the first refused field in a place, once the page was drawn with what is wrong.
pub fn focus_refused(place: web_sys::Element) {
    leptos::prelude::request_animation_frame(move || {
        let found = place.query_selector("[aria-invalid=true]").ok().flatten();
        if let Some(field) = found.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = field.focus();
        }
    });
}

/// Whether keys now belong to a text that somebody types.
pub fn is_typing() -> bool {
    let Some(element) = document().active_element() else { return false };
    let name = element.tag_name();
    matches!(name.as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        || element.has_attribute("contenteditable")
        || element.closest("[data-keys=own]").ok().flatten().is_some()
}

/// Whether a modal dialog is open.
pub fn has_dialog() -> bool {
    document().query_selector("dialog[open]").ok().flatten().is_some()
}

/// Lets the browser download what is at an address of our own server, under the name that the answer gives.
pub fn download(url: &str) {
    let Ok(link) = document().create_element("a") else { return };
    let _ = link.set_attribute("href", url);
    let _ = link.set_attribute("download", "");
    if let Ok(link) = link.dyn_into::<web_sys::HtmlElement>() {
        link.click();
    }
}
