//! Short words about what was just done, at the edge of the page. They go by themselves, except for failures.

use super::{
    button::IconButton,
    error_state::{error_detail, error_title},
    icon::{Icon, Svg},
    pill::Tone,
};
use crate::{
    api::error::ApiError,
    i18n::{Text, t},
};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// How long a success is shown, in milliseconds.
const SHOWN_MS: u32 = 5_000;
/// Most at once.
const SHOWN_MAX: usize = 4;

#[derive(Clone)]
struct Toast {
    id: u64,
    tone: Tone,
    title: Text,
    detail: Option<Text>,
    undo: Option<Callback<()>>,
}

/// The toasts. Copy it around.
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u64>,
}

impl Toasts {
    /// It was done.
    pub fn done(self, title: impl Into<Text>) {
        self.push(Tone::Ok, title.into(), None, None);
    }
    /// It was done, and can be taken back.
    pub fn done_with_undo(self, title: impl Into<Text>, undo: impl Fn() + Send + Sync + 'static) {
        self.push(Tone::Ok, title.into(), None, Some(Callback::new(move |()| undo())));
    }
    /// Carries out a call that nobody waits for, and says how it ended.
    pub fn follow<T: 'static, W: Into<Text>>(
        self,
        call: impl Future<Output = Result<T, ApiError>> + 'static,
        title: impl FnOnce(T) -> W + 'static,
    ) {
        spawn_local(async move {
            match call.await {
                Ok(done) => self.done(title(done)),
                Err(error) => self.failed(&error),
            }
        });
    }
    /// It was not done.
    pub fn failed(self, error: &ApiError) {
        self.push(Tone::Bad, error_title(error), Some(error_detail(error)), None);
    }
    /// It was not done, for a reason of this browser.
    pub fn failed_because(self, title: impl Into<Text>, detail: impl Into<Text>) {
        self.push(Tone::Bad, title.into(), Some(detail.into()), None);
    }

    fn push(self, tone: Tone, title: Text, detail: Option<Text>, undo: Option<Callback<()>>) {
        self.next.update_value(|next| *next += 1);
        let id = self.next.get_value();
        self.shown.update(|shown| {
            shown.push(Toast { id, tone, title, detail, undo });
            let surplus = shown.len().saturating_sub(SHOWN_MAX);
            shown.drain(..surplus);
        });
        if tone == Tone::Ok {
            Timeout::new(SHOWN_MS, move || self.drop_toast(id)).forget();
        }
    }
    fn drop_toast(self, id: u64) {
        self.shown.try_update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// Makes the place for toasts. Call it once.
pub fn provide_toasts() {
    provide_context(Toasts { shown: RwSignal::new(Vec::new()), next: StoredValue::new(0) });
}

/// The toasts.
pub fn use_toasts() -> Toasts {
    expect_context()
}

/// Where toasts appear. Put it once, at the end of the page.
#[component]
pub fn ToastHost() -> impl IntoView {
    let toasts = use_toasts();
    let draw = move |toast: Toast| {
        let id = toast.id;
        let icon = if toast.tone == Tone::Bad { Icon::Error } else { Icon::Success };
        view! {
            <div class=format!("toast {}", toast.tone.class())>
                <Svg icon=icon size=18 />
                <div class="toast-text">
                    <strong>{toast.title}</strong>
                    {toast.detail.map(|detail| view! { <span>{detail}</span> })}
                </div>
                {toast
                    .undo
                    .map(|undo| {
                        view! {
                            <button type="button" class="btn btn-small" on:click=move |_| {
                                undo.run(());
                                toasts.drop_toast(id);
                            }>{t::common::undo()}</button>
                        }
                    })}
                <IconButton icon=Icon::Close label=t::common::close() on_click=move |_| toasts.drop_toast(id) />
            </div>
        }
    };
    view! {
        <div class="toasts" role="region" aria-label=t::common::messages() aria-live="polite">
            <For each=move || toasts.shown.get() key=|toast| toast.id children=draw />
        </div>
    }
}
