//! What people and programs are shown.

use crate::behaviour::Behaviour;
use std::{collections::BTreeMap, env};

/// Parts of a variable's name that say that its value is nobody's business.
const SECRET_HINTS: [&str; 5] = ["SECRET", "PASSWORD", "TOKEN", "KEY", "CREDENTIAL"];

/// Who answers, for programs.
pub fn json(behaviour: &Behaviour) -> String {
    format!(
        "{{\"name\":{},\"version\":{},\"instance\":{},\"greeting\":{}}}\n",
        quote(&behaviour.name),
        quote(&behaviour.version),
        quote(&behaviour.instance),
        quote(&behaviour.greeting)
    )
}

/// The environment, without what looks secret.
pub fn environment() -> String {
    let sorted: BTreeMap<String, String> = env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let pairs: Vec<String> = sorted
        .into_iter()
        .map(|(name, value)| {
            let secret = SECRET_HINTS.iter().any(|hint| name.to_ascii_uppercase().contains(hint));
            format!("{}:{}", quote(&name), quote(if secret { "(hidden)" } else { &value }))
        })
        .collect();
    format!("{{{}}}\n", pairs.join(","))
}

/// Who answers, for people. The colour follows the version, so that a rollout can be watched by reloading.
pub fn html(behaviour: &Behaviour) -> String {
    let hue = behaviour.version.bytes().fold(200_u32, |hue, byte| (hue * 31 + u32::from(byte)) % 360);
    TEMPLATE
        .replace("{hue}", &hue.to_string())
        .replace("{name}", &escape(&behaviour.name))
        .replace("{version}", &escape(&behaviour.version))
        .replace("{instance}", &escape(&behaviour.instance))
        .replace("{greeting}", &escape(&behaviour.greeting))
}

const TEMPLATE: &str = include_str!("page.html");

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('{', "&#123;")
}

fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, quote};

    #[test]
    fn text_stays_text() {
        assert_eq!(quote("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
        assert_eq!(escape("<b>&\"{name}"), "&lt;b&gt;&amp;&quot;&#123;name}");
    }
}
