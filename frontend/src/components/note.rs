//! A sentence that must be seen, with what to do about it.

use super::{
    icon::{Icon, Svg},
    pill::Tone,
};
use crate::i18n::Text;
use leptos::prelude::*;

/// A note across the page.
#[component]
pub fn Note(
    tone: Tone,
    #[prop(into)] title: Text,
    #[prop(optional, into)] actions: Option<ViewFn>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let icon = match tone {
        Tone::Ok => Icon::Success,
        Tone::Warn => Icon::Warning,
        Tone::Bad => Icon::Error,
        Tone::Busy | Tone::Idle => Icon::Info,
    };
    view! {
        <div class=format!("note {}", tone.class()) role=if tone == Tone::Bad { "alert" } else { "status" }>
            <Svg icon=icon size=18 />
            <div class="note-text">
                <strong>{title}</strong>
                {children.map(|children| view! { <div class="note-detail">{children()}</div> })}
            </div>
            {actions.map(|actions| view! { <div class="note-actions">{actions.run()}</div> })}
        </div>
    }
}
