//! What an account is made of, parsed once.

use berth_domain::field_error::{FieldCode, FieldError};

/// Longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3, without its brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Longest shown name or label, in characters: it stands in one line of a table.
const TITLE_CHARS_MAX: usize = 80;
/// Languages that the console speaks.
const LOCALES: [&str; 2] = ["en", "zh-CN"];

/// An e-mail address, by form alone: whether mail arrives there is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Parses an address; the error's field is `email`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let error = |code, message: &str| FieldError::new("email", code, message);
        let text = text.trim();
        if text.is_empty() {
            return Err(error(FieldCode::Required, "an e-mail address"));
        }
        if text.len() > EMAIL_BYTES_MAX {
            return Err(error(FieldCode::TooLong, "at most 254 characters").limit(EMAIL_BYTES_MAX as u64));
        }
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ','));
        let parts = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        });
        if plain && parts {
            Ok(Self(text.to_owned()))
        } else {
            Err(error(FieldCode::BadFormat, "an e-mail address, such as ann@example.com"))
        }
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A shown name or a label: one line, not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Parses the value of `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(FieldError::new(field, FieldCode::Required, "give it a name"));
        }
        if text.chars().count() > TITLE_CHARS_MAX {
            let message = format!("at most {TITLE_CHARS_MAX} characters");
            return Err(FieldError::new(field, FieldCode::TooLong, message).limit(TITLE_CHARS_MAX as u64));
        }
        if let Some(bad) = text.chars().find(|c| is_invisible(*c)) {
            let message = "it holds a character that cannot be seen";
            return Err(
                FieldError::new(field, FieldCode::BadCharacter, message).found(bad.escape_default().to_string())
            );
        }
        Ok(Self(text.to_owned()))
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that turn the direction of text around to make one name look like another.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// A language that the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale(&'static str);

impl Locale {
    /// Parses a language; the error's field is `locale`. English when none is given.
    pub fn parse(text: Option<&str>) -> Result<Self, FieldError> {
        let text = text.unwrap_or(LOCALES[0]);
        LOCALES.into_iter().find(|locale| *locale == text).map(Self).ok_or_else(|| {
            FieldError::new("locale", FieldCode::Unknown, format!("one of {}", LOCALES.join(", "))).found(text)
        })
    }
    /// As text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["ann@example.com", " ann+x@example.com ", "泊@例子.中国", "root@localhost"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ann", "@b", "a@", "a@b@c", "a b@c", "Ann <a@b.c>", "a@b.", "a\0@b", "a@b\r\nBcc: x@y"] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_title_is_one_visible_line() {
        assert_eq!(Title::parse("name", " Ann Lee ").map(|t| t.0), Ok("Ann Lee".into()));
        for (bad, code) in [
            ("  ", FieldCode::Required),
            ("a\nb", FieldCode::BadCharacter),
            ("a\0b", FieldCode::BadCharacter),
            ("a\u{202E}b", FieldCode::BadCharacter),
        ] {
            assert_eq!(Title::parse("name", bad).map_err(|e| e.code), Err(code), "{bad:?}");
        }
        assert!(Title::parse("name", &"x".repeat(81)).is_err());
    }
}
