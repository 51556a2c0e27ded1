//! Fields: a label, an input, a hint, and what is wrong. The label belongs to the input, hint and fault describe it.

use super::{
    button::IconButton,
    icon::{Icon, Svg},
};
use crate::{
    i18n::{Text, t},
    support::dom::fresh_id,
};
use leptos::{html::Input, prelude::*};

/// What stands around an input.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// What the input is for.
    pub label: Text,
    /// How to fill it, while nothing is wrong.
    pub hint: Option<Text>,
    /// What is wrong.
    pub fault: Signal<Option<String>>,
    /// Says that it may stay empty.
    pub optional: bool,
    /// The label is only for those who do not see the input's place.
    pub hide_label: bool,
    /// The input's id; a fresh one when empty.
    pub id: Option<&'static str>,
}

/// The ids that tie an input to its label and its description.
#[derive(Debug, Clone)]
pub struct FieldIds {
    /// Of the input.
    pub input: String,
    /// Of hint and fault, for `aria-describedby`.
    pub description: String,
}

/// Puts the frame around an input of any kind.
pub fn framed(frame: Frame, input: impl FnOnce(FieldIds) -> AnyView) -> AnyView {
    let Frame { label, hint, fault, optional, hide_label, id } = frame;
    let id = id.map_or_else(|| fresh_id("field"), str::to_owned);
    let ids = FieldIds { input: id.clone(), description: format!("{id}-about") };
    let description = ids.description.clone();
    view! {
        <div class="field" class:field-bad=move || fault.with(Option::is_some)>
            <label for=id class:hidden=hide_label>
                {label} {optional.then(|| view! { <span class="faint">{t::common::optional()}</span> })}
            </label>
            {input(ids)}
            <div id=description class="field-about" aria-live="polite">
                {move || match fault.get() {
                    Some(fault) => {
                        view! { <small class="fault"><Svg icon=Icon::Error size=13 />{fault}</small> }.into_any()
                    }
                    None => hint.clone().map(|hint| view! { <small>{hint}</small> }).into_any(),
                }}
            </div>
        </div>
    }
    .into_any()
}

/// What kind of text it is: keyboard, manager of passwords, hiding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextKind {
    /// Any text.
    #[default]
    Plain,
    /// A name, an image, a path: not for the spelling checker, in the even face.
    Code,
    /// An e-mail address.
    Email,
    /// A password that exists.
    Password,
    /// A password that is being made.
    NewPassword,
}

impl TextKind {
    const fn input_type(self) -> &'static str {
        match self {
            Self::Plain | Self::Code => "text",
            Self::Email => "email",
            Self::Password | Self::NewPassword => "password",
        }
    }
    const fn autocomplete(self) -> &'static str {
        match self {
            Self::Plain | Self::Code => "off",
            Self::Email => "username",
            Self::Password => "current-password",
            Self::NewPassword => "new-password",
        }
    }
}

/// A line of text.
#[component]
pub fn TextField(
    #[prop(into)] label: Text,
    value: RwSignal<String>,
    #[prop(optional)] kind: TextKind,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] fault: Signal<Option<String>>,
    #[prop(optional, into)] placeholder: Option<Text>,
    #[prop(optional)] optional: bool,
    #[prop(optional)] hide_label: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// Takes the focus when it appears.
    #[prop(optional)]
    autofocus: bool,
    /// A part after the input: a unit, a button.
    #[prop(optional, into)]
    suffix: Option<ViewFn>,
    /// The input's name and id, for tests and password managers.
    #[prop(optional)]
    name: Option<&'static str>,
    #[prop(optional, into)] on_enter: Option<Callback<()>>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let secret = matches!(kind, TextKind::Password | TextKind::NewPassword);
    let node = NodeRef::<Input>::new();
    if autofocus {
        Effect::new(move |_| {
            if let Some(input) = node.get() {
                let _ = input.focus();
            }
        });
    }
    let frame = Frame { label, hint, fault, optional, hide_label, id: name };
    framed(frame, move |ids| {
        view! {
            <div class="input">
                <input
                    node_ref=node
                    id=ids.input
                    name=name
                    type=move || if shown.get() { "text" } else { kind.input_type() }
                    class:mono=kind == TextKind::Code
                    autocomplete=kind.autocomplete()
                    spellcheck=(kind != TextKind::Plain).then_some("false")
                    autocapitalize="off"
                    placeholder=placeholder
                    disabled=disabled
                    aria-describedby=ids.description
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    bind:value=value
                    on:keydown=move |event| {
                        if let Some(on_enter) = on_enter
                            && event.key() == "Enter" && !event.is_composing()
                        {
                            event.prevent_default();
                            on_enter.run(());
                        }
                    }
                />
                {suffix.map(|suffix| view! { <span class="input-suffix">{suffix.run()}</span> })}
                {secret
                    .then(|| {
                        view! {
                            <IconButton
                                icon=Icon::Eye
                                label=t::common::show_password()
                                pressed=shown
                                on_click=move |_| shown.update(|shown| *shown = !*shown)
                            />
                        }
                    })}
            </div>
        }
        .into_any()
    })
}

/// Text that filters a list and lives elsewhere, as in the URL: what comes back with the browser's *Back* is shown.
#[component]
pub fn FilterField(value: Memo<String>, on_input: Callback<String>) -> impl IntoView {
    let frame = Frame { label: t::common::filter().into(), hide_label: true, ..Frame::default() };
    framed(frame, move |ids| {
        view! {
            <div class="input">
                <input
                    id=ids.input
                    type="search"
                    autocomplete="off"
                    spellcheck="false"
                    placeholder=t::common::filter()
                    prop:value=move || value.get()
                    on:input=move |event| on_input.run(event_target_value(&event))
                />
            </div>
        }
        .into_any()
    })
}

/// A longer text.
#[component]
pub fn TextAreaField(
    #[prop(into)] label: Text,
    value: RwSignal<String>,
    #[prop(default = 3)] rows: u32,
    #[prop(optional)] code: bool,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] fault: Signal<Option<String>>,
    #[prop(optional, into)] placeholder: Option<Text>,
    #[prop(optional)] optional: bool,
    #[prop(optional)] hide_label: bool,
    #[prop(optional)] name: Option<&'static str>,
) -> impl IntoView {
    let frame = Frame { label, hint, fault, optional, hide_label, id: name };
    framed(frame, move |ids| {
        view! {
            <div class="input">
                <textarea
                    id=ids.input
                    name=name
                    rows=rows
                    class:mono=code
                    spellcheck=code.then_some("false")
                    placeholder=placeholder
                    aria-describedby=ids.description
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    bind:value=value
                ></textarea>
            </div>
        }
        .into_any()
    })
}

/// A whole number with a unit and steps. What is no number stays as it was typed, is said to be wrong, and is none to
/// the form, which finds it missing.
#[component]
pub fn NumberField(
    #[prop(into)] label: Text,
    value: RwSignal<Option<u64>>,
    #[prop(optional)] min: u64,
    #[prop(default = u64::MAX)] max: u64,
    #[prop(default = 1)] step: u64,
    #[prop(optional, into)] unit: Option<Text>,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] fault: Signal<Option<String>>,
    #[prop(optional, into)] placeholder: Option<Text>,
    #[prop(optional)] optional: bool,
    #[prop(optional)] hide_label: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional)] name: Option<&'static str>,
) -> impl IntoView {
    let typed = RwSignal::new(number_text(value.get_untracked()));
    Effect::new(move |_| {
        let value = value.get();
        if typed.with_untracked(|typed| number_of(typed)) != value {
            typed.set(number_text(value));
        }
    });
    let unreadable = move || typed.with(|typed| !typed.trim().is_empty() && number_of(typed).is_none());
    let fault =
        Signal::derive(move || if unreadable() { Some(t::common::whole_number().to_owned()) } else { fault.get() });
    let frame = Frame { label: label.clone(), hint, fault, optional, hide_label, id: name };
    let change = move |up: bool| {
        value.update(|value| {
            let now = value.unwrap_or(min);
            let next = if up { now.saturating_add(step) } else { now.saturating_sub(step) };
            *value = Some(next.clamp(min, max));
        });
    };
    framed(frame, move |ids| {
        view! {
            <div class="input input-number">
                <input
                    id=ids.input
                    name=name
                    type="text"
                    inputmode="numeric"
                    autocomplete="off"
                    placeholder=placeholder
                    disabled=disabled
                    aria-describedby=ids.description
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    prop:value=typed
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        value.set(number_of(&text));
                        typed.set(text);
                    }
                    on:keydown=move |event| {
                        if event.key() == "ArrowUp" || event.key() == "ArrowDown" {
                            event.prevent_default();
                            change(event.key() == "ArrowUp");
                        }
                    }
                />
                {unit.map(|unit| view! { <span class="input-suffix">{unit}</span> })}
                <span class="steps">
                    <button type="button" tabindex="-1" aria-label=t::common::less(&label) disabled=move || disabled.get() || value.get().is_some_and(|value| value <= min) on:click=move |_| change(false)>
                        <Svg icon=Icon::Minus size=13 />
                    </button>
                    <button type="button" tabindex="-1" aria-label=t::common::more(&label) disabled=move || disabled.get() || value.get().is_some_and(|value| value >= max) on:click=move |_| change(true)>
                        <Svg icon=Icon::Plus size=13 />
                    </button>
                </span>
            </div>
        }
        .into_any()
    })
}

fn number_of(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn number_text(value: Option<u64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// One of several, each with its value and its words.
#[component]
pub fn SelectField(
    #[prop(into)] label: Text,
    value: RwSignal<String>,
    /// `(value, words)`.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    #[prop(optional, into)] hint: Option<Text>,
    #[prop(optional, into)] fault: Signal<Option<String>>,
    #[prop(optional)] hide_label: bool,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional)] name: Option<&'static str>,
) -> impl IntoView {
    let frame = Frame { label, hint, fault, optional: false, hide_label, id: name };
    framed(frame, move |ids| {
        view! {
            <div class="input input-select">
                <select
                    id=ids.input
                    name=name
                    disabled=disabled
                    aria-describedby=ids.description
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    prop:value=move || {
                        options.track();
                        value.get()
                    }
                    on:change=move |event| value.set(event_target_value(&event))
                >
                    {move || {
                        options
                            .get()
                            .into_iter()
                            .map(|(option, words)| {
                                let selected = { let option = option.clone(); move || value.get() == option };
                                view! { <option value=option selected=selected>{words}</option> }
                            })
                            .collect_view()
                    }}
                </select>
                <Svg icon=Icon::Down size=14 />
            </div>
        }
        .into_any()
    })
}
