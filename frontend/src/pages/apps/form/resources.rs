//! What one instance needs and may use.

use super::{
    draft::MemoryUnit,
    fields::{DraftField, DraftKind, slot},
    state::FormState,
};
use crate::i18n::t;
use leptos::prelude::*;

/// Processor and memory.
#[component]
pub fn ResourceFields(state: FormState) -> impl IntoView {
    let unit = move || {
        view! {
            <select
                class="unit-select"
                aria-label=t::apps::memory_unit()
                prop:value=move || state.draft.with(|draft| unit_word(draft.memory_unit))
                on:change=move |event| {
                    let unit = if event_target_value(&event) == "GiB" { MemoryUnit::Gib } else { MemoryUnit::Mib };
                    state.change("resources.memory_mib", |draft| draft.memory_unit = unit);
                }
            >
                <option value="MiB" selected=move || state.draft.with(|draft| draft.memory_unit == MemoryUnit::Mib)>"MiB"</option>
                <option value="GiB" selected=move || state.draft.with(|draft| draft.memory_unit == MemoryUnit::Gib)>"GiB"</option>
            </select>
        }
    };
    view! {
        <DraftField
            state=state
            field="resources.cpu_milli"
            part=slot!(cpu)
            label=t::apps::cpu()
            kind=DraftKind::Decimal
            unit=|| t::apps::cores()
            hint=t::apps::each_instance()
        />
        <DraftField
            state=state
            field="resources.memory_mib"
            part=slot!(memory)
            label=t::apps::memory()
            kind=DraftKind::Decimal
            unit=unit
            hint=t::apps::each_instance()
        />
    }
}

const fn unit_word(unit: MemoryUnit) -> &'static str {
    match unit {
        MemoryUnit::Mib => "MiB",
        MemoryUnit::Gib => "GiB",
    }
}
