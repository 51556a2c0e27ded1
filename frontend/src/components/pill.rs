//! State as a colour and a word; never as a colour alone.

use crate::i18n::Text;
use leptos::prelude::*;

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// Something failed.
    Bad,
    /// Under way.
    Busy,
    /// Nothing happens.
    #[default]
    Idle,
}

impl Tone {
    /// The CSS class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Idle => "idle",
        }
    }
}

/// A coloured point beside a word.
#[component]
pub fn Dot(#[prop(into)] tone: Signal<Tone>) -> impl IntoView {
    view! { <i class=move || format!("dot {}", tone.get().class()) aria-hidden="true"></i> }
}

/// A state with its word.
#[component]
pub fn Pill(#[prop(into)] tone: Signal<Tone>, #[prop(into)] text: Signal<String>) -> impl IntoView {
    view! {
        <span class=move || format!("pill {}", tone.get().class())>
            <i class=move || format!("dot {}", tone.get().class()) aria-hidden="true"></i>
            {move || text.get()}
        </span>
    }
}

/// A word in a quiet frame: a label, a role, an environment.
#[component]
pub fn Tag(#[prop(into)] text: Text, #[prop(optional)] accent: bool) -> impl IntoView {
    view! { <span class="tag" class:tag-accent=accent>{text}</span> }
}
