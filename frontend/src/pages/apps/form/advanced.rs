//! What most apps leave as it is: command, placement, rollout.

use super::{
    draft::{Draft, PairRow},
    fields::{CellInput, DraftField, DraftKind, slot},
    state::FormState,
};
use crate::{
    components::{
        button::{Button, ButtonKind, IconButton},
        icon::Icon,
        segment::Segment,
    },
    i18n::t,
    support::dom::focus,
};
use berth_domain::app::PlacementStrategy;
use leptos::prelude::*;

/// Command, placement, rollout.
#[component]
pub fn AdvancedFields(state: FormState) -> impl IntoView {
    let seconds = || t::apps::seconds();
    view! {
        <DraftField
            state=state
            field="command"
            part=slot!(command)
            label=t::apps::command()
            placeholder=t::apps::command_placeholder()
            hint=t::apps::command_hint()
        />
        <PlacementFields state=state />
        <fieldset class="rows-field">
            <legend>{t::apps::rollout_policy()}</legend>
        <div class="fields-2">
            <DraftField state=state field="rollout.max_surge" part=slot!(max_surge) label=t::apps::max_surge() kind=DraftKind::Whole />
            <DraftField state=state field="rollout.max_unavailable" part=slot!(max_unavailable) label=t::apps::max_unavailable() kind=DraftKind::Whole />
            <DraftField state=state field="rollout.ready_deadline_s" part=slot!(ready_deadline_s) label=t::apps::ready_deadline() kind=DraftKind::Whole unit=seconds />
            <DraftField state=state field="stop_grace_s" part=slot!(stop_grace_s) label=t::apps::stop_grace() kind=DraftKind::Whole unit=seconds />
        </div>
        </fieldset>
    }
}

#[component]
fn PlacementFields(state: FormState) -> impl IntoView {
    let strategy = Memo::new(move |_| state.draft.with(|draft| draft.strategy));
    let options = vec![
        (PlacementStrategy::Spread, t::apps::placement_spread().into()),
        (PlacementStrategy::Pack, t::apps::placement_pack().into()),
    ];
    let hint = move || match strategy.get() {
        PlacementStrategy::Spread => t::apps::placement_spread_hint(),
        PlacementStrategy::Pack => t::apps::placement_pack_hint(),
    };
    let add = move |_| {
        let mut row = 0;
        state.draft.update(|draft| row = draft.add_label());
        request_animation_frame(move || focus(&format!("#label-{row}")));
    };
    let rows = move || state.draft.with(|draft| draft.labels.iter().map(|row| row.row).collect::<Vec<_>>());
    view! {
        <div class="placement">
            <Segment
                label=t::apps::placement()
                options=options
                value=strategy
                on_change=move |strategy| state.change("placement.strategy", |draft| draft.strategy = strategy)
            />
            <small class="rows-hint">{hint}</small>
        </div>
        <fieldset class="rows-field">
            <legend>{t::apps::labels()}</legend>
            <div class="rows rows-pairs">
                <For each=rows key=|row| *row let:row>
                    <LabelRow state=state row=row />
                </For>
                <div class="rows-foot">
                    <Button kind=ButtonKind::Quiet small=true icon=Icon::Plus id="label-add" on_click=add>
                        {t::apps::label_add()}
                    </Button>
                </div>
            </div>
        </fieldset>
    }
}

#[component]
fn LabelRow(state: FormState, row: u32) -> impl IntoView {
    let number =
        move || state.draft.with(|draft| draft.labels.iter().position(|pair| pair.row == row).map_or(0, |at| at + 1));
    let read = move |part: fn(&PairRow) -> &String| {
        Signal::derive(move || {
            state
                .draft
                .with(|draft| draft.labels.iter().find(|pair| pair.row == row).map(part).cloned().unwrap_or_default())
        })
    };
    let (name, value) = (read(|pair| &pair.name), read(|pair| &pair.value));
    let field = move || format!("placement.node_labels.{}", name.get().trim());
    let fault = Memo::new(move |_| state.fault(&field()));
    let change = move |write: fn(&mut PairRow, String)| {
        Callback::new(move |text: String| {
            let put = |draft: &mut Draft| {
                if let Some(pair) = draft.labels.iter_mut().find(|pair| pair.row == row) {
                    write(pair, text);
                }
            };
            state.change(&untrack(field), put);
            state.change(&untrack(field), |_| {});
        })
    };
    let invalid = Signal::derive(move || fault.with(Option::is_some));
    view! {
        <div class="row-pair">
            <CellInput id=format!("label-{row}") label=Signal::derive(move || t::apps::label_name(number())) value=name invalid=invalid placeholder="zone" on_input=change(|pair, text| pair.name = text) />
            <CellInput label=Signal::derive(move || t::apps::label_value(number())) value=value invalid=invalid placeholder="a" on_input=change(|pair, text| pair.value = text) />
            <IconButton icon=Icon::Close label=t::apps::label_remove() on_click=move |_| state.draft.update(|draft| draft.labels.retain(|pair| pair.row != row)) />
            {move || fault.get().map(|fault| view! { <small class="fault row-fault">{fault}</small> })}
        </div>
    }
}
