//! A command as one line of text and as words. Quotes group; nothing is expanded, as no shell will see it.

/// Splits a line into words. `'…'` keeps everything, `"…"` knows `\"` and `\\`, a backslash keeps the next character.
/// `None` when a quote is not closed.
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            other @ ('"' | '\\') => word.push(other),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// The line that [`split`] reads back as `words`.
pub fn join(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group_words() {
        let words = split(r#"sh -c "echo \"hi\"; sleep 1" 'a b' c\ d ''"#).expect("all quotes are closed");
        assert_eq!(words, ["sh", "-c", r#"echo "hi"; sleep 1"#, "a b", "c d", ""]);
    }

    #[test]
    fn an_open_quote_is_no_command() {
        assert_eq!(split("sh -c 'oops"), None);
        assert_eq!(split("\"oops"), None);
        assert_eq!(split("  "), Some(Vec::new()));
    }

    #[test]
    fn what_is_joined_reads_back() {
        let words: Vec<String> = ["a", "", "b c", "d\"e", "f\\g", "'", "\n", "$(id)"].map(String::from).into();
        assert_eq!(split(&join(&words)), Some(words));
    }
}
