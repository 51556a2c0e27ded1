//! A server that speaks the real protocol over real TLS and does what a test tells it.

use berth_domain::id::{InstallId, NodeId};
use berth_proto::{
    convert,
    fleet::{
        AgentMessage, Command, DesiredSet, EnrollRequest, EnrollResponse, FetchImageRequest, Hello, ImageChunk,
        ObservedInstance, PullCredential, PullCredentialRequest, RenewRequest, Report, ReportAck, ServerMessage,
        TunnelFrame, Welcome, agent_message, enrollment_server, fleet_server, server_message,
    },
    node_uri,
};
use futures::{StreamExt as _, stream::BoxStream};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair, SanType,
};
use sha2::{Digest as _, Sha256};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

/// An event's id and its reason.
type SeenEvent = (Vec<u8>, String);
/// Both directions of a tunnel.
pub type OpenTunnel = (mpsc::Sender<Result<TunnelFrame, Status>>, Streaming<TunnelFrame>);

/// What the server saw and does.
#[derive(Clone)]
pub struct FakeServer {
    /// Whose server this is.
    pub install: InstallId,
    /// What it says of itself, if not the truth.
    pub said_install: Arc<Mutex<InstallId>>,
    /// The node that it enrols.
    pub node: NodeId,
    authority: Arc<CertifiedIssuer<'static, KeyPair>>,
    /// The one image.
    pub archive: Arc<Vec<u8>>,
    /// How often a node joined, and with which labels.
    pub enrolled: Arc<Mutex<Vec<EnrollRequest>>>,
    /// The newest hello.
    pub hello: watch::Sender<Option<Hello>>,
    /// The newest report.
    pub report: watch::Sender<Option<Report>>,
    /// Images of the newest facts.
    pub images: Arc<Mutex<Vec<String>>>,
    /// Reasons of all events, each counted once by its id.
    pub reasons: Arc<Mutex<Vec<SeenEvent>>>,
    /// How often a certificate was renewed.
    pub renewed: watch::Sender<u32>,
    /// Whether the certificates that it issues are nearly over.
    pub issues_old: Arc<AtomicBool>,
    /// To the agent that is attached.
    pub agent: watch::Sender<Option<mpsc::Sender<Result<ServerMessage, Status>>>>,
    /// Frames of tunnels.
    pub tunnels: mpsc::UnboundedSender<OpenTunnel>,
    set: watch::Sender<DesiredSet>,
}

type Tunnels = mpsc::UnboundedReceiver<OpenTunnel>;

impl FakeServer {
    /// A server that has not been started.
    pub fn new(archive: Vec<u8>) -> (Self, Tunnels) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let install = InstallId::new(uuid::Uuid::new_v4());
        let (tunnels, opened) = mpsc::unbounded_channel();
        let server = Self {
            install,
            said_install: Arc::new(Mutex::new(install)),
            node: NodeId::new(uuid::Uuid::new_v4()),
            authority: Arc::new(authority),
            archive: Arc::new(archive),
            enrolled: Arc::default(),
            hello: watch::Sender::new(None),
            report: watch::Sender::new(None),
            images: Arc::default(),
            reasons: Arc::default(),
            renewed: watch::Sender::new(0),
            issues_old: Arc::default(),
            agent: watch::Sender::new(None),
            tunnels,
            set: watch::Sender::new(DesiredSet::default()),
        };
        (server, opened)
    }

    /// Serves on a port; 0 = any.
    pub fn serve(&self, port: u16) -> Serving {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let leaf = params.signed_by(&key, &self.authority).expect("signed");
        let chain = format!("{}{}", leaf.pem(), self.authority.pem());
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(chain, key.serialize_pem()))
            .client_ca_root(Certificate::from_pem(self.authority.pem()))
            .client_auth_optional(true);
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = Runtime::new().expect("threads");
        let listener = berth_testkit::wait::until("a port", crate::bench::PATIENCE, || {
            // The threads of a server that was just dropped may hold it for a moment.
            std::net::TcpListener::bind(("127.0.0.1", port)).ok()
        });
        listener.set_nonblocking(true).expect("set");
        let port = listener.local_addr().expect("an address").port();
        let _inside = runtime.enter();
        let listener = TcpListener::from_std(listener).expect("a listener");
        let serving = Server::builder()
            .tls_config(tls)
            .expect("TLS")
            .add_service(enrollment_server::EnrollmentServer::new(self.clone()))
            .add_service(fleet_server::FleetServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        runtime.spawn(async move { serving.await.expect("served") });
        Serving { port, runtime: Some(runtime) }
    }

    /// For the agent's command line.
    pub fn join_token(&self) -> String {
        format!("berth_join_s3cret.{}", hex::encode(Sha256::digest(self.authority.der())))
    }

    /// What the node shall run from now on, also when it dials again.
    pub fn want(&self, set: DesiredSet) {
        self.set.send_replace(set);
    }

    /// Sends a command to the attached agent.
    pub async fn command(&self, command: Command) {
        let agent = self.agent.borrow().clone().expect("an agent");
        let message = ServerMessage { kind: Some(server_message::Kind::Command(command)) };
        agent.send(Ok(message)).await.expect("sent");
    }

    fn issue(&self, certificate_request_pem: &str) -> Result<EnrollResponse, Status> {
        let mut signing = CertificateSigningRequestParams::from_pem(certificate_request_pem)
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let uri = node_uri(self.install, self.node).try_into().expect("ascii");
        signing.params.subject_alt_names = vec![SanType::URI(uri)];
        if self.issues_old.load(Ordering::SeqCst) {
            let now = SystemTime::now();
            signing.params.not_before = (now - Duration::from_secs(30 * 86_400)).into();
            signing.params.not_after = (now + Duration::from_secs(86_400)).into();
        }
        let certificate = signing.signed_by(&self.authority).expect("signed");
        Ok(EnrollResponse {
            node_id: convert::bytes(self.node),
            install_id: convert::bytes(self.install),
            certificate_pem: certificate.pem(),
            authority_pem: self.authority.pem(),
        })
    }

    fn count(&self, report: &Report) {
        let mut reasons = self.reasons.lock().expect("no panic");
        for event in &report.events {
            if !reasons.iter().any(|(id, _)| *id == event.event_id) {
                reasons.push((event.event_id.clone(), event.reason.clone()));
            }
        }
    }

    /// Waits for an instance to be reported in a phase.
    pub async fn until_phase(&self, number: u128, phase: &str) -> ObservedInstance {
        let id = uuid::Uuid::from_u128(number).as_bytes().to_vec();
        let mut reports = self.report.subscribe();
        let found = |report: &Option<Report>| {
            let mut instances = report.iter().flat_map(|report| report.instances.iter());
            instances.find(|i| i.instance_id == id && i.phase == phase).cloned()
        };
        let waiting = async { reports.wait_for(|report| found(report).is_some()).await.expect("it lives").clone() };
        let report = tokio::time::timeout(crate::bench::PATIENCE, waiting).await;
        found(&report.unwrap_or_else(|_| panic!("waited in vain for {phase}: {:#?}", self.report.borrow())))
            .expect("it was found")
    }
}

/// A server that serves. Dropped, it is gone with all its connections, as after a power cut.
pub struct Serving {
    /// Where.
    pub port: u16,
    runtime: Option<Runtime>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn node_of<T>(request: &Request<T>) -> Result<(), Status> {
    request.peer_certs().filter(|chain| !chain.is_empty()).map(drop).ok_or_else(|| Status::unauthenticated("who?"))
}

#[tonic::async_trait]
impl enrollment_server::Enrollment for FakeServer {
    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollResponse>, Status> {
        let request = request.into_inner();
        if request.join_token != "s3cret" {
            return Err(Status::permission_denied("the join token is not good"));
        }
        let issued = self.issue(&request.certificate_request_pem)?;
        self.enrolled.lock().expect("no panic").push(request);
        Ok(Response::new(issued))
    }
}

#[tonic::async_trait]
impl fleet_server::Fleet for FakeServer {
    type AttachStream = BoxStream<'static, Result<ServerMessage, Status>>;
    type TunnelStream = BoxStream<'static, Result<TunnelFrame, Status>>;
    type FetchImageStream = BoxStream<'static, Result<ImageChunk, Status>>;

    async fn attach(&self, request: Request<Streaming<AgentMessage>>) -> Result<Response<Self::AttachStream>, Status> {
        node_of(&request)?;
        let mut incoming = request.into_inner();
        let (out, messages) = mpsc::channel(64);
        let said = *self.said_install.lock().expect("no panic");
        let welcome = Welcome { install_id: convert::bytes(said), heartbeat_ms: 200 };
        let send = |kind| Ok(ServerMessage { kind: Some(kind) });
        out.send(send(server_message::Kind::Welcome(welcome))).await.expect("room");
        self.agent.send_replace(Some(out.clone()));
        let (server, mut sets) = (self.clone(), self.set.subscribe());
        sets.mark_changed();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    message = incoming.message() => {
                        let Ok(Some(message)) = message else { break };
                        match message.kind {
                            Some(agent_message::Kind::Hello(hello)) => drop(server.hello.send_replace(Some(hello))),
                            Some(agent_message::Kind::Report(report)) => {
                                let ack = ReportAck { sequence: report.sequence };
                                server.count(&report);
                                server.report.send_replace(Some(report));
                                let _ = out.send(send(server_message::Kind::ReportAck(ack))).await;
                            }
                            Some(agent_message::Kind::Heartbeat(heartbeat)) => {
                                if let Some(facts) = heartbeat.facts {
                                    *server.images.lock().expect("no panic") = facts.images;
                                }
                            }
                            _ => {}
                        }
                    }
                    Ok(()) = sets.changed() => {
                        let set = sets.borrow_and_update().clone();
                        if set.epoch > 0 {
                            let _ = out.send(send(server_message::Kind::Desired(set))).await;
                        }
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(messages).boxed()))
    }

    async fn tunnel(&self, request: Request<Streaming<TunnelFrame>>) -> Result<Response<Self::TunnelStream>, Status> {
        node_of(&request)?;
        let (out, frames) = mpsc::channel(64);
        self.tunnels.send((out, request.into_inner())).map_err(|_| Status::unavailable("nobody waits"))?;
        Ok(Response::new(ReceiverStream::new(frames).boxed()))
    }

    async fn fetch_image(
        &self,
        request: Request<FetchImageRequest>,
    ) -> Result<Response<Self::FetchImageStream>, Status> {
        node_of(&request)?;
        let chunks: Vec<_> = self.archive.chunks(64 * 1024).map(|c| Ok(ImageChunk { data: c.to_vec() })).collect();
        Ok(Response::new(futures::stream::iter(chunks).boxed()))
    }

    async fn get_pull_credential(
        &self,
        request: Request<PullCredentialRequest>,
    ) -> Result<Response<PullCredential>, Status> {
        node_of(&request)?;
        Ok(Response::new(PullCredential::default()))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<EnrollResponse>, Status> {
        node_of(&request)?;
        let issued = self.issue(&request.into_inner().certificate_request_pem)?;
        self.renewed.send_modify(|renewed| *renewed += 1);
        Ok(Response::new(issued))
    }
}
