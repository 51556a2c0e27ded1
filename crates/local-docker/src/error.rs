//! What can go wrong, named for what the reader does next.

use std::{io, path::PathBuf};

/// Why the private engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine's programs are not on this machine.
    #[error("{program} is not installed (Debian: apt-get install docker.io)")]
    NotInstalled {
        /// The missing one.
        program: &'static str,
    },
    /// Only root can run an engine.
    #[error("only root can start a Docker Engine")]
    NotRoot,
    /// The path of a socket is too long for the operating system.
    #[error("{path} is too long for a socket: choose a shorter place")]
    PathTooLong {
        /// The socket.
        path: PathBuf,
    },
    /// A program ended, or never answered.
    #[error("{program} does not answer; the end of its log ({log}):\n{tail}")]
    NotReady {
        /// Which.
        program: &'static str,
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A program did not end in time.
    #[error("{program} (process {pid}) did not stop in time")]
    NotStopped {
        /// Which.
        program: &'static str,
        /// Its process.
        pid: i32,
    },
    /// The engine refused a request.
    #[error("Docker answered {status} to {request}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
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
