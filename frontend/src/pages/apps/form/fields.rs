//! Inputs that are bound to a place in the draft.

use super::{draft::Draft, state::FormState};
use crate::{
    components::field::{Frame, framed},
    i18n::Text,
};
use leptos::prelude::*;

/// A text in the draft.
#[derive(Clone, Copy)]
pub struct Slot {
    /// Reads it.
    pub get: fn(&Draft) -> &str,
    /// Writes it.
    pub set: fn(&mut Draft, String),
}

/// The slot of a field of the draft: `slot!(readiness.path)`.
macro_rules! slot {
    ($($part:ident).+) => {
        $crate::pages::apps::form::fields::Slot {
            get: |draft| &draft.$($part).+,
            set: |draft, text| draft.$($part).+ = text,
        }
    };
}
pub(crate) use slot;

/// What a text field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DraftKind {
    /// A name, an image, a command.
    #[default]
    Code,
    /// A whole number.
    Whole,
    /// A number with places.
    Decimal,
}

impl DraftKind {
    const fn input_mode(self) -> &'static str {
        match self {
            Self::Code => "text",
            Self::Whole => "numeric",
            Self::Decimal => "decimal",
        }
    }
}

/// A line of text in the draft, with what is wrong with it. `field` is its path in the API, and names the input.
#[component]
pub fn DraftField(
    state: FormState,
    field: &'static str,
    part: Slot,
    #[prop(into)] label: Text,
    #[prop(optional)] kind: DraftKind,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] placeholder: Option<Text>,
    #[prop(optional, into)] unit: Option<ViewFn>,
    #[prop(optional)] optional: bool,
    #[prop(optional)] autofocus: bool,
) -> impl IntoView {
    let fault = Signal::derive(move || state.fault(field));
    let frame = Frame { label, hint, fault, optional, hide_label: false, id: Some(field) };
    framed(frame, move |ids| {
        view! {
            <div class="input">
                <input
                    id=ids.input
                    name=field
                    type="text"
                    class:mono=kind == DraftKind::Code
                    inputmode=kind.input_mode()
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    autofocus=autofocus
                    placeholder=placeholder
                    aria-describedby=ids.description
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    prop:value=move || state.draft.with(|draft| (part.get)(draft).to_owned())
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        state.change(field, |draft| (part.set)(draft, text));
                    }
                />
                {unit.map(|unit| view! { <span class="input-suffix">{unit.run()}</span> })}
            </div>
        }
        .into_any()
    })
}

/// An input in a row of a table: its label is not seen, what is wrong stands below the row.
#[component]
pub fn CellInput(
    #[prop(into)] label: Signal<String>,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] on_input: Callback<String>,
    #[prop(into)] invalid: Signal<bool>,
    #[prop(optional, into)] placeholder: Option<Text>,
    #[prop(optional)] numeric: bool,
    /// Gets a pasted text first; true keeps it from the input.
    #[prop(optional, into)]
    on_paste: Option<Callback<String, bool>>,
    /// Marks the input, so that it can be focused.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let paste = move |event: leptos::ev::ClipboardEvent| {
        let text = event.clipboard_data().and_then(|data| data.get_data("text").ok());
        if let (Some(on_paste), Some(text)) = (on_paste, text)
            && on_paste.run(text)
        {
            event.prevent_default();
        }
    };
    view! {
        <input
            type="text"
            class="cell-input mono"
            id=id
            inputmode=if numeric { "numeric" } else { "text" }
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            placeholder=placeholder
            aria-label=move || label.get()
            aria-invalid=move || invalid.get().then_some("true")
            prop:value=move || value.get()
            on:input=move |event| on_input.run(event_target_value(&event))
            on:paste=paste
        />
    }
}
