//! What reconcilers and services want of the agents.

use async_trait::async_trait;
use berth_domain::id::{InstanceId, NodeId};
use berth_proto::fleet::{DesiredSet, Resize, TunnelFrame, tunnel_frame};
use futures::{Stream, StreamExt as _, stream::BoxStream};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// How a command to an agent fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// The node's agent is not connected to this server.
    #[error("the node's agent is not connected")]
    NotAttached,
    /// Too many commands wait already.
    #[error("the node's agent has too much to do")]
    Busy,
    /// The agent did not answer in time.
    #[error("the node's agent did not answer in time")]
    TimedOut,
    /// The agent said no; the sentence is its own.
    #[error("{0}")]
    Refused(String),
}

/// An agent that is connected to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Whose.
    pub node: NodeId,
    /// Highest (epoch, generation) that it had seen when it came.
    pub seen: (u64, u64),
    /// (epoch, generation) of the last desired set that was sent on this connection.
    pub sent: Option<(u64, u64)>,
}

/// Which lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Lines from the end.
    pub tail: u32,
    /// Whether to wait for more.
    pub follow: bool,
    /// From this time on, in Unix milliseconds.
    pub since_ms: Option<u64>,
    /// Before this time, in Unix milliseconds.
    pub until_ms: Option<u64>,
}

/// How a terminal begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalOptions {
    /// argv; empty = the first shell that exists.
    pub command: Vec<String>,
    /// Columns of the window.
    pub columns: u16,
    /// Rows of the window.
    pub rows: u16,
}

/// The agents that are connected to this server.
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// All of them.
    fn attached(&self) -> Vec<Attached>;
    /// Gives a node its desired set. Only the newest set of a node waits; an older one never follows it.
    fn send_desired(&self, node: NodeId, set: DesiredSet) -> Result<(), FleetError>;
    /// Ends a node's connection, as when the node was removed.
    fn disconnect(&self, node: NodeId);
    /// Opens the log of an instance. Dropping the stream ends it at the agent.
    async fn open_log(&self, node: NodeId, instance: InstanceId, options: LogOptions) -> Result<LogStream, FleetError>;
    /// Opens a terminal in an instance. Dropping it ends it at the agent.
    async fn open_terminal(
        &self,
        node: NodeId,
        instance: InstanceId,
        options: TerminalOptions,
    ) -> Result<Terminal, FleetError>;
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When Docker read it, in Unix nanoseconds.
    pub at_ns: u64,
    /// Whether it came on standard error.
    pub stderr: bool,
    /// The bytes, without the newline.
    pub text: Vec<u8>,
    /// Whether it was longer and cut.
    pub truncated: bool,
}

/// The lines of an instance's log in the order of time; an `Err` is the last item and says why it broke.
pub struct LogStream(BoxStream<'static, Result<LogEntry, String>>);

impl LogStream {
    /// From lines that come from somewhere.
    pub fn new(lines: impl Stream<Item = Result<LogEntry, String>> + Send + 'static) -> Self {
        Self(lines.boxed())
    }
}

impl Stream for LogStream {
    type Item = Result<LogEntry, String>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// What comes out of a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalOutput {
    /// Bytes for the screen.
    Data(Vec<u8>),
    /// The shell ended; the last item.
    Ended {
        /// Its exit code.
        exit_code: i32,
        /// Why, when it is an error.
        message: String,
    },
}

/// An open terminal: both directions can be used apart.
pub struct Terminal {
    /// What is typed.
    pub input: TerminalInput,
    /// What is shown.
    pub output: BoxStream<'static, TerminalOutput>,
}

/// The terminal is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the terminal is closed")]
pub struct TerminalClosed;

/// The way into a terminal.
#[derive(Clone)]
pub struct TerminalInput(mpsc::Sender<TunnelFrame>);

impl TerminalInput {
    /// Into a queue of frames.
    pub fn new(frames: mpsc::Sender<TunnelFrame>) -> Self {
        Self(frames)
    }
    /// Types bytes; waits while the agent does not keep up.
    pub async fn data(&self, bytes: Vec<u8>) -> Result<(), TerminalClosed> {
        self.send(tunnel_frame::Kind::Data(bytes)).await
    }
    /// Says the window's new size.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<(), TerminalClosed> {
        self.send(tunnel_frame::Kind::Resize(Resize { columns: columns.into(), rows: rows.into() })).await
    }
    async fn send(&self, kind: tunnel_frame::Kind) -> Result<(), TerminalClosed> {
        self.0.send(TunnelFrame { kind: Some(kind) }).await.map_err(|_| TerminalClosed)
    }
}
