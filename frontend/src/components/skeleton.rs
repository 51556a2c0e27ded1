//! The shape of what is coming, while it is fetched for the first time.

use crate::i18n::t;
use leptos::prelude::*;

/// Lines of text.
#[component]
pub fn SkeletonLines(#[prop(default = 3)] lines: usize) -> impl IntoView {
    let bars =
        (0..lines).map(|i| view! { <span class="skeleton" style:width=format!("{}%", 92 - (i * 23) % 50)></span> });
    view! {
        <div class="skeleton-lines" role="status">
            <span class="hidden">{t::common::loading()}</span>
            {bars.collect_view()}
        </div>
    }
}

/// Rows of a table.
#[component]
pub fn SkeletonRows(#[prop(default = 5)] rows: usize) -> impl IntoView {
    let row = |i: usize| {
        view! {
            <div class="skeleton-row">
                <span class="skeleton" style:width=format!("{}%", 18 + (i * 7) % 12)></span>
                <span class="skeleton" style:width="12%"></span>
                <span class="skeleton" style:width=format!("{}%", 26 + (i * 11) % 16)></span>
                <span class="skeleton" style:width="8%"></span>
            </div>
        }
    };
    view! {
        <div role="status">
            <span class="hidden">{t::common::loading()}</span>
            {(0..rows).map(row).collect_view()}
        </div>
    }
}
