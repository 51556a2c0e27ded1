//! What is wrong with a field that somebody typed: a code to translate, an English sentence, the field's place.

use serde::{Deserialize, Serialize};

/// Why a value was refused. The console has a sentence for each code in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldCode {
    /// Nothing was given where something must be.
    Required,
    /// Longer than `limit`.
    TooLong,
    /// Shorter than `limit`.
    TooShort,
    /// More than `limit` entries.
    TooMany,
    /// Less than `limit`.
    TooSmall,
    /// More than `limit`.
    TooLarge,
    /// A character that may not be there; `found` names it.
    BadCharacter,
    /// Not the form that is expected; the message shows one.
    BadFormat,
    /// The same entry twice; `found` names it.
    Duplicate,
    /// Somebody has this name already.
    Taken,
    /// Names something that does not exist.
    Unknown,
    /// The old value was expected and something else given, as with a password.
    Mismatch,
    /// Among the best-known passwords.
    TooCommon,
    /// The same as, or in conflict with, another field; `found` names it.
    Conflict,
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Where: the path in the body, such as `spec.env[2].name`.
    pub field: String,
    /// Why, for programs and translations.
    pub code: FieldCode,
    /// Why, in an English sentence.
    pub message: String,
    /// The bound that was passed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The offending part, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl FieldError {
    /// An error without limit and finding.
    pub fn new(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into(), limit: None, found: None }
    }
    /// The same with the bound that was passed.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }
    /// The same with the offending part.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }
    /// The same, seen from the body that contains the field.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}
