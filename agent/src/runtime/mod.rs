//! The door to a container engine. Two sides are real: the Docker Engine, and an engine in memory in `tests/it`.
//!
//! Every call ends: with an answer, or with [`RuntimeError::Unavailable`] after its deadline.

pub mod classify;
pub mod docker;
pub mod raw;
pub mod wire;

use crate::{
    container::{Container, ContainerRequest},
    reason::{Failure, Reason},
};
use async_trait::async_trait;
use berth_domain::id::InstallId;
use bytes::Bytes;
use futures::stream::BoxStream;
use secrecy::SecretString;
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why the engine did not do it, named for what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// It does not answer: try again when it does.
    #[error("the Docker Engine does not answer: {0}")]
    Unavailable(String),
    /// There is no such container, network or image.
    #[error("{0}")]
    NotFound(String),
    /// The image is not on this node: get it.
    #[error("{0}")]
    ImageMissing(String),
    /// The network is not on this node: make it.
    #[error("{0}")]
    NetworkMissing(String),
    /// There is one of that name: look at it.
    #[error("{0}")]
    NameTaken(String),
    /// It cannot be done.
    #[error("{0}")]
    Failed(Failure),
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Failed(failure) => failure,
            RuntimeError::Unavailable(_) => Self::new(Reason::DockerUnavailable, error.to_string()),
            RuntimeError::ImageMissing(message) => Self::new(Reason::ImageNotFound, message),
            RuntimeError::NameTaken(message) => Self::new(Reason::NameTaken, message),
            RuntimeError::NotFound(message) | RuntimeError::NetworkMissing(message) => {
                Self::new(Reason::StartFailed, message)
            }
        }
    }
}

/// What a call gives.
pub type RuntimeResult<T> = Result<T, RuntimeError>;

/// A container as a list shows it: enough to see whether a closer look is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Whether its process runs.
    pub running: bool,
}

/// What the engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// Where it keeps its data; the disk that fills up.
    pub root: String,
}

/// A user name and password for a registry. Never printed, never written to disk.
#[derive(Debug, Clone)]
pub struct Credential {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}

/// How far a pull is, in bytes over all layers. The total grows while the engine discovers layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// Fetched so far.
    pub bytes: u64,
    /// Of all layers known so far; 0 when none is.
    pub total: u64,
}

/// Something happened to a container; look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Which.
    pub id: String,
    /// What.
    pub kind: ContainerEventKind,
}

/// What may happen to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEventKind {
    /// Its process began.
    Started,
    /// Its process ended.
    Died,
    /// It is gone.
    Destroyed,
}

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    /// Lines from the end.
    pub tail: u32,
    /// Go on as lines come.
    pub follow: bool,
    /// Unix milliseconds; 0 = from the start.
    pub since_ms: u64,
    /// Unix milliseconds; 0 = no end.
    pub until_ms: u64,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Unix nanoseconds, by the engine.
    pub at_ns: u64,
    /// Whether it came by standard error.
    pub stderr: bool,
    /// Without the newline.
    pub text: Bytes,
    /// Whether the rest of a long line was cut.
    pub truncated: bool,
}

/// A running command with a terminal.
pub struct Terminal {
    /// For resizing and for its exit code.
    pub exec_id: String,
    /// What it prints, raw.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// What it reads, raw.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Characters in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A container engine.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// Whether it answers.
    async fn ping(&self) -> RuntimeResult<()>;
    /// What it says of itself.
    async fn engine(&self) -> RuntimeResult<EngineFacts>;
    /// Digests, ids and names of the images that are there.
    async fn images(&self) -> RuntimeResult<Vec<String>>;

    /// Every container of the installation, also the ended ones.
    async fn list(&self, install: InstallId) -> RuntimeResult<Vec<Listed>>;
    /// A closer look, by id or name. `None` when there is none.
    async fn inspect(&self, id: &str) -> RuntimeResult<Option<Container>>;
    /// Makes a container and returns its id. Checks the request by [`crate::admit`] last.
    async fn create(&self, request: &ContainerRequest) -> RuntimeResult<String>;
    /// Changes how much of the processor a container may use, running or not, in thousandths of a core.
    async fn limit_cpu(&self, id: &str, cpu_milli: u64) -> RuntimeResult<()>;
    /// Starts its process; does nothing when it runs.
    async fn start(&self, id: &str) -> RuntimeResult<()>;
    /// SIGTERM, the grace, SIGKILL; returns when it has ended or is gone. `None`: the grace that it was made with.
    async fn stop(&self, id: &str, grace_s: Option<u32>) -> RuntimeResult<()>;
    /// Removes it with its anonymous volumes, running or not; does nothing when it is gone.
    async fn remove(&self, id: &str) -> RuntimeResult<()>;
    /// What happens to containers of the installation, until the connection breaks.
    async fn events(&self, install: InstallId) -> RuntimeResult<BoxStream<'static, ContainerEvent>>;

    /// Makes a network when there is none of that name.
    async fn ensure_network(&self, name: &str, labels: &BTreeMap<String, String>) -> RuntimeResult<()>;
    /// Names of the installation's networks.
    async fn networks(&self, install: InstallId) -> RuntimeResult<Vec<String>>;
    /// Removes a network that nothing is on; does nothing when it is gone.
    async fn remove_network(&self, name: &str) -> RuntimeResult<()>;

    /// Fetches an image from its registry.
    async fn pull(
        &self,
        reference: &str,
        credential: Option<&Credential>,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> RuntimeResult<()>;
    /// Loads a docker-archive and returns the engine's id of its image.
    async fn load(&self, archive: BoxStream<'static, Result<Bytes, std::io::Error>>) -> RuntimeResult<String>;
    /// Names an image.
    async fn tag(&self, image_id: &str, reference: &str) -> RuntimeResult<()>;

    /// The log of a container.
    async fn logs(&self, id: &str, query: LogQuery) -> RuntimeResult<BoxStream<'static, RuntimeResult<LogRecord>>>;
    /// Whether a path exists in a container.
    async fn has_file(&self, id: &str, path: &str) -> RuntimeResult<bool>;
    /// Runs a command with a terminal in a running container.
    async fn open_terminal(&self, id: &str, command: &[String], size: TerminalSize) -> RuntimeResult<Terminal>;
    /// Changes the size of a terminal.
    async fn resize_terminal(&self, exec_id: &str, size: TerminalSize) -> RuntimeResult<()>;
    /// The exit code of a terminal's command; `None` while it runs.
    async fn terminal_exit(&self, exec_id: &str) -> RuntimeResult<Option<i32>>;
    /// Hangs up a terminal's command whose person has gone away.
    async fn hang_up_terminal(&self, exec_id: &str) -> RuntimeResult<()>;
}
