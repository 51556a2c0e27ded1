//! Reads a pasted `.env` file: what people have at hand when they move an app here.

/// One line of a `.env` file that names a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value, without the quotes.
    pub value: String,
}

/// The assignments of `text`, in its order. Comments, blank lines and lines without `=` are left out; `export` is
/// taken off; quoted values may go over several lines. Nothing is expanded: `$` stays what it is.
pub fn parse(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(&value[1..], quote, &mut lines),
            _ => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
        };
        found.push(Assignment { name: name.trim().to_owned(), value });
    }
    found
}

/// Whether a paste is meant as a file rather than as one value: it assigns something on its first line that counts.
pub fn looks_like_file(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    text.lines()
        .map(|line| line.trim_start().trim_start_matches("export ").trim_start())
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .and_then(|line| line.split_once('='))
        .is_some_and(|(name, _)| is_name(name.trim_end()))
}

/// The text up to the closing quote, over as many lines as it takes. In double quotes `\n`, `\"` and `\\` are escapes.
fn quoted<'a>(first: &'a str, quote: char, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    let mut rest = first;
    loop {
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if quote == '"' => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some(other @ ('"' | '\\' | '$')) => out.push(other),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                },
                c if c == quote => return out,
                c => out.push(c),
            }
        }
        let Some(next) = lines.next() else { return out };
        out.push('\n');
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).into_iter().map(|a| (a.name, a.value)).collect()
    }

    #[test]
    fn a_file_as_people_write_it_is_read() {
        let text = "# settings\nexport LOG_LEVEL=info # default\n\nURL=postgres://u:p#x@db/a?b=c\nEMPTY=\nQUOTED=\"two words\"\n";
        let want =
            [("LOG_LEVEL", "info"), ("URL", "postgres://u:p#x@db/a?b=c"), ("EMPTY", ""), ("QUOTED", "two words")];
        assert_eq!(pairs(text), want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn quotes_keep_lines_and_escapes() {
        let text = "KEY=\"-----BEGIN-----\nabc\n-----END-----\"\nRAW='a\\nb'\nESC=\"a\\nb\"";
        let want = [("KEY", "-----BEGIN-----\nabc\n-----END-----"), ("RAW", "a\\nb"), ("ESC", "a\nb")];
        assert_eq!(pairs(text), want.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_value_is_not_taken_for_a_file() {
        assert!(looks_like_file("# x\nA=1\nB=2"));
        assert!(looks_like_file("A=1"));
        for value in ["info", "https://example/?a=b", "a b=c", ""] {
            assert!(!looks_like_file(value), "{value}");
        }
    }
}
