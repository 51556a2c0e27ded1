//! The browser tests: Chromium through the console against the platform as a user starts it.

use crate::{console::Mode, npm, place, prerequisites, process::run, up};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf, process::Command};

/// Builds what is tested and runs the tests.
pub fn run_e2e(filter: Option<&str>) -> Result<()> {
    prerequisites::for_tests()?;
    up::build_installation(false, Mode::Small)?;
    run(&mut tests(filter)?)
}

/// The tests' command; the installation has been built.
pub fn tests(filter: Option<&str>) -> Result<Command> {
    let directory = place::root().join("e2e");
    npm::install(&directory)?;
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec"]);
    if let Some(filter) = filter {
        command.arg(format!("--test-name-pattern={filter}"));
    }
    // Named one by one: versions of node differ in what they make of a directory.
    command.args(files(&directory.join("tests"))?).current_dir(&directory);
    command.env("BERTH_INSTALLATION", place::installation()).env("CARGO_TARGET_DIR", place::target());
    Ok(command)
}

fn files(directory: &PathBuf) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("listing {}", directory.display()))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    Ok(files)
}
