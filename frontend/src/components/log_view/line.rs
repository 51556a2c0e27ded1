//! One line of a log: what it says, how bad it is, and how it reads without its control characters.

use berth_api_types::v1::logs::LogLineView;
use chrono::{DateTime, SecondsFormat, Utc};
use std::{fmt::Write, sync::Arc};

/// How bad a line is, as far as its text says so. Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Says nothing of it.
    #[default]
    Any,
    /// A warning.
    Warn,
    /// An error.
    Error,
}

/// A line and its number in the view.
#[derive(Debug, Clone)]
pub struct Line {
    /// Grows by one from line to line.
    pub number: u64,
    /// When Docker read it.
    pub at: DateTime<Utc>,
    /// The instance's name.
    pub instance: Arc<str>,
    /// Whether it came on standard error.
    pub stderr: bool,
    /// The text, without terminal escapes.
    pub text: Arc<str>,
    /// Whether the line was longer than the platform keeps.
    pub truncated: bool,
    /// How bad it is.
    pub level: Level,
}

/// A line never changes, so its number says whether it is the same.
impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.at == other.at
    }
}

impl Line {
    /// The line that came as `view`.
    pub fn new(number: u64, view: LogLineView, instance: Arc<str>) -> Self {
        let text = plain(&view.text);
        let level = level_of(&text);
        let LogLineView { at, stderr, truncated, .. } = view;
        Self { number, at, instance, stderr, text: text.into(), truncated, level }
    }
    /// Adds the line to a text file.
    pub fn write_to(&self, out: &mut String) {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let stream = if self.stderr { "stderr" } else { "stdout" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{at} {} {stream} {}", self.instance, self.text);
    }
}

/// Bytes at the start of a line that are searched for a level: a word far behind is part of a message.
const LEVEL_BYTES: usize = 160;

/// The level that a line names, as the usual loggers write it: `ERROR`, `level=error`, `"level":"error"`, `[error]`.
fn level_of(text: &str) -> Level {
    let mut end = text.len().min(LEVEL_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let mut found = Level::Any;
    let mut previous = "";
    for word in head.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
        let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        let level = if is(&["error", "err", "fatal", "panic", "critical", "crit"]) {
            Level::Error
        } else if is(&["warn", "warning"]) {
            Level::Warn
        } else {
            Level::Any
        };
        let said = || {
            word.bytes().all(|b| b.is_ascii_uppercase())
                || matches!(previous, "level" | "lvl" | "severity")
                || head.contains(&format!("[{word}]"))
        };
        if level > found && said() {
            found = level;
        }
        previous = word;
    }
    found
}

/// The text without terminal escapes; other control characters become their pictures, tabs become spaces.
fn plain(text: &str) -> String {
    if !text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => out.push_str("    "),
            '\r' | '\n' if chars.peek().is_none() => {}
            c if (c as u32) < 0x20 => out.extend(char::from_u32(0x2400 + c as u32)),
            '\u{7f}' => out.push('\u{2421}'),
            c => out.push(c),
        }
    }
    out
}

/// Skips the rest of an escape sequence: `[…letter`, `]…BEL`, or one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Whether `text` contains `needle`; upper and lower case are the same.
pub fn contains_ignoring_case(text: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    if !needle.is_ascii() {
        return text.contains(needle) || text.to_lowercase().contains(&needle.to_lowercase());
    }
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let (lower, upper) = (needle[0].to_ascii_lowercase(), needle[0].to_ascii_uppercase());
    text.windows(needle.len())
        .any(|window| (window[0] == lower || window[0] == upper) && window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_page() {
        assert_eq!(plain("\u{1b}[1;32mok\u{1b}[0m\tdone\r"), "ok    done");
        assert_eq!(plain("\u{1b}]0;title\u{7}x\u{0}y"), "x\u{2400}y");
        assert_eq!(plain("泊位"), "泊位");
    }

    #[test]
    fn levels_are_found_as_loggers_write_them() {
        for (text, want) in [
            ("2026-01-01T00:00:00Z ERROR db: down", Level::Error),
            ("level=warn msg=slow", Level::Warn),
            (r#"{"level":"error","msg":"x"}"#, Level::Error),
            ("[warning] disk", Level::Warn),
            ("no error here", Level::Any),
            ("GET /errors 200", Level::Any),
        ] {
            assert_eq!(level_of(text), want, "{text}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert!(contains_ignoring_case("GET /Cart", "cart"));
        assert!(contains_ignoring_case("订单 Ärger", "ärger"));
        assert!(!contains_ignoring_case("ab", "abc"));
    }
}
