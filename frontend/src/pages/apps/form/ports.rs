//! Ports that the app listens on.

use super::{draft::PortRow, fields::CellInput, state::FormState};
use crate::{
    components::{
        button::{Button, ButtonKind, IconButton},
        icon::Icon,
    },
    i18n::t,
    support::dom::focus,
};
use leptos::prelude::*;

/// The ports.
#[component]
pub fn PortTable(state: FormState) -> impl IntoView {
    let add = move |_| {
        let mut row = 0;
        state.draft.update(|draft| row = draft.add_port(String::new(), String::new()));
        request_animation_frame(move || focus(&format!("#port-{row}")));
    };
    let rows = move || state.draft.with(|draft| draft.ports.iter().map(|port| port.row).collect::<Vec<_>>());
    let any = Memo::new(move |_| state.draft.with(|draft| !draft.ports.is_empty()));
    let fixed =
        Memo::new(move |_| state.draft.with(|draft| draft.ports.iter().any(|port| !port.host.trim().is_empty())));
    view! {
        <fieldset class="rows-field">
            <legend>{t::apps::ports()}</legend>
            <div class="rows rows-pairs">
                {move || any.get().then(|| view! {
                    <div class="row-pair row-head" aria-hidden="true">
                        <span>{t::apps::port_container()}</span>
                        <span>{t::apps::port_host()}</span>
                    </div>
                })}
                <For each=rows key=|row| *row let:row>
                    <PortRowView state=state row=row />
                </For>
                <div class="rows-foot">
                    <Button kind=ButtonKind::Quiet small=true icon=Icon::Plus id="port-add" on_click=add>
                        {t::apps::port_add()}
                    </Button>
                </div>
            </div>
            <small class="rows-hint">
                {move || match state.fault("ports") {
                    Some(fault) => view! { <span class="fault">{fault}</span> }.into_any(),
                    None if fixed.get() => view! { <span class="warning">{t::apps::port_host_warning()}</span> }.into_any(),
                    None => t::apps::ports_hint().into_any(),
                }}
            </small>
        </fieldset>
    }
}

#[component]
fn PortRowView(state: FormState, row: u32) -> impl IntoView {
    let index = Memo::new(move |_| state.draft.with(|draft| draft.ports.iter().position(|port| port.row == row)));
    let number = move || index.get().map_or(0, |at| at + 1);
    let field = move |part: &str| format!("ports[{}].{part}", index.get().unwrap_or_default());
    let read = move |part: fn(&PortRow) -> &String| {
        Signal::derive(move || {
            state
                .draft
                .with(|draft| draft.ports.iter().find(|port| port.row == row).map(part).cloned().unwrap_or_default())
        })
    };
    let change = move |part: &'static str, write: fn(&mut PortRow, String)| {
        Callback::new(move |text: String| {
            state.change(&untrack(|| field(part)), |draft| {
                if let Some(port) = draft.ports.iter_mut().find(|port| port.row == row) {
                    write(port, text);
                }
            });
        })
    };
    let container_fault = Memo::new(move |_| state.fault(&field("container")));
    let host_fault = Memo::new(move |_| state.fault(&field("host")));
    let fault = move || container_fault.get().or_else(|| host_fault.get());
    view! {
        <div class="row-pair">
            <CellInput
                id=format!("port-{row}")
                label=Signal::derive(move || t::apps::port_number(number()))
                value=read(|port| &port.container)
                invalid=Signal::derive(move || container_fault.with(Option::is_some))
                placeholder="8080"
                numeric=true
                on_input=change("container", |port, text| port.container = text)
            />
            <CellInput
                label=Signal::derive(move || t::apps::port_host_number(number()))
                value=read(|port| &port.host)
                invalid=Signal::derive(move || host_fault.with(Option::is_some))
                placeholder=t::apps::port_host_any()
                numeric=true
                on_input=change("host", |port, text| port.host = text)
            />
            <IconButton
                icon=Icon::Close
                label=t::apps::port_remove()
                on_click=move |_| state.draft.update(|draft| draft.ports.retain(|port| port.row != row))
            />
            {move || fault().map(|fault| view! { <small class="fault row-fault">{fault}</small> })}
        </div>
    }
}
