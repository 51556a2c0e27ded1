//! How results are shown: tables for people, JSON for programs.

use anyhow::Result;
use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::{
    fmt::Display,
    io::{IsTerminal, Write as _},
};

/// Prints rows under headings, or the values as JSON.
pub fn list<T: Serialize>(json: bool, items: &[T], headings: &[&str], row: impl Fn(&T) -> Vec<String>) -> Result<()> {
    if json {
        return value(items);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings);
    for item in items {
        table.add_row(row(item));
    }
    line(table.trim_fmt())
}

/// Prints a value as JSON.
pub fn value(value: &(impl Serialize + ?Sized)) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Says that something was done: a sentence for people, facts for programs.
pub fn done(json: bool, sentence: impl Display, facts: &serde_json::Value) -> Result<()> {
    if json { value(facts) } else { line(sentence) }
}

/// Prints a line. A reader that has had enough (`berth logs --follow | head`) is no fault: see [`is_unread`].
pub fn line(text: impl Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Whether an error says only that nobody reads the output any more.
pub fn is_unread(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// `rolling_out` → `rolling out`: words of the contract, for people.
pub fn word(value: &impl Serialize) -> String {
    let text = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned));
    text.unwrap_or_default().replace('_', " ")
}

/// An image as one would say it: without the default registry, and the digest as short as one can still compare it.
pub fn image(reference: &str) -> String {
    const DIGEST: &str = "@sha256:";
    const SHORT: usize = 12;
    let name = reference.strip_prefix("docker.io/").unwrap_or(reference);
    match name.split_once(DIGEST) {
        Some((name, digest)) => format!("{name}{DIGEST}{}", digest.get(..SHORT).unwrap_or(digest)),
        None => name.to_owned(),
    }
}

/// How long ago something was: `3m`, `5h`, `2d`.
pub fn age(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - since).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Text of strangers: on a terminal its control characters could move the cursor or worse.
pub fn harmless(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    #[test]
    fn images_are_short() {
        let digest = "a".repeat(64);
        assert_eq!(image(&format!("docker.io/library/nginx:1@sha256:{digest}")), "library/nginx:1@sha256:aaaaaaaaaaaa");
        assert_eq!(image("ghcr.io/a/b:2"), "ghcr.io/a/b:2");
    }

    #[test]
    fn ages_are_short() {
        let now = DateTime::<Utc>::UNIX_EPOCH + Duration::days(30);
        let cases = [(5, "5s"), (125, "2m"), (7_300, "2h"), (200_000, "2d"), (-5, "0s")];
        for (seconds, expected) in cases {
            assert_eq!(age(now - Duration::seconds(seconds), now), expected);
        }
    }
}
