//! Environment variables, as a table that takes a whole `.env` file when one is pasted.

use super::{
    dotenv,
    draft::{Draft, PairRow},
    fields::CellInput,
    state::FormState,
};
use crate::{
    components::{
        button::{Button, ButtonKind, IconButton},
        icon::Icon,
    },
    i18n::t,
    support::dom::focus,
};
use leptos::prelude::*;

/// The variables.
#[component]
pub fn EnvTable(state: FormState) -> impl IntoView {
    let pasted = RwSignal::new(None::<u64>);
    let add = move |_| {
        let mut row = 0;
        state.draft.update(|draft| row = draft.add_env(String::new(), String::new()));
        request_animation_frame(move || focus(&format!("#env-{row}")));
    };
    let rows = move || state.draft.with(|draft| draft.env.iter().map(|row| row.row).collect::<Vec<_>>());
    let is_empty = Memo::new(move |_| state.draft.with(|draft| draft.env.is_empty()));
    view! {
        <fieldset class="rows-field">
            <legend>{t::apps::environment()}</legend>
            <div class="rows rows-pairs">
                <For each=rows key=|row| *row let:row>
                    <EnvRow state=state row=row pasted=pasted />
                </For>
                {move || is_empty.get().then(|| view! { <p class="rows-empty faint">{t::apps::env_empty()}</p> })}
                <div class="rows-foot">
                    <Button kind=ButtonKind::Quiet small=true icon=Icon::Plus id="env-add" on_click=add>
                        {t::apps::env_add()}
                    </Button>
                    <PasteButton state=state pasted=pasted />
                </div>
            </div>
            <small class="rows-hint" aria-live="polite">
                {move || match (state.fault("env"), pasted.get()) {
                    (Some(fault), _) => view! { <span class="fault">{fault}</span> }.into_any(),
                    (None, Some(count)) => t::apps::env_pasted(count).into_any(),
                    (None, None) => format!("{} {}", t::apps::environment_hint(), t::apps::env_plain_note()).into_any(),
                }}
            </small>
        </fieldset>
    }
}

fn take_file(state: FormState, pasted: RwSignal<Option<u64>>, text: &str) -> bool {
    if !dotenv::looks_like_file(text) {
        return false;
    }
    let found = dotenv::parse(text);
    pasted.set(Some(found.len() as u64));
    state.change("env", |draft| draft.paste_env(found));
    true
}

/// The same from a file on disk, for those who have one.
#[component]
fn PasteButton(state: FormState, pasted: RwSignal<Option<u64>>) -> impl IntoView {
    let input = NodeRef::<leptos::html::Input>::new();
    let read = move |_| {
        let Some(element) = input.get_untracked() else { return };
        let Some(file) = element.files().and_then(|files| files.get(0)) else { return };
        element.set_value("");
        wasm_bindgen_futures::spawn_local(async move {
            let text = wasm_bindgen_futures::JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
            if let Some(text) = text {
                take_file(state, pasted, &text);
            }
        });
    };
    let choose = move |_| {
        if let Some(element) = input.get_untracked() {
            element.click();
        }
    };
    view! {
        <Button kind=ButtonKind::Quiet small=true icon=Icon::Upload on_click=choose>
            {t::apps::env_from_file()}
        </Button>
        <input type="file" class="hidden" tabindex="-1" aria-hidden="true" node_ref=input on:change=read />
    }
}

#[component]
fn EnvRow(state: FormState, row: u32, pasted: RwSignal<Option<u64>>) -> impl IntoView {
    let find = move |draft: &Draft| draft.env.iter().position(|pair| pair.row == row);
    let read = move |part: fn(&PairRow) -> &String| {
        Signal::derive(move || {
            state
                .draft
                .with(|draft| draft.env.iter().find(|pair| pair.row == row).map(part).cloned().unwrap_or_default())
        })
    };
    let (name, value) = (read(|pair| &pair.name), read(|pair| &pair.value));
    let number = move || state.draft.with(|draft| find(draft).map_or(0, |at| at + 1));
    let field = move || format!("env.{}", name.get().trim());
    let nameless = move || name.get().trim().is_empty() && !value.get().is_empty();
    let fault = Memo::new(move |_| if nameless() { state.fault("env") } else { state.fault(&field()) });
    let invalid = Signal::derive(move || fault.with(Option::is_some));
    let change = move |write: fn(&mut PairRow, String)| {
        Callback::new(move |text: String| {
            pasted.set(None);
            // The field's path holds its name: both the old and the new one are touched.
            let before = field();
            let put = |draft: &mut Draft| {
                if let Some(pair) = draft.env.iter_mut().find(|pair| pair.row == row) {
                    write(pair, text);
                }
            };
            state.change(&untrack(|| before.clone()), put);
            state.change(&untrack(field), |_| {});
        })
    };
    let on_paste = Callback::new(move |text: String| take_file(state, pasted, &text));
    view! {
        <div class="row-pair">
            <CellInput
                id=format!("env-{row}")
                label=Signal::derive(move || t::apps::env_name(number()))
                value=name
                invalid=invalid
                placeholder="NAME"
                on_paste=on_paste
                on_input=change(|pair, text| pair.name = text)
            />
            <CellInput
                label=Signal::derive(move || t::apps::env_value(number()))
                value=value
                invalid=invalid
                on_paste=on_paste
                on_input=change(|pair, text| pair.value = text)
            />
            <IconButton
                icon=Icon::Close
                label=t::apps::env_remove()
                on_click=move |_| state.draft.update(|draft| draft.env.retain(|pair| pair.row != row))
            />
            {move || fault.get().map(|fault| view! { <small class="fault row-fault">{fault}</small> })}
        </div>
    }
}
