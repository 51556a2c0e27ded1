//! The two gRPC services: who calls is checked first, what they say is parsed next, then the directory is asked.

use crate::{
    door::{Directory, DirectoryError, Enrolled, Enrolment},
    identity::Caller,
    message::{Facts, HelloReport},
    registry::{Channel, Registry},
    tunnel::OpenTunnel,
};
use berth_domain::{
    id::{ImageId, InstallId, InstanceId, NodeId},
    node::{HEARTBEAT_MS, LOST_AFTER_MS},
};
use berth_proto::{
    convert,
    fleet::{
        AgentMessage, EnrollRequest, EnrollResponse, FetchImageRequest, ImageChunk, PullCredential,
        PullCredentialRequest, RenewRequest, ReportAck, ServerMessage, TunnelFrame, Welcome, agent_message,
        enrollment_server::Enrollment, fleet_server::Fleet, server_message, tunnel_frame,
    },
};
use futures::{Stream, StreamExt as _, stream::BoxStream};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Most nodes that join at the same moment; anybody may knock here.
const ENROLLING_MAX: usize = 8;
/// How long an agent has for the first message of a stream.
const FIRST_MESSAGE_MAX: Duration = Duration::from_secs(10);
/// Frames towards an agent that wait in one tunnel.
const TUNNEL_QUEUE_MAX: usize = 64;
/// Size of a piece of an image, in bytes: large enough to be cheap, small enough to share the connection.
const IMAGE_CHUNK_BYTES: usize = 256 * 1024;

/// Joining.
pub(crate) struct EnrollmentService {
    directory: Arc<dyn Directory>,
    enrolling: Semaphore,
}

impl EnrollmentService {
    pub(crate) fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, enrolling: Semaphore::new(ENROLLING_MAX) }
    }
}

#[tonic::async_trait]
impl Enrollment for EnrollmentService {
    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollResponse>, Status> {
        let _permit =
            self.enrolling.try_acquire().map_err(|_| Status::resource_exhausted("too many nodes join; try again"))?;
        let request = request.into_inner();
        let facts = Facts::try_from(request.facts.ok_or_else(|| Status::invalid_argument("facts are missing"))?)
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let enrolment = Enrolment {
            join_token: request.join_token,
            node_name: request.node_name,
            certificate_request_pem: request.certificate_request_pem,
            labels: request.labels.into_iter().collect(),
            facts,
        };
        let enrolled = self.directory.enroll(enrolment).await.map_err(status)?;
        Ok(Response::new(enroll_response(enrolled)))
    }
}

/// Everything that needs a node's certificate.
pub(crate) struct FleetService {
    install: InstallId,
    directory: Arc<dyn Directory>,
    registry: Arc<Registry>,
}

impl FleetService {
    pub(crate) fn new(install: InstallId, directory: Arc<dyn Directory>, registry: Arc<Registry>) -> Self {
        Self { install, directory, registry }
    }

    /// The node whose certificate the connection showed, if it is a member still.
    async fn caller<T>(&self, request: &Request<T>) -> Result<NodeId, Status> {
        let refused = || Status::unauthenticated("a current node certificate of this installation is needed");
        let certificates = request.peer_certs().ok_or_else(refused)?;
        let certificate = certificates.first().ok_or_else(refused)?;
        let caller = Caller::from_certificate(certificate, self.install).ok_or_else(refused)?;
        let current = self.directory.is_current(caller.node, &caller.serial).await.map_err(status)?;
        if current { Ok(caller.node) } else { Err(refused()) }
    }
}

#[tonic::async_trait]
impl Fleet for FleetService {
    type AttachStream = BoxStream<'static, Result<ServerMessage, Status>>;
    type TunnelStream = BoxStream<'static, Result<TunnelFrame, Status>>;
    type FetchImageStream = BoxStream<'static, Result<ImageChunk, Status>>;

    async fn attach(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::AttachStream>, Status> {
        let node = self.caller(&request).await?;
        let mut inbound = request.into_inner();
        let hello = match first(&mut inbound).await?.kind {
            Some(agent_message::Kind::Hello(hello)) => HelloReport::try_from(hello).map_err(invalid)?,
            _ => return Err(Status::invalid_argument("the first message is a hello")),
        };
        if hello.install != self.install {
            return Err(Status::failed_precondition("this node belongs to another installation"));
        }
        let seen = (hello.epoch, hello.generation);
        self.directory.hello(node, hello).await.map_err(status)?;
        let channel = self.registry.attach(node, seen);
        let welcome = Welcome { install_id: convert::bytes(self.install), heartbeat_ms: HEARTBEAT_MS };
        let reader = Reader {
            node,
            connection: channel.id,
            directory: Arc::clone(&self.directory),
            registry: Arc::clone(&self.registry),
            outbox: channel.outbox.clone(),
        };
        let cancel = channel.cancel.clone();
        tokio::spawn(async move {
            // Whatever ends the reading ends the connection, and the other way round.
            let _guard = cancel.clone().drop_guard();
            tokio::select! {
                () = reader.read(inbound) => {}
                () = cancel.cancelled() => {}
            }
            if reader.registry.detach(reader.node, reader.connection) {
                reader.directory.detached(reader.node);
            }
        });
        self.directory.attached(node);
        Ok(Response::new(outbound(welcome, channel).boxed()))
    }

    async fn tunnel(&self, request: Request<Streaming<TunnelFrame>>) -> Result<Response<Self::TunnelStream>, Status> {
        let node = self.caller(&request).await?;
        let mut inbound = request.into_inner();
        let Some(tunnel_frame::Kind::Open(id)) = first(&mut inbound).await?.kind else {
            return Err(Status::invalid_argument("the first frame opens the tunnel"));
        };
        let (outbound, queue) = mpsc::channel(TUNNEL_QUEUE_MAX);
        if !self.registry.tunnels.open(node, &id, OpenTunnel { inbound, outbound }) {
            return Err(Status::not_found("nobody waits for this tunnel"));
        }
        Ok(Response::new(ReceiverStream::new(queue).map(Ok).boxed()))
    }

    async fn fetch_image(
        &self,
        request: Request<FetchImageRequest>,
    ) -> Result<Response<Self::FetchImageStream>, Status> {
        let node = self.caller(&request).await?;
        let image: ImageId = convert::id(&request.into_inner().upload_id).map_err(invalid)?;
        let path = self.directory.image_archive(node, image).await.map_err(status)?;
        let file = tokio::fs::File::open(&path).await.map_err(|error| {
            tracing::error!(image.id = %image, path = %path.display(), %error, "an image archive cannot be opened");
            Status::not_found("the archive is not on this server")
        })?;
        let chunks = tokio_util::io::ReaderStream::with_capacity(file, IMAGE_CHUNK_BYTES).map(|read| match read {
            Ok(bytes) => Ok(ImageChunk { data: bytes.to_vec() }),
            Err(error) => Err(Status::internal(format!("the archive cannot be read: {error}"))),
        });
        Ok(Response::new(chunks.boxed()))
    }

    async fn get_pull_credential(
        &self,
        request: Request<PullCredentialRequest>,
    ) -> Result<Response<PullCredential>, Status> {
        let node = self.caller(&request).await?;
        let instance: InstanceId = convert::id(&request.into_inner().instance_id).map_err(invalid)?;
        let found = self.directory.pull_credential(node, instance).await.map_err(status)?;
        Ok(Response::new(match found {
            Some(c) => PullCredential { present: true, username: c.username, password: c.password },
            None => PullCredential::default(),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<EnrollResponse>, Status> {
        let node = self.caller(&request).await?;
        let pem = request.into_inner().certificate_request_pem;
        let enrolled = self.directory.renew(node, pem).await.map_err(status)?;
        Ok(Response::new(enroll_response(enrolled)))
    }
}

/// Reads what one agent says on its long stream.
struct Reader {
    node: NodeId,
    connection: u64,
    directory: Arc<dyn Directory>,
    registry: Arc<Registry>,
    outbox: mpsc::Sender<ServerMessage>,
}

impl Reader {
    /// Returns when the agent went silent, broke the contract or is no member any more.
    async fn read(&self, mut inbound: Streaming<AgentMessage>) {
        let silence = Duration::from_millis(LOST_AFTER_MS);
        loop {
            let message = match tokio::time::timeout(silence, inbound.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None) | Err(_)) | Err(_) => return,
            };
            if let Err(why) = self.take(message).await {
                tracing::warn!(node.id = %self.node, why, "an agent's connection is ended");
                return;
            }
        }
    }

    async fn take(&self, message: AgentMessage) -> Result<(), String> {
        match message.kind {
            Some(agent_message::Kind::Heartbeat(heartbeat)) => {
                let heartbeat = heartbeat.try_into().map_err(|e| format!("{e}"))?;
                match self.directory.heartbeat(self.node, heartbeat).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err("the node is no member any more".into()),
                    Err(error) => self.not_stored(&error),
                }
            }
            Some(agent_message::Kind::Report(report)) => {
                let sequence = report.sequence;
                let report = report.try_into().map_err(|e| format!("{e}"))?;
                match self.directory.report(self.node, report).await {
                    Ok(()) => self.acknowledge(sequence).await,
                    // Not acknowledged, so the agent says it again.
                    Err(error) => self.not_stored(&error),
                }
            }
            Some(agent_message::Kind::CommandResult(result)) => {
                if !result.ok {
                    self.registry.tunnels.refuse(self.connection, result.command_id, &result.message);
                }
                Ok(())
            }
            Some(agent_message::Kind::Hello(_)) => Err("a second hello".into()),
            // A newer agent may say more than we know.
            None => Ok(()),
        }
    }

    async fn acknowledge(&self, sequence: u64) -> Result<(), String> {
        let ack = ServerMessage { kind: Some(server_message::Kind::ReportAck(ReportAck { sequence })) };
        self.outbox.send(ack).await.map_err(|_| "its stream is closed".into())
    }

    fn not_stored(&self, error: &DirectoryError) -> Result<(), String> {
        match error {
            DirectoryError::Unavailable(_) => {
                tracing::warn!(node.id = %self.node, error = %chain(error), "an agent's message was not stored");
                Ok(())
            }
            DirectoryError::Refused(_)
            | DirectoryError::Invalid(_)
            | DirectoryError::Taken(_)
            | DirectoryError::NotFound => Err(error.to_string()),
        }
    }
}

/// What goes down to an agent: the welcome, then commands and acknowledgements in order, and the newest desired set.
fn outbound(welcome: Welcome, channel: Channel) -> impl Stream<Item = Result<ServerMessage, Status>> + Send {
    let Channel { mut queue, mut desired, cancel, .. } = channel;
    async_stream::stream! {
        let _guard = cancel.clone().drop_guard();
        yield Ok(ServerMessage { kind: Some(server_message::Kind::Welcome(welcome)) });
        loop {
            let message = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Ok(()) = desired.changed() => desired.borrow_and_update().clone()
                    .map(|set| ServerMessage { kind: Some(server_message::Kind::Desired(set)) }),
                Some(message) = queue.recv() => Some(message),
                else => break,
            };
            if let Some(message) = message {
                yield Ok(message);
            }
        }
    }
}

async fn first<T>(inbound: &mut Streaming<T>) -> Result<T, Status> {
    tokio::time::timeout(FIRST_MESSAGE_MAX, inbound.message())
        .await
        .map_err(|_| Status::deadline_exceeded("the first message did not come"))??
        .ok_or_else(|| Status::invalid_argument("the stream ended before its first message"))
}

fn enroll_response(enrolled: Enrolled) -> EnrollResponse {
    EnrollResponse {
        node_id: convert::bytes(enrolled.node),
        install_id: convert::bytes(enrolled.install),
        certificate_pem: enrolled.certificate_pem,
        authority_pem: enrolled.authority_pem,
    }
}

fn invalid(error: impl std::fmt::Display) -> Status {
    Status::invalid_argument(error.to_string())
}

fn status(error: DirectoryError) -> Status {
    match &error {
        DirectoryError::Refused(why) => Status::permission_denied(why),
        DirectoryError::Invalid(why) => Status::invalid_argument(why),
        DirectoryError::Taken(why) => Status::already_exists(why),
        DirectoryError::NotFound => Status::not_found("not found"),
        DirectoryError::Unavailable(_) => {
            tracing::error!(error = %chain(&error), "an agent could not be answered");
            Status::unavailable(error.to_string())
        }
    }
}

/// The whole chain of an error in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
