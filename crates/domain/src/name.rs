//! Names of tenants, projects, environments, apps and nodes: one DNS label each, as they become host names.

use crate::{
    field_error::{FieldCode, FieldError},
    limit,
};
use serde::{Deserialize, Serialize};

/// A DNS label in lower case: starts with a letter, then letters, digits and dashes, ends with a letter or digit.
/// At most [`limit::NAME_BYTES_MAX`] bytes. Never changes once given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", example = "shop"))]
pub struct Name(String);

/// Names that would read as something else in a URL.
const RESERVED: [&str; 3] = ["new", "api", "berth"];

impl Name {
    /// Parses a name; the error's field is `name`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let error = |code, message: String| FieldError::new("name", code, message);
        if text.is_empty() {
            return Err(error(FieldCode::Required, "give it a name".into()));
        }
        if text.len() > limit::NAME_BYTES_MAX {
            return Err(error(FieldCode::TooLong, format!("at most {} characters", limit::NAME_BYTES_MAX))
                .limit(limit::NAME_BYTES_MAX as u64));
        }
        if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Err(error(
                FieldCode::BadCharacter,
                format!("use a–z, 0–9 and dashes; “{}” is not one of them", bad.escape_default()),
            )
            .found(bad.to_string()));
        }
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || text.ends_with('-') {
            return Err(error(FieldCode::BadFormat, "start with a letter and end with a letter or digit".into()));
        }
        if RESERVED.contains(&text) {
            return Err(error(FieldCode::Taken, format!("“{text}” is reserved")).found(text));
        }
        Ok(Self(text.to_owned()))
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|e| e.message)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}
impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}
impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_labels_are_names() {
        for text in ["a", "web", "orders-db", "a1", &"x".repeat(limit::NAME_BYTES_MAX)] {
            assert!(Name::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_says_why_not() {
        for (text, code) in [
            ("", FieldCode::Required),
            ("Web", FieldCode::BadCharacter),
            ("a.b", FieldCode::BadCharacter),
            ("泊位", FieldCode::BadCharacter),
            ("1a", FieldCode::BadFormat),
            ("a-", FieldCode::BadFormat),
            ("-a", FieldCode::BadFormat),
            ("new", FieldCode::Taken),
            (&"x".repeat(limit::NAME_BYTES_MAX + 1), FieldCode::TooLong),
        ] {
            assert_eq!(Name::parse(text).map_err(|e| e.code), Err(code), "{text}");
        }
    }
}
