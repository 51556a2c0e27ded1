//! Buttons, and links that look like them.

use super::icon::{Icon, Svg};
use crate::i18n::{Text, t};
use leptos::{ev::MouseEvent, prelude::*};
use leptos_router::components::A;

/// How much a button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ButtonKind {
    /// One of several.
    #[default]
    Plain,
    /// The one thing to do here. At most one per view.
    Main,
    /// Says little.
    Quiet,
    /// Takes something away.
    Danger,
}

impl ButtonKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "btn",
            Self::Main => "btn btn-main",
            Self::Quiet => "btn btn-quiet",
            Self::Danger => "btn btn-danger",
        }
    }
}

/// A button. While `busy` it keeps its width, shows that it works and takes no clicks.
#[component]
pub fn Button(
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] small: bool,
    #[prop(optional)] icon: Option<Icon>,
    #[prop(optional, into)] disabled: Signal<bool>,
    #[prop(optional, into)] busy: Signal<bool>,
    /// Sends the form that it stands in.
    #[prop(optional)]
    submit: bool,
    #[prop(optional, into)] on_click: Option<Callback<MouseEvent>>,
    /// Why it is disabled, or what it does in more words.
    #[prop(optional, into)]
    title: Option<Text>,
    /// For tests and links to it.
    #[prop(optional, into)]
    id: Option<String>,
    children: Children,
) -> impl IntoView {
    let click = move |event: MouseEvent| {
        if busy.get_untracked() {
            event.prevent_default();
        } else if let Some(on_click) = on_click {
            on_click.run(event);
        }
    };
    view! {
        <button
            type=if submit { "submit" } else { "button" }
            class=kind.class()
            class:btn-small=small
            class:btn-busy=busy
            disabled=disabled
            aria-busy=move || busy.get().then_some("true")
            title=title
            id=id
            on:click=click
        >
            {icon.map(|icon| view! { <Svg icon=icon size=15 /> })}
            <span class="btn-label">{children()}</span>
            {move || busy.get().then(|| view! { <span class="btn-spin" aria-hidden="true"></span><span class="hidden">{t::common::working()}</span> })}
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(
    #[prop(into)] href: Signal<String>,
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] small: bool,
    #[prop(optional)] icon: Option<Icon>,
    /// Opens beside the console, for pages that are not ours.
    #[prop(optional)]
    external: bool,
    children: Children,
) -> impl IntoView {
    let class = if small { format!("{} btn-small", kind.class()) } else { kind.class().to_owned() };
    let inner = view! {
        {icon.map(|icon| view! { <Svg icon=icon size=15 /> })}
        <span class="btn-label">{children()}</span>
    };
    if external {
        view! {
            <a class=class href=move || href.get() target="_blank" rel="noopener noreferrer">
                {inner}
                <span class="hidden">{t::common::opens_new_tab()}</span>
            </a>
        }
        .into_any()
    } else {
        view! { <A href=move || href.get() attr:class=class>{inner}</A> }.into_any()
    }
}

/// A button with an icon and no text; `label` is its name.
#[component]
pub fn IconButton(
    icon: Icon,
    #[prop(into)] label: Text,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// For buttons that stay down.
    #[prop(optional, into)]
    pressed: Option<Signal<bool>>,
    #[prop(optional, into)] on_click: Option<Callback<MouseEvent>>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-btn"
            disabled=disabled
            aria-label=label.clone()
            title=label
            aria-pressed=move || pressed.map(|pressed| pressed.get().to_string())
            on:click=move |event| {
                if let Some(on_click) = on_click {
                    on_click.run(event);
                }
            }
        >
            <Svg icon=icon />
        </button>
    }
}
