//! Choosing a role: the field with what the role allows, and the dialog that changes one.

use super::{
    dialog::{Dialog, FormActions},
    field::SelectField,
    form::Form,
    state,
};
use crate::i18n::t;
use berth_domain::right::Role;
use leptos::{ev::SubmitEvent, prelude::*};

/// Roles to choose from. An owner is of a whole tenant.
pub fn role_options(roles: impl Iterator<Item = Role>) -> Vec<(String, String)> {
    roles.map(|role| (role.as_str().to_owned(), state::role(role).to_owned())).collect()
}

/// A role, by its word, and a sentence on what it allows.
#[component]
pub fn RoleField(
    options: Vec<(String, String)>,
    value: RwSignal<String>,
    form: Form,
    #[prop(default = "role")] name: &'static str,
) -> impl IntoView {
    let hint = move || Role::from_word(&value.get()).map(state::role_hint);
    view! {
        <SelectField label=t::settings::role() options=options value=value fault=form.fault("role") name=name />
        <p class="dialog-text">{hint}</p>
    }
}

/// Changes the role of whoever is chosen. Open as long as somebody is.
#[component]
pub fn RoleDialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    options: Vec<(String, String)>,
    role: RwSignal<String>,
    form: Form,
    #[prop(into)] on_save: Callback<Role>,
) -> impl IntoView {
    let options = StoredValue::new(options);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(role) = Role::from_word(&role.get_untracked()) {
            on_save.run(role);
        }
    };
    view! {
        <Dialog open=open title=title>
            <form on:submit=submit>
                <RoleField options=options.get_value() value=role form=form />
                <FormActions form=form open=open action=t::common::save() />
            </form>
        </Dialog>
    }
}
