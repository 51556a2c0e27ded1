//! The agents that are connected to this server. A node has one connection: the newest wins.

use crate::{
    fleet::{Attached, Fleet, FleetError, LogOptions, LogStream, Terminal, TerminalOptions},
    tunnel::{self, Tunnels},
};
use async_trait::async_trait;
use berth_domain::id::{InstanceId, NodeId};
use berth_proto::{
    convert,
    fleet::{Command, DesiredSet, OpenLog, OpenTerminal, ServerMessage, command::Verb, server_message},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Most commands and acknowledgements that wait for one agent. Desired sets do not queue: the newest replaces the rest.
const OUTBOX_MAX: usize = 256;

/// The connections of this server, by node.
#[derive(Default)]
pub struct Registry {
    state: Mutex<State>,
    pub(crate) tunnels: Tunnels,
}

#[derive(Default)]
struct State {
    last_connection: u64,
    connections: HashMap<NodeId, Connection>,
}

struct Connection {
    id: u64,
    outbox: mpsc::Sender<ServerMessage>,
    desired: watch::Sender<Option<DesiredSet>>,
    cancel: CancellationToken,
    seen: (u64, u64),
    sent: Option<(u64, u64)>,
    last_command: u64,
}

/// The server's end of a new connection.
pub(crate) struct Channel {
    /// Which connection.
    pub(crate) id: u64,
    /// For acknowledgements.
    pub(crate) outbox: mpsc::Sender<ServerMessage>,
    /// What waits for the agent.
    pub(crate) queue: mpsc::Receiver<ServerMessage>,
    /// The newest desired set.
    pub(crate) desired: watch::Receiver<Option<DesiredSet>>,
    /// Ends the connection.
    pub(crate) cancel: CancellationToken,
}

impl Registry {
    /// Takes a new connection of `node` in; an older one ends.
    pub(crate) fn attach(&self, node: NodeId, seen: (u64, u64)) -> Channel {
        let (outbox, queue) = mpsc::channel(OUTBOX_MAX);
        let (desired_sender, desired) = watch::channel(None);
        let cancel = CancellationToken::new();
        let mut state = self.lock();
        state.last_connection += 1;
        let id = state.last_connection;
        let connection = Connection {
            id,
            outbox: outbox.clone(),
            desired: desired_sender,
            cancel: cancel.clone(),
            seen,
            sent: None,
            last_command: 0,
        };
        let older = state.connections.insert(node, connection);
        drop(state);
        if let Some(older) = older {
            self.end(&older);
        }
        Channel { id, outbox, queue, desired, cancel }
    }

    /// Forgets a connection that ended. `false`: a newer one took its place already.
    pub(crate) fn detach(&self, node: NodeId, id: u64) -> bool {
        let mut state = self.lock();
        let ours = state.connections.get(&node).is_some_and(|c| c.id == id);
        let gone = if ours { state.connections.remove(&node) } else { None };
        drop(state);
        if let Some(gone) = &gone {
            self.end(gone);
        }
        ours
    }

    /// Ends every connection, as when the server stops.
    pub fn disconnect_all(&self) {
        let all: Vec<_> = self.lock().connections.drain().map(|(_, c)| c).collect();
        for connection in &all {
            self.end(connection);
        }
    }

    fn end(&self, connection: &Connection) {
        connection.cancel.cancel();
        self.tunnels.lose(connection.id);
    }

    /// Asks an agent for a tunnel and waits for it.
    async fn ask(&self, node: NodeId, verb: impl FnOnce(String) -> Verb) -> Result<tunnel::OpenTunnel, FleetError> {
        let waiting = {
            let mut state = self.lock();
            let connection = state.connections.get_mut(&node).ok_or(FleetError::NotAttached)?;
            connection.last_command += 1;
            let command_id = connection.last_command;
            let waiting = self.tunnels.expect(node, connection.id, command_id)?;
            let command = Command { command_id, verb: Some(verb(waiting.id.clone())) };
            let message = ServerMessage { kind: Some(server_message::Kind::Command(command)) };
            connection.outbox.try_send(message).map_err(|e| match e {
                mpsc::error::TrySendError::Full(_) => FleetError::Busy,
                mpsc::error::TrySendError::Closed(_) => FleetError::NotAttached,
            })?;
            waiting
        };
        waiting.tunnel().await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and the map is whole between two calls anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Fleet for Registry {
    fn attached(&self) -> Vec<Attached> {
        let state = self.lock();
        state.connections.iter().map(|(node, c)| Attached { node: *node, seen: c.seen, sent: c.sent }).collect()
    }

    fn send_desired(&self, node: NodeId, set: DesiredSet) -> Result<(), FleetError> {
        let mut state = self.lock();
        let connection = state.connections.get_mut(&node).ok_or(FleetError::NotAttached)?;
        let position = (set.epoch, set.generation);
        if connection.sent.is_some_and(|sent| sent > position) {
            return Ok(());
        }
        connection.sent = Some(position);
        connection.desired.send(Some(set)).map_err(|_| FleetError::NotAttached)
    }

    fn disconnect(&self, node: NodeId) {
        let gone = self.lock().connections.remove(&node);
        if let Some(gone) = gone {
            self.end(&gone);
        }
    }

    async fn open_log(&self, node: NodeId, instance: InstanceId, options: LogOptions) -> Result<LogStream, FleetError> {
        let tunnel = self
            .ask(node, |tunnel_id| {
                Verb::OpenLog(OpenLog {
                    tunnel_id,
                    instance_id: convert::bytes(instance),
                    tail: options.tail,
                    follow: options.follow,
                    since_ms: options.since_ms.unwrap_or(0),
                    until_ms: options.until_ms.unwrap_or(0),
                })
            })
            .await?;
        Ok(tunnel::log(tunnel))
    }

    async fn open_terminal(
        &self,
        node: NodeId,
        instance: InstanceId,
        options: TerminalOptions,
    ) -> Result<Terminal, FleetError> {
        let tunnel = self
            .ask(node, |tunnel_id| {
                Verb::OpenTerminal(OpenTerminal {
                    tunnel_id,
                    instance_id: convert::bytes(instance),
                    command: options.command,
                    columns: options.columns.into(),
                    rows: options.rows.into(),
                })
            })
            .await?;
        Ok(tunnel::terminal(tunnel))
    }
}
