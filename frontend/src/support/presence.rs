//! Whether somebody looks at the page. A browser opens six connections to a host over HTTP/1.1, for all tabs together:
//! streams of tabs that nobody looks at would leave the others waiting for ever.

use super::dom::document;
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::VisibilityState;

/// How long a page may be hidden before it counts as left, in milliseconds: looking something up in another tab costs
/// nothing.
const LEFT_AFTER_MS: u32 = 10_000;

/// Calls `leave` once the page has been hidden for a while, and `come_back` when it is seen again after that. Listens
/// until the owner goes.
pub fn on_presence(leave: impl Fn() + 'static, come_back: impl Fn() + 'static) {
    let is_left = StoredValue::new_local(false);
    let waiting = StoredValue::new_local(None::<Timeout>);
    let leave = std::rc::Rc::new(leave);
    let changed = Closure::<dyn FnMut()>::new(move || {
        if document().visibility_state() == VisibilityState::Hidden {
            let leave = leave.clone();
            waiting.try_set_value(Some(Timeout::new(LEFT_AFTER_MS, move || {
                is_left.try_set_value(true);
                leave();
            })));
        } else {
            waiting.try_set_value(None);
            if is_left.try_update_value(|is_left| std::mem::replace(is_left, false)) == Some(true) {
                come_back();
            }
        }
    });
    // A document takes every listener.
    let _ = document().add_event_listener_with_callback("visibilitychange", changed.as_ref().unchecked_ref());
    let listener = StoredValue::new_local(Some(changed));
    on_cleanup(move || {
        waiting.try_set_value(None);
        if let Some(changed) = listener.try_update_value(Option::take).flatten() {
            let _ =
                document().remove_event_listener_with_callback("visibilitychange", changed.as_ref().unchecked_ref());
        }
    });
}
