//! A form for an app while somebody fills it: what was typed, what is wrong with it, and what the server refused.

use super::{
    draft::Draft,
    read::{Reading, read, read_new},
};
use crate::{
    components::error_state::field_sentence,
    i18n::{cores, mebibytes, t},
    support::dom::focus,
};
use berth_domain::{
    app::AppSpecInput,
    field_error::{FieldCode, FieldError},
};
use leptos::prelude::*;
use std::collections::BTreeSet;

/// The form's handle. Copy it around.
#[derive(Clone, Copy)]
pub struct FormState {
    /// What was typed.
    pub draft: RwSignal<Draft>,
    /// What it says, and all that is wrong with it.
    pub reading: Memo<Reading>,
    /// Fields that somebody changed: only these complain before the form is sent.
    touched: RwSignal<BTreeSet<String>>,
    submitted: RwSignal<bool>,
    /// What the server refused, until the field changes.
    refused: RwSignal<Vec<FieldError>>,
}

impl FormState {
    /// An empty form for a new app.
    pub fn of_new() -> Self {
        Self::with(Draft::new(), read_new)
    }
    /// A form that changes what is there.
    pub fn of_spec(spec: &AppSpecInput, replicas: u32) -> Self {
        Self::with(Draft::of(spec, replicas), read)
    }
    fn with(draft: Draft, read: fn(&Draft) -> Reading) -> Self {
        let draft = RwSignal::new(draft);
        Self {
            draft,
            reading: Memo::new(move |_| draft.with(read)),
            touched: RwSignal::new(BTreeSet::new()),
            submitted: RwSignal::new(false),
            refused: RwSignal::new(Vec::new()),
        }
    }

    /// Begins anew with what is there now.
    pub fn reset(self, spec: &AppSpecInput, replicas: u32) {
        self.draft.set(Draft::of(spec, replicas));
        self.touched.set(BTreeSet::new());
        self.submitted.set(false);
        self.refused.set(Vec::new());
    }

    /// Changes what stands in a field.
    pub fn change(self, field: &str, change: impl FnOnce(&mut Draft)) {
        self.draft.update(change);
        if self.touched.with_untracked(|touched| !touched.contains(field)) {
            self.touched.update(|touched| {
                touched.insert(field.to_owned());
            });
        }
        if self.refused.with_untracked(|refused| refused.iter().any(|error| error.field == field)) {
            self.refused.update(|refused| refused.retain(|error| error.field != field));
        }
    }

    /// What is wrong with a field, once it should be said; followed.
    pub fn fault(self, field: &str) -> Option<String> {
        let refused = self.refused.with(|refused| refused.iter().find(|error| error.field == field).map(sentence));
        if refused.is_some() {
            return refused;
        }
        if !self.submitted.get() && !self.touched.with(|touched| touched.contains(field)) {
            return None;
        }
        self.reading.with(|reading| reading.errors.iter().find(|error| error.field == field).map(sentence))
    }

    /// How many fields are wrong, once the form was sent; followed.
    pub fn faults(self) -> usize {
        let found = self.reading.with(|reading| reading.errors.len());
        if self.submitted.get() { found + self.refused.with(Vec::len) } else { 0 }
    }

    /// What the form says, if nothing is wrong with it. Otherwise every fault is shown and the first one focused.
    pub fn submit(self) -> Option<Reading> {
        let reading = self.reading.get_untracked();
        if reading.is_valid() {
            return Some(reading);
        }
        self.submitted.set(true);
        request_animation_frame(|| focus("[aria-invalid=true]"));
        None
    }

    /// Puts what the server refused at its fields.
    pub fn refuse(self, errors: Vec<FieldError>) {
        let strip = |mut error: FieldError| {
            if let Some(inner) = error.field.strip_prefix("spec.") {
                error.field = inner.to_owned();
            }
            error
        };
        self.refused.set(errors.into_iter().map(strip).collect());
        request_animation_frame(|| focus("[aria-invalid=true]"));
    }
}

/// What is wrong, with limits in the unit in which people type.
fn sentence(error: &FieldError) -> String {
    let limit = match (error.field.as_str(), error.limit) {
        ("resources.cpu_milli", Some(limit)) => cores(limit),
        ("resources.memory_mib", Some(limit)) => mebibytes(limit),
        _ => return field_sentence(error),
    };
    match error.code {
        FieldCode::TooSmall => t::apps::at_least(limit),
        FieldCode::TooLarge => t::apps::at_most(limit),
        _ => field_sentence(error),
    }
}
