//! The head of a page: its title (also the document's), a line below it, what can be done.

use crate::support::dom::set_title;
use leptos::prelude::*;

/// The head of a page. Focus comes to its title after a change of the route, so that a screen reader begins there.
#[component]
pub fn PageHead(
    #[prop(into)] title: Signal<String>,
    /// Beside the title: a state.
    #[prop(optional, into)]
    state: Option<ViewFn>,
    /// Below it: facts, quieter.
    #[prop(optional, into)]
    sub: Option<ViewFn>,
    #[prop(optional, into)] actions: Option<ViewFn>,
) -> impl IntoView {
    Effect::new(move |_| set_title(&title.get()));
    view! {
        <div class="head">
            <div class="head-text">
                <div class="head-title">
                    <h1 id="page-title" tabindex="-1">{move || title.get()}</h1>
                    {state.map(|state| state.run())}
                </div>
                {sub.map(|sub| view! { <div class="head-sub">{sub.run()}</div> })}
            </div>
            {actions.map(|actions| view! { <div class="head-actions">{actions.run()}</div> })}
        </div>
    }
}
