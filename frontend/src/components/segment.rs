//! One of a few, all visible.

use crate::{i18n::Text, support::dom::fresh_id};
use leptos::prelude::*;

/// One of a few, all visible. Radio buttons in truth, so arrows and screen readers know it.
#[component]
pub fn Segment<T>(
    #[prop(into)] label: Text,
    /// `(value, words)`.
    options: Vec<(T, Text)>,
    #[prop(into)] value: Signal<T>,
    #[prop(into)] on_change: Callback<T>,
    #[prop(optional)] hide_label: bool,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let group = fresh_id("segment");
    let choices = options
        .into_iter()
        .map(|(option, words)| {
            let checked = {
                let option = option.clone();
                move || value.get() == option
            };
            view! {
                <label class="segment-choice">
                    <input
                        type="radio"
                        name=group.clone()
                        prop:checked=checked
                        on:change=move |_| on_change.run(option.clone())
                    />
                    <span>{words}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="segment-field">
            <legend class:hidden=hide_label>{label}</legend>
            <div class="segment">{choices}</div>
        </fieldset>
    }
}
