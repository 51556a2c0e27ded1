//! Nothing here yet: one sentence, one action.

use super::icon::{Icon, Svg};
use crate::i18n::Text;
use leptos::prelude::*;

/// Nothing here yet. The action is the child.
#[component]
pub fn EmptyState(
    icon: Icon,
    #[prop(into)] title: Text,
    #[prop(optional, into)] text: Option<Text>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="empty-icon"><Svg icon=icon size=22 /></span>
            <p class="empty-title">{title}</p>
            {text.map(|text| view! { <p>{text}</p> })}
            {children.map(|children| view! { <div class="empty-actions">{children()}</div> })}
        </div>
    }
}
