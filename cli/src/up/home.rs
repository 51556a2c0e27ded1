//! The directory where a platform keeps everything, and the lock that lets only one `berth up` use it.

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A platform's directory.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// Names it; nothing is made yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The private Postgres.
    pub fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// The private Docker Engine.
    pub fn docker(&self) -> PathBuf {
        self.path.join("docker")
    }

    /// What the server keeps.
    pub fn server(&self) -> PathBuf {
        self.path.join("server")
    }

    /// What the agent keeps.
    pub fn agent(&self) -> PathBuf {
        self.path.join("agent")
    }

    /// The first node's join token.
    pub fn join_token(&self) -> PathBuf {
        self.path.join("join-token")
    }

    /// What the programs print.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join("log").join(format!("{name}.log"))
    }

    /// The number of a program's process.
    pub fn pid_file(&self, name: &str) -> PathBuf {
        self.path.join("run").join(format!("{name}.pid"))
    }

    /// Appears when this machine's node is in service.
    pub fn node_ready(&self) -> PathBuf {
        self.path.join("run").join("node-ready")
    }

    /// Which engine the apps run on, for `berth down`.
    pub fn engine_file(&self) -> PathBuf {
        self.path.join("engine-socket")
    }

    /// Makes the directory and locks it for this process.
    pub fn lock(&self) -> Result<HomeLock> {
        self.check_ours()?;
        for directory in [self.path.clone(), self.path.join("log"), self.path.join("run"), self.server(), self.agent()]
        {
            fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
            // Others may pass through the first one, because Postgres runs under an account of its own; no further.
            let mode = if directory == self.path { 0o711 } else { 0o700 };
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode))
                .with_context(|| format!("{} belongs to somebody else", directory.display()))?;
        }
        let path = self.lock_file();
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                lock.set_len(0)?;
                lock.rewind()?;
                write!(lock, "{}", std::process::id())?;
                Ok(HomeLock { _lock: lock })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).ok();
                bail!(
                    "a platform already runs from {} (process {pid}): stop it first, or give this one another --home, \
                     --listen and --agent-listen",
                    self.path.display()
                )
            }
            Err((_, errno)) => Err(errno).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// A directory with other things in it is not taken: `berth down` removes it with all that is there.
    fn check_ours(&self) -> Result<()> {
        let empty = fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_none());
        if !empty && !self.lock_file().exists() {
            bail!("{} holds other things: give --home a directory of its own", self.path.display());
        }
        Ok(())
    }

    /// The `berth up` that uses this directory, if one runs.
    pub fn user(&self) -> Option<i32> {
        let file = File::open(self.lock_file()).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).ok()?;
                pid.trim().parse().ok()
            }
            _ => None,
        }
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("up.lock")
    }
}

/// Writes a file that only its owner reads: settings may hold passwords.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    // The mode above is only that of a new file.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Held for as long as the platform runs.
#[derive(Debug)]
pub struct HomeLock {
    _lock: Flock<File>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_may_use_a_home() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::new(&dir.path().join("home"));
        assert_eq!(home.user(), None);
        let lock = home.lock().expect("free");
        assert_eq!(home.user(), i32::try_from(std::process::id()).ok());
        let refused = home.lock().expect_err("taken").to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(lock);
        home.lock().expect("free again");
    }

    #[test]
    fn settings_are_read_by_their_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("server.toml");
        fs::write(&path, "of an older version, for all to read").expect("written");
        write_private(&path, "secret = true").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "secret = true");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_of_others_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("thesis.odt"), "").expect("written");
        Home::new(dir.path()).lock().expect_err("it is not ours");
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1);
    }
}
