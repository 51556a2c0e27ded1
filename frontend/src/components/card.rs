//! A framed part of a page with a heading.

use crate::i18n::Text;
use leptos::prelude::*;

/// A card. Its content has no padding of its own when `flush`, as for tables and lists.
#[component]
pub fn Card(
    #[prop(optional, into)] title: Option<Text>,
    /// Beside the title, quieter.
    #[prop(optional, into)]
    note: Option<Signal<String>>,
    #[prop(optional, into)] actions: Option<ViewFn>,
    #[prop(optional)] flush: bool,
    #[prop(optional, into)] class: &'static str,
    children: Children,
) -> impl IntoView {
    let head = title.map(|title| {
        view! {
            <header class="card-head">
                <h2>{title}</h2>
                {note.map(|note| view! { <span class="muted">{move || note.get()}</span> })}
                {actions.map(|actions| view! { <div class="card-actions">{actions.run()}</div> })}
            </header>
        }
    });
    view! {
        <section class=format!("card {class}")>
            {head}
            <div class:card-body=!flush>{children()}</div>
        </section>
    }
}

/// One number that matters, with its unit and what stands below it.
#[component]
pub fn Stat(
    #[prop(into)] label: Text,
    #[prop(into)] value: Signal<String>,
    #[prop(optional, into)] unit: Signal<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="card stat">
            <span class="stat-label">{label}</span>
            <div class="stat-value"><b>{move || value.get()}</b>" "<span class="muted">{move || unit.get()}</span></div>
            {children.map(|children| children())}
        </div>
    }
}
