//! Where the machine keeps Postgres. Debian puts each major version into a directory of its own, outside PATH.

use crate::error::Error;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Holds `initdb` and `postgres`.
    pub directory: PathBuf,
    /// Its major version: `15`.
    pub major: u32,
}

impl Binaries {
    /// All installed versions, the newest first.
    pub fn installed() -> Vec<Self> {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
        let path = env::var_os("PATH").unwrap_or_default();
        let mut found: Vec<Self> = debian.chain(env::split_paths(&path)).filter_map(|dir| Self::in_dir(&dir)).collect();
        found.sort_by_key(|b| std::cmp::Reverse(b.major));
        found.dedup_by_key(|b| b.major);
        found
    }

    /// The binaries for a data directory: those that made it, or the newest ones when it is yet to be made.
    pub fn for_data(data_dir: &Path) -> Result<Self, Error> {
        let installed = Self::installed();
        let newest = installed.first().cloned().ok_or(Error::NotInstalled)?;
        let Ok(wanted) = fs::read_to_string(data_dir.join("PG_VERSION")) else { return Ok(newest) };
        let wanted = wanted.trim().to_owned();
        installed.iter().find(|b| b.major.to_string() == wanted).cloned().ok_or_else(|| Error::OtherVersion {
            data_dir: data_dir.to_owned(),
            wanted,
            found: installed.iter().map(|b| b.major.to_string()).collect::<Vec<_>>().join(", "),
        })
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn in_dir(directory: &Path) -> Option<Self> {
        if !directory.join("initdb").is_file() || !directory.join("postgres").is_file() {
            return None;
        }
        let directory = fs::canonicalize(directory).ok()?;
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { directory, major })
    }
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` → 15; development versions say `18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(2)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }
}
