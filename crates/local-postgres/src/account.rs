//! The account that Postgres runs as: ourselves, or, because Postgres refuses root, `postgres` or `nobody`.

use crate::error::Error;
use nix::unistd::{Gid, Group, Uid, User, chown, geteuid};
use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

/// The account that Postgres runs as.
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    /// Set when we are root and must become somebody else.
    other: Option<(Uid, Gid)>,
}

impl Account {
    /// Ourselves; as root, `postgres` when there is such an account, else `nobody`.
    pub fn choose() -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Ok(Self { name: "this user".into(), other: None });
        }
        for name in ["postgres", "nobody"] {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(Self { name: name.into(), other: Some((user.uid, user.gid)) });
            }
        }
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "neither postgres nor nobody exists");
        Err(Error::Os { what: "finding an account for Postgres".into(), source })
    }

    /// A command that runs as this account, in `/`, without any setting of another Postgres.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some((uid, gid)) = self.other {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    /// Makes a directory that only this account may enter, with its parents.
    pub(crate) fn make_private_dir(&self, directory: &Path) -> Result<(), Error> {
        let failed = || Error::os(format!("making {}", directory.display()));
        fs::create_dir_all(directory).map_err(failed())?;
        fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(failed())?;
        self.own(directory)
    }

    /// Gives a file or directory to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        let Some((uid, gid)) = self.other else { return Ok(()) };
        chown(path, Some(uid), Some(gid)).map_err(std::io::Error::from).map_err(Error::os(format!(
            "giving {} to {}",
            path.display(),
            self.name
        )))
    }

    /// Checks that this account may enter every directory above `path`; otherwise Postgres fails with a riddle.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        let Some((uid, gid)) = self.other else { return Ok(()) };
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|a| !a.as_os_str().is_empty()).collect();
        above.reverse();
        for directory in above {
            let meta = fs::metadata(directory).map_err(Error::os(format!("reading {}", directory.display())))?;
            let bit = if meta.uid() == uid.as_raw() {
                0o100
            } else if meta.gid() == gid.as_raw() || in_group(&self.name, meta.gid()) {
                0o010
            } else {
                0o001
            };
            if meta.mode() & bit == 0 {
                return Err(Error::Unreachable { account: self.name.clone(), directory: directory.to_owned() });
            }
        }
        Ok(())
    }
}

fn in_group(account: &str, gid: u32) -> bool {
    matches!(Group::from_gid(Gid::from_raw(gid)), Ok(Some(group)) if group.mem.iter().any(|member| member == account))
}
