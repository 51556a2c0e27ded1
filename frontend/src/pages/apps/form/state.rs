//! A form for an app while somebody fills it: what was typed, what is wrong with it, and what the server refused.

use super::{
    draft::Draft,
    read::{Reading, read, read_new},
};
use crate::{
    api::error::ApiError,
    components::error_state::{error_title, field_sentence},
    i18n::{cores, mebibytes, t},
    support::dom::focus,
};
use berth_api_types::error::ProblemCode;
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
    /// Fields that the server refused, and why, until they change.
    refused: RwSignal<Vec<(String, String)>>,
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
        if self.refused.with_untracked(|refused| refused.iter().any(|(refused, _)| refused == field)) {
            self.refused.update(|refused| refused.retain(|(refused, _)| refused != field));
        }
    }

    /// What is wrong with a field, once it should be said; followed.
    pub fn fault(self, field: &str) -> Option<String> {
        let refused = self
            .refused
            .with(|refused| refused.iter().find(|(refused, _)| refused == field).map(|(_, why)| why.clone()));
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

    /// The fields that are wrong or were refused.
    pub fn wrong_fields(self) -> Vec<String> {
        let mut fields =
            self.refused.with_untracked(|refused| refused.iter().map(|(field, _)| field.clone()).collect::<Vec<_>>());
        self.reading.with_untracked(|reading| fields.extend(reading.errors.iter().map(|error| error.field.clone())));
        fields
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
    pub fn refuse(self, error: &ApiError) {
        let own_field = |error: FieldError| {
            let field = error.field.strip_prefix("spec.").unwrap_or(&error.field).to_owned();
            (field, sentence(&error))
        };
        let mut refused: Vec<_> = error.fields().into_iter().map(own_field).collect();
        let of_image = matches!(
            error.code(),
            Some(ProblemCode::ImageNotFound | ProblemCode::RegistryDenied | ProblemCode::RegistryUnavailable)
        );
        if of_image && refused.is_empty() {
            refused.push(("image".to_owned(), error_title(error).into_owned()));
        }
        self.refused.set(refused);
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
