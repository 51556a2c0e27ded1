//! The files of the tree, with the parts that are tests told apart.

use anyhow::{Context, Result};
use std::{fs, path::Path};
use walkdir::WalkDir;

/// Directories that are made, not written.
const MADE: [&str; 5] = [".git", "node_modules", "target", ".sqlx", "dist"];
/// What is read: everything that people write.
const READ: [&str; 13] = ["rs", "toml", "sql", "proto", "ts", "mjs", "js", "css", "html", "md", "json", "yml", "sh"];

/// All files that people write.
pub struct Tree {
    pub files: Vec<File>,
}

/// One of them.
pub struct File {
    /// From the root, with slashes.
    pub path: String,
    pub text: String,
    /// The line, from 0, where tests begin: 0 for a file of tests, beyond the end for one without.
    tests_from: usize,
}

impl Tree {
    /// Reads the tree below `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let walk = WalkDir::new(root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| !MADE.iter().any(|made| entry.file_name() == *made)) {
            let entry = entry.context("listing the tree")?;
            let kind = entry.path().extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            if !entry.file_type().is_file() || !READ.contains(&kind) {
                continue;
            }
            let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(entry.path()).with_context(|| format!("reading {path}"))?;
            files.push(File::new(path, text));
        }
        Ok(Self { files })
    }
}

impl File {
    /// Finds out where its tests begin.
    pub fn new(path: String, text: String) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let whole = path.contains("/tests/")
            || path.starts_with("e2e/")
            || path.starts_with("crates/testkit/")
            || ["testing.rs", "tests.rs"].contains(&name)
            || name.ends_with("_tests.rs");
        // By custom the tests are last in their file.
        let inner = || text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX);
        let tests_from = if whole { 0 } else { inner() };
        Self { path, text, tests_from }
    }

    /// Its lines without comments, with their number from 1 and whether they belong to a test.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        self.text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line, index >= self.tests_from))
    }

    /// Whether it lies in one of the places, which are files or end with a slash.
    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| if place.ends_with('/') { self.path.starts_with(place) } else { self.path == *place })
    }

    /// Its extension.
    pub fn kind(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}
