//! What a form knows of its faults: those that the shared code found while somebody types, and those that the server
//! answered. Both are said at their fields.

use super::error_state::field_sentence;
use crate::{
    api::error::ApiError,
    support::dom::{focus_refused, place_of_work},
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    name::Name,
};
use leptos::prelude::*;
use std::future::Future;
use wasm_bindgen_futures::spawn_local;

/// What is wrong with a name that is being given, as a list of faults.
pub fn name_faults(name: &str) -> Vec<FieldError> {
    Name::parse(name.trim()).err().into_iter().collect()
}

/// The faults and the progress of a form. Copy it around.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Faults by field.
    pub faults: RwSignal<Vec<FieldError>>,
    /// Why the last sending failed.
    pub error: RwSignal<Option<ApiError>>,
    /// While it is being sent.
    pub busy: RwSignal<bool>,
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

impl Form {
    /// A form without faults.
    pub fn new() -> Self {
        Self { faults: RwSignal::new(Vec::new()), error: RwSignal::new(None), busy: RwSignal::new(false) }
    }
    /// What is wrong with a field, in the person's language. Fields are named as in the API: `spec.image`.
    pub fn fault(self, field: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || {
            self.faults.with(|faults| faults.iter().find(|fault| fault.field == field).map(field_sentence))
        })
    }
    /// Says what was found before sending.
    pub fn set_faults(self, faults: Vec<FieldError>) {
        self.faults.set(faults);
        focus_refused(place_of_work());
    }
    /// Says what `check` finds whenever something that it read changes, and no longer why the last sending failed: that was
    /// about something else. What is merely missing is said when the form is sent: nobody is told off for a field that they
    /// have not come to.
    pub fn check_typed(self, check: impl Fn() -> Vec<FieldError> + 'static) {
        Effect::new(move |before: Option<()>| {
            let mut found = check();
            found.retain(|fault| fault.code != FieldCode::Required);
            if before.is_none() {
                return;
            }
            if self.faults.with_untracked(|now| *now != found) {
                self.faults.set(found);
            }
            if self.error.with_untracked(Option::is_some) {
                self.error.set(None);
            }
        });
    }
    /// Forgets what was wrong.
    pub fn clear(self) {
        self.faults.set(Vec::new());
        self.error.set(None);
    }
    /// Sends the form once; what the server says against fields goes to them, the rest into `error`.
    pub fn send<T, F>(self, call: F, then: impl FnOnce(T) + 'static)
    where
        T: 'static,
        F: Future<Output = Result<T, ApiError>> + 'static,
    {
        if self.busy.get_untracked() {
            return;
        }
        // Asked now, as the button that has the focus is disabled while the form is sent.
        let place = place_of_work();
        self.busy.set(true);
        self.clear();
        spawn_local(async move {
            let result = call.await;
            // The form may be gone by now.
            self.busy.try_set(false);
            match result {
                Ok(value) => then(value),
                Err(error) => {
                    self.faults.try_set(error.fields());
                    self.error.try_set(Some(error));
                    focus_refused(place);
                }
            }
        });
    }
}
