//! When an instance counts as ready.

use super::{
    draft::ReadinessKind,
    fields::{DraftField, DraftKind, slot},
    state::FormState,
};
use crate::{components::segment::Segment, i18n::t};
use leptos::prelude::*;

/// The readiness check.
#[component]
pub fn ReadinessFields(state: FormState) -> impl IntoView {
    let kind = Memo::new(move |_| state.draft.with(|draft| draft.readiness.kind));
    let options = vec![
        (ReadinessKind::Http, t::apps::ready_http().into()),
        (ReadinessKind::Tcp, t::apps::ready_tcp().into()),
        (ReadinessKind::None, t::apps::ready_none().into()),
    ];
    let first_port = Memo::new(move |_| {
        state.draft.with(|draft| draft.ports.first().map(|port| port.container.trim().to_owned()).unwrap_or_default())
    });
    let hint = move || match kind.get() {
        ReadinessKind::Http => t::apps::ready_http_hint(),
        ReadinessKind::Tcp => t::apps::ready_tcp_hint(),
        ReadinessKind::None => t::apps::ready_none_hint(),
    };
    let port = move || {
        view! {
            <DraftField
                state=state
                field="readiness.check.port"
                part=slot!(readiness.port)
                label=t::apps::ready_port()
                kind=DraftKind::Whole
                placeholder=first_port.get()
            />
        }
    };
    view! {
        <div class="readiness">
            <Segment
                label=t::apps::ready_when()
                options=options
                value=kind
                on_change=move |kind| state.change("readiness", |draft| draft.readiness.kind = kind)
            />
            <small class="rows-hint">{hint}</small>
            {move || match kind.get() {
                ReadinessKind::None => ().into_any(),
                ReadinessKind::Tcp => view! { <div class="fields-3">{port()}</div> <Times state=state /> }.into_any(),
                ReadinessKind::Http => {
                    view! {
                        <div class="fields-path">
                            <DraftField
                                state=state
                                field="readiness.check.path"
                                part=slot!(readiness.path)
                                label=t::apps::ready_path()
                            />
                            {port()}
                        </div>
                        <Times state=state />
                    }
                        .into_any()
                }
            }}
        </div>
    }
}

#[component]
fn Times(state: FormState) -> impl IntoView {
    let ms = || t::apps::milliseconds();
    view! {
        <details class="fold">
            <summary>{t::apps::ready_times()}</summary>
            <div class="fields-3">
                <DraftField state=state field="readiness.period_ms" part=slot!(readiness.period_ms) label=t::apps::ready_period() kind=DraftKind::Whole unit=ms />
                <DraftField state=state field="readiness.timeout_ms" part=slot!(readiness.timeout_ms) label=t::apps::ready_timeout() kind=DraftKind::Whole unit=ms />
                <DraftField state=state field="readiness.initial_delay_ms" part=slot!(readiness.initial_delay_ms) label=t::apps::ready_initial_delay() kind=DraftKind::Whole unit=ms />
                <DraftField state=state field="readiness.success_threshold" part=slot!(readiness.success_threshold) label=t::apps::ready_success() kind=DraftKind::Whole />
                <DraftField state=state field="readiness.failure_threshold" part=slot!(readiness.failure_threshold) label=t::apps::ready_failure() kind=DraftKind::Whole />
            </div>
        </details>
    }
}
