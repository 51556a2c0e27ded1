//! Reads the tree and says which of its rules is broken where, and why there is such a rule.
//!
//! What Cargo and Clippy can hold, they hold; this is for the rest: who imports whom within a crate, what only one
//! place may say, how long files are.

mod manifests;
mod rules;
mod shape;
mod tree;

use anyhow::{Result, bail};
use tree::Tree;

/// A rule that is broken somewhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `path:line`, or only the path.
    pub place: String,
    /// What was found.
    pub what: String,
    /// Why it is not wanted.
    pub why: &'static str,
}

/// Checks the whole tree and prints what it finds.
pub fn run() -> Result<()> {
    let tree = Tree::read(crate::place::root())?;
    let faults = check(&tree);
    for fault in &faults {
        println!("{}: {}\n    {}", fault.place, fault.what, fault.why);
    }
    println!("tidy: files {}, faults {}", tree.files.len(), faults.len());
    if faults.is_empty() { Ok(()) } else { bail!("the tree is not tidy") }
}

fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = rules::check(tree);
    faults.extend(shape::check(tree));
    faults.extend(manifests::check(tree));
    faults.sort();
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let tree = Tree::read(crate::place::root()).expect("the tree can be read");
        let faults = check(&tree);
        let lines: Vec<String> = faults.iter().map(|f| format!("{}: {} ({})", f.place, f.what, f.why)).collect();
        assert!(faults.is_empty(), "the tree is not tidy:\n{}", lines.join("\n"));
    }
}
