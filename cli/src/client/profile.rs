//! What `berth login` and `berth use` remember, in a file that only its owner may read.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The remembered things.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// `http://127.0.0.1:7800`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// A personal token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Its id, when we made it and may revoke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// Where commands work unless they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// Where it is kept.
pub fn path() -> Result<PathBuf> {
    if let Some(path) = env::var_os("BERTH_CLIENT_CONFIG") {
        return Ok(path.into());
    }
    let base = match env::var_os("XDG_CONFIG_HOME").filter(|base| !base.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".config"),
    };
    Ok(base.join("berth/client.toml"))
}

impl Profile {
    /// Reads it; nothing remembered is no error.
    pub fn load(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Writes it whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let directory = path.parent().context("it has no directory")?;
            fs::create_dir_all(directory)?;
            let unfinished = path.with_extension("unfinished");
            let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
            // The mode above counts only for a new file.
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(toml::to_string(self)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            Ok(())
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_and_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/client.toml");
        assert_eq!(Profile::load(&path).expect("nothing yet"), Profile::default());
        let profile = Profile { server: Some("http://x".into()), token: Some("secret".into()), ..Profile::default() };
        profile.save(&path).expect("written");
        assert_eq!(Profile::load(&path).expect("read"), profile);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
