//! Tunnels: streams that an agent opens because we asked it to. A tunnel is matched by a random one-time id, within a
//! deadline, and only from the node that was asked.

use crate::fleet::{FleetError, LogEntry, LogStream, Terminal, TerminalInput, TerminalOutput};
use berth_domain::id::NodeId;
use berth_proto::fleet::{TunnelFrame, tunnel_frame::Kind};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};
use tonic::Streaming;

/// How long an agent has to open the tunnel that it was asked for: it starts an exec in Docker first.
pub(crate) const TUNNEL_OPEN_MAX: Duration = Duration::from_secs(10);
/// Most tunnels that are waited for at the same time.
const PENDING_MAX: usize = 1_024;

/// A tunnel that an agent has opened.
pub(crate) struct OpenTunnel {
    /// What the agent sends.
    pub(crate) inbound: Streaming<TunnelFrame>,
    /// What we send; the tunnel ends when it is dropped.
    pub(crate) outbound: mpsc::Sender<TunnelFrame>,
}

struct Pending {
    node: NodeId,
    connection: u64,
    command: u64,
    answer: oneshot::Sender<Result<OpenTunnel, FleetError>>,
}

/// The tunnels that are waited for.
#[derive(Clone, Default)]
pub(crate) struct Tunnels(Arc<Mutex<HashMap<String, Pending>>>);

/// A tunnel that is waited for; forgotten when dropped.
pub(crate) struct Waiting {
    /// The one-time id.
    pub(crate) id: String,
    answer: oneshot::Receiver<Result<OpenTunnel, FleetError>>,
    tunnels: Tunnels,
}

impl Tunnels {
    /// Begins to wait for a tunnel of `node`, asked for by a command on a connection.
    pub(crate) fn expect(&self, node: NodeId, connection: u64, command: u64) -> Result<Waiting, FleetError> {
        let id = hex::encode(rand::random::<[u8; 32]>());
        let (sender, answer) = oneshot::channel();
        let mut pending = self.lock();
        if pending.len() >= PENDING_MAX {
            return Err(FleetError::Busy);
        }
        pending.insert(id.clone(), Pending { node, connection, command, answer: sender });
        Ok(Waiting { id, answer, tunnels: self.clone() })
    }

    /// Hands a tunnel that `node` opened to whoever waits for it. `false`: nobody waits for this of that node.
    pub(crate) fn open(&self, node: NodeId, id: &str, tunnel: OpenTunnel) -> bool {
        let mut pending = self.lock();
        // Another node's try must not use up the id.
        if pending.get(id).is_none_or(|p| p.node != node) {
            return false;
        }
        let waiting = pending.remove(id);
        drop(pending);
        waiting.is_some_and(|p| p.answer.send(Ok(tunnel)).is_ok())
    }

    /// The agent could not do what a command asked.
    pub(crate) fn refuse(&self, connection: u64, command: u64, message: &str) {
        self.fail(|p| p.connection == connection && p.command == command, &FleetError::Refused(message.to_owned()));
    }

    /// The connection is gone, and with it the commands on it.
    pub(crate) fn lose(&self, connection: u64) {
        self.fail(|p| p.connection == connection, &FleetError::NotAttached);
    }

    fn fail(&self, which: impl Fn(&Pending) -> bool, error: &FleetError) {
        for (_, waiting) in self.lock().extract_if(|_, p| which(p)) {
            // Whoever waited may have gone.
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        // No code panics while it holds the lock, and a map is whole between two calls anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits until the agent opens the tunnel, refuses, goes away, or the deadline passes.
    pub(crate) async fn tunnel(mut self) -> Result<OpenTunnel, FleetError> {
        match tokio::time::timeout(TUNNEL_OPEN_MAX, &mut self.answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(FleetError::NotAttached),
            Err(_) => Err(FleetError::TimedOut),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.tunnels.lock().remove(&self.id);
    }
}

/// Reads a tunnel as a log.
pub(crate) fn log(tunnel: OpenTunnel) -> LogStream {
    LogStream::new(async_stream::stream! {
        let OpenTunnel { mut inbound, outbound: _keeps_it_open } = tunnel;
        loop {
            let kind = match inbound.message().await {
                Ok(Some(frame)) => frame.kind,
                Ok(None) => break,
                Err(status) => {
                    yield Err(status.message().to_owned());
                    break;
                }
            };
            match kind {
                Some(Kind::LogLine(line)) => yield Ok(LogEntry {
                    at_ns: line.at_ns,
                    stderr: line.stderr,
                    text: line.text,
                    truncated: line.truncated,
                }),
                Some(Kind::End(end)) => {
                    if !end.message.is_empty() {
                        yield Err(end.message);
                    }
                    break;
                }
                // Not of a log; a newer agent may say more than we know.
                Some(Kind::Open(_) | Kind::Data(_) | Kind::Resize(_)) | None => {}
            }
        }
    })
}

/// Uses a tunnel as a terminal.
pub(crate) fn terminal(tunnel: OpenTunnel) -> Terminal {
    let OpenTunnel { mut inbound, outbound } = tunnel;
    let output = async_stream::stream! {
        loop {
            match inbound.message().await {
                Ok(Some(frame)) => match frame.kind {
                    Some(Kind::Data(bytes)) => yield TerminalOutput::Data(bytes),
                    Some(Kind::End(end)) => {
                        yield TerminalOutput::Ended { exit_code: end.exit_code, message: end.message };
                        break;
                    }
                    Some(Kind::Open(_) | Kind::LogLine(_) | Kind::Resize(_)) | None => {}
                },
                Ok(None) => {
                    yield broken("the agent closed the terminal");
                    break;
                }
                Err(status) => {
                    yield broken(status.message());
                    break;
                }
            }
        }
    };
    Terminal { input: TerminalInput::new(outbound), output: Box::pin(output) }
}

fn broken(why: &str) -> TerminalOutput {
    // What a shell reports for a lost terminal: 128 + SIGHUP.
    TerminalOutput::Ended { exit_code: 129, message: why.to_owned() }
}
