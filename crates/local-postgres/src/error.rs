//! What can go wrong, named for what the reader does next.

use std::{io, path::PathBuf};

/// Why the private server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable binaries on this machine.
    #[error("Postgres is not installed: found no initdb in /usr/lib/postgresql/*/bin and none in PATH")]
    NotInstalled,
    /// The data was made by a major version whose binaries are gone.
    #[error("{data_dir} was made by Postgres {wanted}, which is not installed (found: {found})")]
    OtherVersion {
        /// Where the data lies.
        data_dir: PathBuf,
        /// The major version that made it.
        wanted: String,
        /// The major versions that are installed.
        found: String,
    },
    /// Postgres refuses to run as root, and the account that it runs as may not enter a directory on the way.
    #[error(
        "the account {account} may not enter {directory}, where Postgres would keep its data; choose another place"
    )]
    Unreachable {
        /// The account's name.
        account: String,
        /// The first directory that it may not enter.
        directory: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    Init {
        /// What it printed.
        output: String,
    },
    /// The server ended, or never answered.
    #[error("Postgres does not answer; the end of its log ({log}):\n{tail}")]
    NotReady {
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server did not end in time.
    #[error("Postgres (process {pid}) did not stop in time")]
    NotStopped {
        /// Its process.
        pid: i32,
    },
    /// The server refused a command of ours.
    #[error("{what}: Postgres answered with the code {code}; its log says more")]
    Refused {
        /// What was tried.
        what: String,
        /// The SQLSTATE.
        code: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Os {
        /// What was tried.
        what: String,
        /// The refusal.
        source: io::Error,
    },
}

impl Error {
    /// Wraps an error of the operating system with what was tried.
    pub(crate) fn os(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Os { what, source }
    }
}
