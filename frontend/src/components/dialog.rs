//! Dialogs on the browser's own `<dialog>`: it traps the focus, closes with Esc and gives the focus back.

use super::{
    button::{Button, ButtonKind, IconButton},
    error_state::ErrorLine,
    field::{TextField, TextKind},
    form::Form,
    icon::Icon,
};
use crate::{
    api::error::ApiError,
    i18n::{Text, t},
    support::dom::fresh_id,
};
use leptos::{ev::SubmitEvent, html, prelude::*};

/// A dialog. Its content is made anew each time that it opens and goes when it closes.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    /// Wider, for forms of two columns and for what is read.
    #[prop(optional)]
    wide: bool,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    let title_id = fresh_id("dialog");
    let labelled_by = title_id.clone();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                // Fails only for a dialog that is not in the document, and then there is nothing to show.
                let _ = dialog.show_modal();
            }
            (false, true) => dialog.close(),
            (true, true) | (false, false) => {}
        }
    });
    // A click on the backdrop is a click on the dialog itself. It begins there too: text selected past the edge is no wish to close.
    let pressed_outside = StoredValue::new(false);
    let is_backdrop = move |event: &leptos::ev::MouseEvent| {
        node.get_untracked().is_some_and(|dialog| event.target().as_ref() == Some(dialog.as_ref()))
    };
    view! {
        <dialog
            node_ref=node
            class="dialog"
            class:dialog-wide=wide
            aria-labelledby=labelled_by
            on:close=move |_| open.set(false)
            on:mousedown=move |event| pressed_outside.set_value(is_backdrop(&event))
            on:click=move |event| {
                if pressed_outside.get_value() && is_backdrop(&event) {
                    open.set(false);
                }
            }
        >
            {move || {
                let children = children.clone();
                let title_id = title_id.clone();
                open.get()
                    .then(|| {
                        view! {
                            <div class="dialog-box">
                                <header class="dialog-head">
                                    <h2 id=title_id>{move || title.get()}</h2>
                                    <IconButton icon=Icon::Close label=t::common::close() on_click=move |_| open.set(false) />
                                </header>
                                {children()}
                            </div>
                        }
                    })
            }}
        </dialog>
    }
}

/// The buttons at the foot of a dialog.
#[component]
pub fn DialogActions(children: Children) -> impl IntoView {
    view! { <footer class="dialog-actions">{children()}</footer> }
}

/// The foot of a form in a dialog: why it was not sent, a way out, and the button that sends it.
#[component]
pub fn FormActions(
    form: Form,
    open: RwSignal<bool>,
    /// What the button says.
    #[prop(into)]
    action: Text,
) -> impl IntoView {
    view! {
        <ErrorLine error=form.error />
        <DialogActions>
            <Button on_click=move |_| open.set(false)>{t::common::cancel()}</Button>
            <Button kind=ButtonKind::Main submit=true busy=form.busy>{action}</Button>
        </DialogActions>
    }
}

/// Asks before something is taken away. Names what will go; with `name`, that must be typed.
#[component]
pub fn ConfirmDialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    /// What will go and what will stay.
    #[prop(into)]
    text: Signal<String>,
    /// What the button says.
    #[prop(into)]
    action: Text,
    /// Must be typed before the button works.
    #[prop(optional, into)]
    name: Option<Signal<String>>,
    /// While it is done.
    #[prop(optional, into)]
    busy: Signal<bool>,
    /// Why it was not done.
    #[prop(optional, into)]
    error: Signal<Option<ApiError>>,
    /// Whether something is lost by it; the button is red.
    #[prop(default = true)]
    danger: bool,
    #[prop(into)] on_confirm: Callback<()>,
) -> impl IntoView {
    view! {
        <Dialog open=open title=title>
            {
                let typed = RwSignal::new(String::new());
                let matches = move || name.is_none_or(|name| typed.get().trim() == name.get());
                let action = action.clone();
                let submit = move |event: SubmitEvent| {
                    event.prevent_default();
                    if matches() {
                        on_confirm.run(());
                    }
                };
                view! {
                    <form on:submit=submit>
                        <p class="dialog-text">{move || text.get()}</p>
                        {name
                            .map(|name| {
                                view! {
                                    <TextField
                                        label=t::common::type_name(name.get_untracked())
                                        value=typed
                                        kind=TextKind::Code
                                        autofocus=true
                                        name="confirm-name"
                                    />
                                }
                            })}
                        <ErrorLine error=error />
                        <DialogActions>
                            <Button on_click=move |_| open.set(false)>{t::common::cancel()}</Button>
                            <Button
                                kind=if danger { ButtonKind::Danger } else { ButtonKind::Main }
                                submit=true
                                busy=busy
                                disabled=Signal::derive(move || !matches())
                                id="confirm-action"
                            >
                                {action}
                            </Button>
                        </DialogActions>
                    </form>
                }
            }
        </Dialog>
    }
}

/// A dialog about one thing of a list: open while `target` is something. Closing it forgets the thing and calls back.
pub fn open_while<T: Send + Sync + 'static>(
    target: RwSignal<Option<T>>,
    closed: impl Fn() + 'static,
) -> RwSignal<bool> {
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        let is_some = target.with(Option::is_some);
        if open.get_untracked() != is_some {
            open.set(is_some);
        }
    });
    Effect::new(move |_| {
        if !open.get() && target.with_untracked(Option::is_some) {
            target.set(None);
            closed();
        }
    });
    open
}
