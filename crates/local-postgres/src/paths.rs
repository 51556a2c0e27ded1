//! Where a private server keeps its things.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Longest path of a Unix socket, in bytes: `sun_path` holds 108 with its closing zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The port only names the socket; nothing listens on it.
pub const PORT: u16 = 5432;

/// The data directory proper.
pub fn data(home: &Path) -> PathBuf {
    home.join("data")
}

/// What the server prints.
pub fn log(home: &Path) -> PathBuf {
    home.join("postgres.log")
}

/// The directory of the socket: the home itself, or, where that path is too long for a socket, a short one in /tmp.
pub fn socket_dir(home: &Path) -> PathBuf {
    if socket(home).as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES_MAX {
        return home.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    PathBuf::from(format!("/tmp/berth-postgres-{:016x}", hasher.finish()))
}

/// The socket in its directory.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

/// The file with which a server says that the socket is its own.
pub fn socket_lock(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_home_gets_a_short_socket() {
        let short = Path::new("/var/lib/berth/postgres");
        assert_eq!(socket_dir(short), short);
        let long = PathBuf::from(format!("/{}", "long/".repeat(30)));
        let directory = socket_dir(&long);
        assert!(socket(&directory).as_os_str().len() <= SOCKET_PATH_BYTES_MAX);
        assert_eq!(directory, socket_dir(&long), "the same home always finds its socket again");
    }
}
