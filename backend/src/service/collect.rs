//! Gathers what is wrong with all fields, so that a person corrects them in one go.

use super::error::Error;
use berth_domain::field_error::FieldError;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Wrong(Vec<FieldError>);

impl Wrong {
    /// The value, or nothing and one wrong field more.
    pub fn take<T>(&mut self, parsed: Result<T, FieldError>) -> Option<T> {
        parsed.map_err(|error| self.0.push(error)).ok()
    }
    /// One wrong field more.
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }
    /// The error of all fields, to give back when a value is missing.
    pub fn error(self) -> Error {
        Error::Invalid(self.0)
    }
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
