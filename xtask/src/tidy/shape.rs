//! How files look: their length, their first line, the names of migrations.

use super::{Fault, tree::Tree};
use regex::Regex;
use std::collections::BTreeMap;

/// Longest file that people write.
const LINES_MAX: usize = 500;

/// Every file that is not in shape.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in &tree.files {
        let lines = file.text.lines().count();
        if ["rs", "ts", "mjs", "css"].contains(&file.kind()) && lines > LINES_MAX {
            faults.push(Fault {
                place: file.path.clone(),
                what: format!("{lines} lines"),
                why: "past 500 lines a structure is missing: look for it",
            });
        }
        if file.kind() == "rs" && !file.text.starts_with("//!") {
            faults.push(Fault {
                place: file.path.clone(),
                what: "no module documentation".into(),
                why: "a module starts with what it is for and what it never does",
            });
        }
    }
    faults.extend(migrations(tree));
    faults
}

fn migrations(tree: &Tree) -> Vec<Fault> {
    let name = Regex::new(r"^migrations/(\d{4})_[a-z]+_[a-z0-9_]+\.sql$").expect("a valid pattern");
    let mut numbers: BTreeMap<String, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with("migrations/") && file.kind() == "sql") {
        let Some(found) = name.captures(&file.path) else {
            faults.push(Fault {
                place: file.path.clone(),
                what: "not named NNNN_verb_noun.sql".into(),
                why: "migrations run in the order of their numbers",
            });
            continue;
        };
        if let Some(other) = numbers.insert(found[1].to_owned(), &file.path) {
            faults.push(Fault {
                place: file.path.clone(),
                what: format!("has the number of {other}"),
                why: "migrations run in the order of their numbers",
            });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{super::tree::File, *};

    #[test]
    fn a_shape_that_is_off_is_found() {
        let file = |path: &str, text: &str| File::new(path.into(), text.into());
        let files = vec![
            file("agent/src/a.rs", "fn main() {}"),
            file("agent/src/b.rs", &format!("//! B.\n{}", "\n".repeat(LINES_MAX))),
            file("migrations/0001_create_foundation.sql", ""),
            file("migrations/0001_create_other.sql", ""),
            file("migrations/more.sql", ""),
        ];
        assert_eq!(check(&Tree { files }).len(), 4);
    }
}
