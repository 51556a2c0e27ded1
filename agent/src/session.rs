//! The agent's one long stream to the server: desired sets and commands come down, reports go up. It dials again for
//! as long as it takes; what runs here does not notice.

use crate::{
    clock, enroll,
    events::{Events, Severity},
    identity::Identity,
    limit, logs,
    manager::{Door, Input},
    reports::Reports,
    runtime::{Credential, LogQuery, Runtime},
    terminal,
    tls::{self, ServerAddress},
    tunnel::Tunnel,
    uplink::{Uplink, UplinkError},
};
use anyhow::{Context as _, bail};
use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use berth_domain::{
    id::{ImageId, InstanceId},
    node::HEARTBEAT_MS,
};
use berth_proto::{
    MESSAGE_BYTES_MAX, convert,
    fleet::{
        AgentMessage, Command, CommandResult, FetchImageRequest, Heartbeat, Hello, NodeFacts, PullCredentialRequest,
        RenewRequest, ServerMessage, Welcome, agent_message, command::Verb, fleet_client::FleetClient, server_message,
    },
};
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use rand::Rng as _;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{self, Instant},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Streaming, transport::Channel};

/// For the server's first word.
const WELCOME_DEADLINE: Duration = Duration::from_secs(10);
/// For a small call beside the stream.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// After the first lost connection; doubles, with as much again at random, so that a thousand nodes do not come at once.
const REDIAL_FIRST: Duration = Duration::from_millis(200);
/// Between two tries, at the most twice this.
const REDIAL_MAX: Duration = Duration::from_secs(10);
/// A connection that lived this long was a good one: the next loss counts as the first.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// Messages that wait for the connection. More than one report is never worth keeping.
const OUT_MAX: usize = 64;
/// Between two looks at whether the certificate should be renewed.
const RENEW_PERIOD: Duration = Duration::from_secs(3_600);

/// The two connections to the server. Images and tunnels have their own, so that they never hold up the stream.
#[derive(Clone)]
struct Clients {
    control: FleetClient<Channel>,
    bulk: FleetClient<Channel>,
}

/// What the agent asks of the server beside the stream, over whatever connection there is.
pub struct GrpcUplink(watch::Receiver<Option<Clients>>);

/// What a session needs.
pub struct Session {
    /// Where the server is.
    pub server: ServerAddress,
    /// For a renewed certificate.
    pub directory: PathBuf,
    /// Who this node is.
    pub identity: Identity,
    /// The manager.
    pub door: Door,
    /// What happened.
    pub events: Arc<Events>,
    /// What the node has.
    pub facts: watch::Receiver<NodeFacts>,
    /// For logs and terminals.
    pub runtime: Arc<dyn Runtime>,
    clients: watch::Sender<Option<Clients>>,
    /// When the certificate was last asked for anew.
    asked_anew: Option<Instant>,
    tunnels: Arc<Semaphore>,
}

impl GrpcUplink {
    /// An uplink, and the sender that a [`Session`] wants.
    pub fn new() -> (Self, UplinkSlot) {
        let (clients, seen) = watch::channel(None);
        (Self(seen), UplinkSlot(clients))
    }

    /// Resolves with true at the first connection, and with false if the session ended without one.
    pub fn connected(&self) -> impl Future<Output = bool> + Send + use<> {
        let mut seen = self.0.clone();
        async move { seen.wait_for(Option::is_some).await.is_ok() }
    }

    fn clients(&self) -> Result<Clients, UplinkError> {
        self.0.borrow().clone().ok_or_else(|| UplinkError("the control plane cannot be reached".to_owned()))
    }
}

/// Where a session puts its connections.
pub struct UplinkSlot(watch::Sender<Option<Clients>>);

#[async_trait]
impl Uplink for GrpcUplink {
    async fn pull_credential(&self, instance: InstanceId) -> Result<Option<Credential>, UplinkError> {
        let mut client = self.clients()?.control;
        let request = PullCredentialRequest { instance_id: convert::bytes(instance) };
        let answer = time::timeout(CALL_DEADLINE, client.get_pull_credential(request)).await;
        let answer = answer.map_err(|_| UplinkError("no answer in time".to_owned()))?;
        let found = answer.map_err(|status| UplinkError(status.message().to_owned()))?.into_inner();
        Ok(found.present.then(|| Credential { username: found.username, password: found.password.into() }))
    }

    async fn fetch_image(
        &self,
        image: ImageId,
    ) -> Result<BoxStream<'static, Result<Bytes, std::io::Error>>, UplinkError> {
        let mut client = self.clients()?.bulk;
        let request = FetchImageRequest { upload_id: convert::bytes(image) };
        let answer = time::timeout(CALL_DEADLINE, client.fetch_image(request)).await;
        let answer = answer.map_err(|_| UplinkError("no answer in time".to_owned()))?;
        let chunks = answer.map_err(|status| UplinkError(status.message().to_owned()))?.into_inner();
        Ok(chunks.map(|chunk| chunk.map(|c| Bytes::from(c.data)).map_err(std::io::Error::other)).boxed())
    }
}

impl Session {
    /// A session that has not dialled yet.
    #[allow(clippy::too_many_arguments, reason = "it is the composition root's one call")]
    pub fn new(
        server: ServerAddress,
        directory: PathBuf,
        identity: Identity,
        door: Door,
        events: Arc<Events>,
        facts: watch::Receiver<NodeFacts>,
        runtime: Arc<dyn Runtime>,
        slot: UplinkSlot,
    ) -> Self {
        let tunnels = Arc::new(Semaphore::new(limit::TUNNELS_MAX));
        Self { server, directory, identity, door, events, facts, runtime, clients: slot.0, asked_anew: None, tunnels }
    }

    /// Dials and dials again until it is told to end.
    pub async fn run(mut self, end: CancellationToken) {
        let mut waits = redial();
        loop {
            let began = Instant::now();
            let outcome = tokio::select! {
                outcome = self.attach() => outcome,
                () = end.cancelled() => return,
            };
            self.clients.send_replace(None);
            match outcome {
                Ok(()) => tracing::info!("the connection to the server ended"),
                Err(error) => tracing::warn!(error = format!("{error:#}"), "no connection to the server"),
            }
            if began.elapsed() > STABLE_AFTER {
                waits = redial();
            }
            tokio::select! {
                () = time::sleep(waits.next().unwrap_or(REDIAL_MAX)) => {}
                () = end.cancelled() => return,
            }
        }
    }

    /// One connection, until it ends.
    async fn attach(&mut self) -> anyhow::Result<()> {
        let clients = self.dial().await?;
        if self.renew(clients.control.clone()).await? {
            return Ok(());
        }
        let (out, outgoing) = mpsc::channel(OUT_MAX);
        let seen = *self.door.seen.borrow();
        let hello = Hello {
            install_id: convert::bytes(self.identity.install),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: seen.epoch,
            generation: seen.generation,
            facts: Some(self.facts.borrow_and_update().clone()),
        };
        send(&out, agent_message::Kind::Hello(hello)).await?;
        let mut control = clients.control.clone();
        let opened = time::timeout(WELCOME_DEADLINE, control.attach(ReceiverStream::new(outgoing))).await;
        let mut incoming = opened.context("no answer in time")?.map_err(said)?.into_inner();
        let welcome = self.welcome(&mut incoming).await?;
        tracing::info!(node.id = %self.identity.node, "connected to the server");
        self.clients.send_replace(Some(clients));
        self.converse(incoming, out, welcome).await
    }

    async fn dial(&self) -> anyhow::Result<Clients> {
        let limited = |channel| {
            FleetClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
        let control = tls::channel(&self.server, tls::mutual(&self.identity)?, false).await?;
        let bulk = tls::channel(&self.server, tls::mutual(&self.identity)?, true).await?;
        Ok(Clients { control: limited(control), bulk: limited(bulk) })
    }

    async fn welcome(&self, incoming: &mut Streaming<ServerMessage>) -> anyhow::Result<Welcome> {
        let first = time::timeout(WELCOME_DEADLINE, incoming.message()).await.context("no welcome in time")?;
        let Some(server_message::Kind::Welcome(welcome)) = first.map_err(said)?.and_then(|message| message.kind) else {
            bail!("the server did not begin with a welcome");
        };
        if welcome.install_id != convert::bytes(self.identity.install) {
            let message = "Refused a server of another installation.";
            self.events.add(None, Severity::Error, "refused_foreign_install", message);
            bail!("the server belongs to another installation");
        }
        Ok(welcome)
    }

    async fn converse(
        &mut self,
        mut incoming: Streaming<ServerMessage>,
        out: mpsc::Sender<AgentMessage>,
        welcome: Welcome,
    ) -> anyhow::Result<()> {
        let every_ms = if welcome.heartbeat_ms == 0 { HEARTBEAT_MS } else { welcome.heartbeat_ms.clamp(100, 60_000) };
        let mut heartbeat_at = Instant::now();
        let mut renew = time::interval_at(Instant::now() + RENEW_PERIOD, RENEW_PERIOD);
        let mut reports = Reports::new(clock::now_ms());
        let mut events = self.events.changes();
        let mut tasks = JoinSet::new();
        self.door.observation.mark_changed();
        loop {
            tokio::select! {
                message = incoming.message() => {
                    let Some(message) = message.map_err(said)? else { return Ok(()) };
                    self.heard(message, &mut reports, &out, &mut tasks);
                }
                Ok(()) = self.door.observation.changed() => {
                    let seen = self.door.observation.borrow_and_update().clone();
                    reports.observed(seen, Instant::now());
                }
                Ok(()) = events.changed() => reports.event_added(Instant::now()),
                Ok(()) = self.door.docker_answers.changed() => heartbeat_at = Instant::now(),
                () = time::sleep_until(heartbeat_at) => {
                    send(&out, self.heartbeat()).await?;
                    heartbeat_at = Instant::now() + jittered(every_ms);
                }
                () = time::sleep_until(reports.due()) => {
                    if let Some(report) = reports.next(self.events.waiting(), Instant::now()) {
                        send(&out, agent_message::Kind::Report(report)).await?;
                    }
                }
                _ = renew.tick() => {
                    let control = self.clients.borrow().as_ref().map(|clients| clients.control.clone());
                    if let Some(control) = control && self.renew(control).await? {
                        return Ok(());
                    }
                }
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    fn heard(
        &self,
        message: ServerMessage,
        reports: &mut Reports,
        out: &mpsc::Sender<AgentMessage>,
        tasks: &mut JoinSet<()>,
    ) {
        match message.kind {
            Some(server_message::Kind::Desired(set)) => drop(self.door.inbox.send(Input::Desired(set))),
            Some(server_message::Kind::ReportAck(ack)) => self.events.acknowledge(&reports.acknowledged(ack.sequence)),
            Some(server_message::Kind::Command(command)) => drop(tasks.spawn(self.obey(command, out.clone()))),
            // A second welcome, or a verb of a newer server.
            Some(server_message::Kind::Welcome(_)) | None => {}
        }
    }

    fn heartbeat(&mut self) -> agent_message::Kind {
        let changed = self.facts.has_changed().unwrap_or(false);
        let facts = changed.then(|| self.facts.borrow_and_update().clone());
        let docker_answers = *self.door.docker_answers.borrow_and_update();
        agent_message::Kind::Heartbeat(Heartbeat { docker_answers, facts })
    }

    /// Opens a log or a terminal and serves it to its end.
    fn obey(&self, command: Command, out: mpsc::Sender<AgentMessage>) -> impl Future<Output = ()> + Send + use<> {
        let (runtime, tunnels) = (self.runtime.clone(), self.tunnels.clone());
        let bulk = self.clients.borrow().as_ref().map(|clients| clients.bulk.clone());
        let container = command.verb.as_ref().and_then(|verb| self.container_of(verb));
        async move {
            let answer = |ok: bool, message: String| {
                let result = CommandResult { command_id: command.command_id, ok, message };
                send_owned(out.clone(), agent_message::Kind::CommandResult(result))
            };
            let (Some(verb), Some(bulk)) = (command.verb, bulk) else {
                return answer(false, "This agent does not know the command.".to_owned()).await;
            };
            let Some(container) = container else {
                return answer(false, "The instance has no container on this node.".to_owned()).await;
            };
            let Ok(_permit) = tunnels.try_acquire_owned() else {
                return answer(false, "Too many logs and terminals are open on this node.".to_owned()).await;
            };
            let tunnel_id = match &verb {
                Verb::OpenLog(open) => open.tunnel_id.clone(),
                Verb::OpenTerminal(open) => open.tunnel_id.clone(),
            };
            let tunnel = match time::timeout(CALL_DEADLINE, Tunnel::open(bulk, tunnel_id)).await {
                Ok(Ok(tunnel)) => tunnel,
                Ok(Err(status)) => return answer(false, status.message().to_owned()).await,
                Err(_) => return answer(false, "The tunnel did not open in time.".to_owned()).await,
            };
            answer(true, String::new()).await;
            serve(runtime, &container, verb, tunnel).await;
        }
    }

    fn container_of(&self, verb: &Verb) -> Option<String> {
        let instance = match verb {
            Verb::OpenLog(open) => &open.instance_id,
            Verb::OpenTerminal(open) => &open.instance_id,
        };
        let seen = self.door.observation.borrow();
        let found = seen.as_ref()?.instances.iter().find(|observed| observed.instance_id == *instance)?;
        (!found.container_id.is_empty()).then(|| found.container_id.clone())
    }

    /// Gets a fresh certificate when two thirds of the old one's time are over. `true`: dial again with the new one.
    async fn renew(&mut self, mut control: FleetClient<Channel>) -> anyhow::Result<bool> {
        let (from_s, to_s) = self.identity.validity_s()?;
        let now_s = i64::try_from(clock::now_ms() / 1000).unwrap_or(i64::MAX);
        // Once in a period: where the node's clock runs ahead, a fresh certificate looks old as well, and to ask for
        // one with every connection would mean never to be connected.
        let asked_lately = self.asked_anew.is_some_and(|asked| asked.elapsed() < RENEW_PERIOD);
        if now_s < from_s + (to_s - from_s) / 3 * 2 || asked_lately {
            return Ok(false);
        }
        self.asked_anew = Some(Instant::now());
        let (key_pem, certificate_request_pem) = enroll::request(&self.identity.node.to_string())?;
        let answer = time::timeout(CALL_DEADLINE, control.renew(RenewRequest { certificate_request_pem })).await;
        match answer {
            Ok(Ok(answer)) => {
                let renewed = enroll::identity(answer.into_inner(), key_pem)?;
                if (renewed.install, renewed.node) != (self.identity.install, self.identity.node) {
                    bail!("the server renewed a certificate of another node");
                }
                // One that is not safe on disk is not used: the server forgets the old one with the first use of the
                // new, and after a restart this node would be a stranger.
                if let Err(error) = renewed.save(&self.directory) {
                    let message =
                        format!("The node's certificate was not renewed; its old one is still good. {error:#}");
                    self.events.add(None, Severity::Error, "certificate_not_saved", message);
                    return Ok(false);
                }
                self.identity = renewed;
                tracing::info!("the node's certificate was renewed");
                Ok(true)
            }
            // There is a third of its time left to try again.
            Ok(Err(status)) => {
                tracing::warn!(status = status.message(), "the certificate was not renewed");
                Ok(false)
            }
            Err(_) => {
                tracing::warn!("the certificate was not renewed: no answer in time");
                Ok(false)
            }
        }
    }
}

async fn serve(runtime: Arc<dyn Runtime>, container: &str, verb: Verb, tunnel: Tunnel) {
    match verb {
        Verb::OpenLog(open) => {
            let query =
                LogQuery { tail: open.tail, follow: open.follow, since_ms: open.since_ms, until_ms: open.until_ms };
            logs::send(runtime.as_ref(), container, query, tunnel).await;
        }
        Verb::OpenTerminal(open) => {
            let size = terminal::size_of(open.columns, open.rows);
            terminal::attach(runtime, container, open.command, size, tunnel).await;
        }
    }
}

/// Queues a message. A queue that stays full is a dead connection.
async fn send(out: &mpsc::Sender<AgentMessage>, kind: agent_message::Kind) -> anyhow::Result<()> {
    let message = AgentMessage { kind: Some(kind) };
    out.send_timeout(message, CALL_DEADLINE).await.map_err(|_| anyhow::anyhow!("the server takes no messages"))
}

async fn send_owned(out: mpsc::Sender<AgentMessage>, kind: agent_message::Kind) {
    let _ = send(&out, kind).await;
}

fn said(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the server said: {}", status.message()).context(status.code())
}

fn redial() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(REDIAL_FIRST)
        .with_max_delay(REDIAL_MAX)
        .without_max_times()
        .with_jitter()
        .build()
}

/// A tenth more or less.
fn jittered(ms: u64) -> Duration {
    Duration::from_millis(rand::rng().random_range(ms - ms / 10..=ms + ms / 10))
}
