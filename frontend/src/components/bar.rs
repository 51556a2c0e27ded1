//! How much of something is used.

use crate::i18n::Text;
use leptos::prelude::*;

/// From this share on a bar warns, in percent.
const NEAR_PERCENT: u64 = 85;

/// A bar of `used` of `limit`. It warns near the limit.
#[component]
pub fn Bar(
    /// What is measured, for those who do not see it.
    #[prop(into)]
    label: Text,
    #[prop(into)] used: Signal<u64>,
    #[prop(into)] limit: Signal<u64>,
    /// What would come on top.
    #[prop(optional, into)]
    planned: Signal<u64>,
) -> impl IntoView {
    // What is used is seen, however little it is.
    let percent = move |value: u64| {
        let share = value.saturating_mul(100).checked_div(limit.get()).unwrap_or(0).min(100);
        share.max(u64::from(value > 0))
    };
    let used_percent = move || percent(used.get());
    let planned_percent = move || percent(used.get().saturating_add(planned.get())).saturating_sub(used_percent());
    let tone = move || match used.get().saturating_add(planned.get()) {
        all if all > limit.get() => "bar bad",
        all if all.saturating_mul(100) >= limit.get().saturating_mul(NEAR_PERCENT) && all > 0 => "bar warn",
        _ => "bar",
    };
    view! {
        <div
            class=tone
            role="meter"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax=move || limit.get().to_string()
            aria-valuenow=move || used.get().min(limit.get()).to_string()
        >
            <i style:width=move || format!("{}%", used_percent())></i>
            <i class="planned" style:width=move || format!("{}%", planned_percent())></i>
        </div>
    }
}

/// A bar with its words: name, used of limit.
#[component]
pub fn Meter(
    #[prop(into)] label: Text,
    #[prop(into)] used: Signal<u64>,
    #[prop(into)] limit: Signal<u64>,
    #[prop(optional, into)] planned: Signal<u64>,
    /// How a value reads.
    format: fn(u64) -> String,
) -> impl IntoView {
    view! {
        <div class="meter">
            <div class="meter-words">
                <span>{label.clone()}</span>
                <span class="muted">
                    {move || format(used.get().saturating_add(planned.get()))} " / " {move || format(limit.get())}
                </span>
            </div>
            <Bar label=label used=used limit=limit planned=planned />
        </div>
    }
}
