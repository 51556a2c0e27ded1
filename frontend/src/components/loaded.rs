//! What is fetched, drawn: a skeleton the first time, an error where there is nothing else, otherwise the content with
//! a quiet note when it could not be brought up to date.

use super::{
    error_state::{ErrorState, error_title},
    icon::{Icon, Svg},
    time_ago::age_text,
};
use crate::{
    i18n::t,
    live::LiveResource,
    support::clock::{now_ms, use_clock},
};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Loading,
    Failed,
    Ready,
}

/// Draws a resource. `view` is called once with a signal of the newest data, so inputs and scroll positions stay.
pub fn loaded<T, V, S>(
    resource: LiveResource<T>,
    skeleton: S,
    view: impl Fn(Signal<T>) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    V: IntoView + 'static,
    S: Fn() -> AnyView + Send + Sync + 'static,
{
    let phase = Memo::new(move |_| {
        let (has_data, failed) = (resource.data.with(Option::is_some), resource.error.with(Option::is_some));
        match (has_data, failed) {
            (true, _) => Phase::Ready,
            (false, true) => Phase::Failed,
            (false, false) => Phase::Loading,
        }
    });
    move || match phase.get() {
        Phase::Loading => skeleton(),
        Phase::Failed => {
            let error = move || resource.error.get();
            view! {
                {move || error().map(|error| view! { <ErrorState error=error retry=move |()| resource.refetch() /> })}
            }
            .into_any()
        }
        Phase::Ready => {
            let Some(first) = resource.data.get_untracked() else { return skeleton() };
            let value = RwSignal::new(first);
            Effect::new(move |_| {
                resource.data.with(|data| {
                    if let Some(data) = data
                        && value.with_untracked(|old| old != data)
                    {
                        value.set(data.clone());
                    }
                });
            });
            view! {
                <StaleNote resource=resource />
                {view(value.into())}
            }
            .into_any()
        }
    }
}

/// Says that what is shown could not be brought up to date, and how old it is.
#[component]
pub fn StaleNote<T: Clone + Send + Sync + 'static>(resource: LiveResource<T>) -> impl IntoView {
    let clock = use_clock();
    move || {
        resource.error.get().map(|error| {
            let fetched = DateTime::<Utc>::from_timestamp_millis(resource.fetched_at_ms.get_untracked() as i64)
                .or_else(|| DateTime::<Utc>::from_timestamp_millis(now_ms() as i64))
                .unwrap_or_default();
            view! {
                <div class="stale" role="status">
                    <Svg icon=Icon::Warning />
                    <span>{error_title(&error)} " · " {move || t::common::shown_as_of(age_text(clock, fetched))}</span>
                </div>
            }
        })
    }
}
