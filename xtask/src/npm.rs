//! Packages from npm: exactly those of the lock file, installed again only when it changes.

use crate::{
    fresh, place,
    process::{find, run},
};
use anyhow::{Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Where the packages of the console lie.
pub fn console() -> PathBuf {
    place::root().join("frontend/js")
}

/// Fills `node_modules` of a directory with a `package-lock.json`.
pub fn install(directory: &Path) -> Result<()> {
    let hash = fresh::hash(&[directory.join("package-lock.json")], &[])?;
    let stamp = directory.join("node_modules/.installed-for");
    fresh::unless_done(&stamp, &hash, || {
        let Some(npm) = find("npm") else { bail!("npm is not installed") };
        run(Command::new(npm).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(directory))
    })?;
    Ok(())
}
