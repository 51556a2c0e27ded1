//! The clipboard, also where the browser has none for scripts: pages that came over plain HTTP from another machine.

use super::dom::document;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Clipboard, Element, HtmlTextAreaElement};

/// Puts a text into the clipboard; `false` when the browser has no way. `near` stands where something may be selected:
/// while a dialog is open, nothing outside of it can be.
pub async fn copy(text: &str, near: &Element) -> bool {
    if let Some(clipboard) = clipboard()
        && JsFuture::from(clipboard.write_text(text)).await.is_ok()
    {
        return true;
    }
    copy_selected(text, near).unwrap_or_default()
}

/// `navigator.clipboard`, which is not there on an insecure origin although its type says so.
fn clipboard() -> Option<Clipboard> {
    let navigator = web_sys::window()?.navigator();
    js_sys::Reflect::get(&navigator, &"clipboard".into()).ok()?.dyn_into().ok()
}

/// The old way: selects the text in a field that nobody sees, and gives the focus back.
fn copy_selected(text: &str, near: &Element) -> Option<bool> {
    let focused = document().active_element();
    let field: HtmlTextAreaElement = document().create_element("textarea").ok()?.unchecked_into();
    field.set_class_name("hidden");
    field.set_value(text);
    near.append_child(&field).ok()?;
    let _ = field.focus();
    field.select();
    let is_done = run_copy();
    field.remove();
    if let Some(focused) = focused.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = focused.focus();
    }
    is_done
}

/// `document.execCommand("copy")`.
fn run_copy() -> Option<bool> {
    let document = document();
    let run: js_sys::Function = js_sys::Reflect::get(&document, &"execCommand".into()).ok()?.dyn_into().ok()?;
    run.call1(&document, &JsValue::from_str("copy")).ok()?.as_bool()
}
