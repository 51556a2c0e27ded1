//! Turns `locales/{language}/{area}.json` into one function per text, and fails the build when the languages do not
//! say the same things: a key or a placeholder that one of them lacks.
//!
//! `"title": "Apps"` becomes `t::{area}::title()`, `"hello": "Hello {{ name }}"` becomes `hello(name)` with arguments
//! in the order of the English text, and `"apps": {"one": "…", "other": "…"}` picks the form by its argument `count`.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write,
    fs,
    path::Path,
};

/// The first one is what the others are compared with. `i18n::Locale` has them in the same order.
const LANGUAGES: [&str; 2] = ["en", "zh-CN"];
/// Areas that are looked up by codes that the server sends; they become one table instead of functions.
const BY_CODE: [&str; 1] = ["codes"];

type Texts = BTreeMap<String, String>;

fn main() {
    println!("cargo:rerun-if-changed=locales");
    println!("cargo:rerun-if-changed=build.rs");
    let areas: BTreeSet<String> = LANGUAGES.iter().flat_map(|language| areas_of(language)).collect();
    let mut faults = Vec::new();
    let mut code = String::new();
    for area in &areas {
        let texts: Vec<Texts> = LANGUAGES.iter().map(|language| read(language, area)).collect();
        let keys: BTreeSet<&str> = texts.iter().flat_map(Texts::keys).map(|key| without_form(key)).collect();
        check(area, &keys, &texts, &mut faults);
        if faults.is_empty() {
            if BY_CODE.contains(&area.as_str()) {
                table(area, &keys, &texts, &mut code)
            } else {
                module(area, &keys, &texts, &mut code)
            }
        }
    }
    assert!(faults.is_empty(), "the languages differ:\n{}", faults.join("\n"));
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("texts.rs"), code).expect("a writable output directory");
}

fn areas_of(language: &str) -> Vec<String> {
    let dir = fs::read_dir(Path::new("locales").join(language)).expect("a directory per language");
    dir.map(|entry| entry.expect("a readable directory").file_name().to_string_lossy().into_owned())
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect()
}

fn read(language: &str, area: &str) -> Texts {
    let path = Path::new("locales").join(language).join(format!("{area}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut out = Texts::new();
    flatten("", &value, &mut out);
    out
}

fn flatten(prefix: &str, value: &Value, out: &mut Texts) {
    match value {
        Value::Object(map) => {
            let plural = map.contains_key("other");
            for (key, inner) in map {
                let joint = if plural { "#" } else { "_" };
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}{joint}{key}") };
                flatten(&path, inner, out);
            }
        }
        Value::String(text) => {
            out.insert(prefix.to_owned(), text.clone());
        }
        other => panic!("{prefix}: {other} is no text"),
    }
}

fn without_form(key: &str) -> &str {
    key.split_once('#').map_or(key, |(key, _)| key)
}

/// The text that every language must have: the only one, or the plural's general form.
fn general<'a>(texts: &'a Texts, key: &str) -> Option<&'a String> {
    texts.get(key).or_else(|| texts.get(&format!("{key}#other")))
}

fn check(area: &str, keys: &BTreeSet<&str>, texts: &[Texts], faults: &mut Vec<String>) {
    for key in keys {
        let found: Vec<_> = texts.iter().map(|of_language| general(of_language, key)).collect();
        for (language, text) in LANGUAGES.iter().zip(&found) {
            if text.is_none() {
                faults.push(format!("locales/{language}/{area}.json: {key} is missing"));
            }
        }
        let holes: BTreeSet<BTreeSet<String>> =
            found.iter().flatten().map(|text| placeholders(text).into_iter().collect()).collect();
        // What the server sends as parameters may be said in one language and left out in another.
        if holes.len() > 1 && !BY_CODE.contains(&area) {
            faults.push(format!("{area}.json: the languages fill different placeholders into {key}: {holes:?}"));
        }
    }
}

fn placeholders(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in text.split("{{").skip(1) {
        let name = part.split_once("}}").map(|(name, _)| name.trim().to_owned()).expect("a closed placeholder");
        if !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

fn module(area: &str, keys: &BTreeSet<&str>, texts: &[Texts], code: &mut String) {
    let mut body = String::new();
    for key in keys {
        let plural = texts[0].contains_key(&format!("{key}#other"));
        let english = general(&texts[0], key).expect("checked before");
        let names = placeholders(english);
        let general: Vec<_> =
            texts.iter().map(|of_language| general(of_language, key).expect("checked before")).collect();
        let parameters: Vec<_> = names
            .iter()
            .map(|name| if plural && name == "count" { "count: u64".into() } else { format!("{name}: impl Display") })
            .collect();
        writeln!(body, "    /// {}", english.replace('\n', " ")).expect("a string takes everything");
        writeln!(
            body,
            "    pub fn {key}({}) -> {} {{",
            parameters.join(", "),
            if names.is_empty() { "&'static str" } else { "String" }
        )
        .expect("a string takes everything");
        let text = if plural {
            let singular: Vec<_> = texts
                .iter()
                .zip(&general)
                .map(|(of_language, general)| of_language.get(&format!("{key}#one")).unwrap_or(general))
                .collect();
            format!("if count == 1 {{ pick({singular:?}) }} else {{ pick({general:?}) }}")
        } else {
            format!("pick({general:?})")
        };
        if names.is_empty() {
            writeln!(body, "        {text}\n    }}").expect("a string takes everything");
        } else {
            let values: Vec<_> = names
                .iter()
                .map(|name| {
                    if plural && name == "count" {
                        "(\"count\", &crate::i18n::number(count))".to_owned()
                    } else {
                        format!("({name:?}, &{name})")
                    }
                })
                .collect();
            writeln!(body, "        fill({text}, &[{}])\n    }}", values.join(", "))
                .expect("a string takes everything");
        }
    }
    writeln!(code, "/// `locales/*/{area}.json`.\n#[allow(dead_code, unused_imports, clippy::if_same_then_else, clippy::empty_docs)]\npub mod {area} {{\n    use crate::i18n::{{fill, pick}};\n    use std::fmt::Display;\n{body}}}").expect("a string takes everything");
}

fn table(area: &str, keys: &BTreeSet<&str>, texts: &[Texts], code: &mut String) {
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            format!(
                "({key:?}, {:?})",
                texts.iter().map(|of_language| general(of_language, key).expect("checked before")).collect::<Vec<_>>()
            )
        })
        .collect();
    writeln!(
        code,
        "/// `locales/*/{area}.json`, sorted by key.\npub static {}: &[(&str, [&str; {}])] = &[{}];",
        area.to_uppercase(),
        LANGUAGES.len(),
        rows.join(", ")
    )
    .expect("a string takes everything");
}
