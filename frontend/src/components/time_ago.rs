//! Ages that grow by themselves, with the whole time on hover.

use crate::{
    i18n,
    support::clock::{Clock, use_clock},
};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The age as a text, followed.
pub fn age_text(clock: Clock, at: DateTime<Utc>) -> String {
    i18n::ago(clock.seconds_since(at))
}

/// How long ago.
#[component]
pub fn TimeAgo(#[prop(into)] at: Signal<DateTime<Utc>>) -> impl IntoView {
    let clock = use_clock();
    // A memo, so that the document changes only when the words do.
    let text = Memo::new(move |_| age_text(clock, at.get()));
    view! {
        <time datetime=move || at.get().to_rfc3339() title=move || i18n::date_time(at.get())>
            {move || text.get()}
        </time>
    }
}

/// How long it has been going on: `12 s`, `3 min`.
#[component]
pub fn Elapsed(#[prop(into)] since: Signal<DateTime<Utc>>) -> impl IntoView {
    let clock = use_clock();
    let text = Memo::new(move |_| i18n::duration(clock.seconds_since(since.get())));
    view! { <time datetime=move || since.get().to_rfc3339() title=move || i18n::date_time(since.get())>{move || text.get()}</time> }
}
