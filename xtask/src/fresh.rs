//! Skips work whose inputs have not changed: a stamp beside the output holds the hash of what it was made from.

use crate::place;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};
use walkdir::WalkDir;

/// Directories that are made, not written.
const MADE: [&str; 3] = ["node_modules", "target", "dist"];

/// The hash of all files below the given paths of the tree, and of some words.
pub fn hash(paths: &[PathBuf], words: &[&str]) -> Result<String> {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update(word.as_bytes());
        hasher.update([0]);
    }
    for path in paths {
        let files = WalkDir::new(path).sort_by_file_name().into_iter();
        for entry in files.filter_entry(|e| !MADE.iter().any(|made| e.file_name() == *made)) {
            let entry = entry.with_context(|| format!("listing {}", path.display()))?;
            if entry.file_type().is_file() {
                // Relative: the same tree elsewhere makes the same things.
                let name = entry.path().strip_prefix(place::root()).unwrap_or(entry.path());
                hasher.update(name.as_os_str().as_encoded_bytes());
                hasher.update(fs::read(entry.path())?);
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// Runs `work` unless the stamp says that it was done for this hash. Returns whether it ran.
pub fn unless_done(stamp: &Path, hash: &str, work: impl FnOnce() -> Result<()>) -> Result<bool> {
    if fs::read_to_string(stamp).is_ok_and(|done| done == hash) {
        return Ok(false);
    }
    fs::remove_file(stamp).ok();
    work()?;
    if let Some(parent) = stamp.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(stamp, hash)?;
    Ok(true)
}

/// Makes cargo compile the crates that lie at the given paths. It goes by the age of files, and another checkout that
/// shares the target directory may have built something newer from other sources.
pub fn make_new(crates: &[PathBuf]) -> Result<()> {
    for root in crates.iter().flat_map(|path| ["src/lib.rs", "src/main.rs"].map(|file| path.join(file))) {
        if root.is_file() {
            let file = fs::File::options().append(true).open(&root);
            let touched = file.and_then(|file| file.set_modified(SystemTime::now()));
            touched.with_context(|| format!("touching {}", root.display()))?;
        }
    }
    Ok(())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
