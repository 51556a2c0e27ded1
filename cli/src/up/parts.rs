//! The other parts of an installation: programs beside this one, console and sample in `share/berth`.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::{Path, PathBuf},
};

/// Where they are.
#[derive(Debug)]
pub struct Parts {
    pub server: PathBuf,
    pub agent: PathBuf,
    pub console: PathBuf,
    pub sample: PathBuf,
}

impl Parts {
    /// Finds them, or says which one is missing.
    pub fn find() -> Result<Self> {
        let berth = env::current_exe().and_then(std::fs::canonicalize).context("finding this program's own file")?;
        let directory = berth.parent().context("this program lies in no directory")?;
        let parts = Self {
            server: directory.join("berth-server"),
            agent: directory.join("berth-agent"),
            console: share(directory).join("console"),
            sample: share(directory).join("hello.tar"),
        };
        for part in [&parts.server, &parts.agent, &parts.console.join("index.html"), &parts.sample] {
            ensure!(part.exists(), "{} is missing: is this a whole installation?", part.display());
        }
        Ok(parts)
    }
}

/// `share/berth` beside the programs, as in an archive, or beside their `bin`, as in a system's directories.
fn share(directory: &Path) -> PathBuf {
    let beside = directory.join("share/berth");
    match directory.parent() {
        Some(parent) if !beside.is_dir() => parent.join("share/berth"),
        _ => beside,
    }
}
