//! A port on loopback, a directory in memory, and agents with real certificates.

use async_trait::async_trait;
use berth_domain::id::{ImageId, InstallId, InstanceId, NodeId};
use berth_proto::{
    convert,
    fleet::{AgentMessage, Hello, NodeFacts, ServerMessage, agent_message, fleet_client::FleetClient, server_message},
};
use berth_scheduler::{
    authority::{Authority, CertificateSerial},
    door::{Credential, Directory, DirectoryError, Enrolled, Enrolment},
    message::{HeartbeatReport, HelloReport, NodeReport},
    registry::Registry,
    server::AgentPort,
};
use rcgen::{CertificateParams, KeyPair};
use std::{
    collections::BTreeSet,
    io::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Streaming,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use uuid::Uuid;

/// What the archive of every image holds.
pub const ARCHIVE: &[u8] = b"an archive";
/// A wait that ends a test which would otherwise hang.
const DEADLINE: Duration = Duration::from_secs(20);

pub fn install() -> InstallId {
    InstallId::new(Uuid::from_u128(1))
}
pub fn other_install() -> InstallId {
    InstallId::new(Uuid::from_u128(2))
}
pub fn node(n: u128) -> NodeId {
    NodeId::new(Uuid::from_u128(n))
}
pub fn instance(n: u128) -> InstanceId {
    InstanceId::new(Uuid::from_u128(n))
}

/// Instance 1 is on node 1, and nothing else is anywhere.
pub struct Memory {
    archive: tempfile::NamedTempFile,
    revoked: Mutex<BTreeSet<NodeId>>,
    reports: Mutex<Vec<(NodeId, u64)>>,
}

impl Memory {
    pub fn revoke(&self, node: NodeId) {
        self.revoked.lock().expect("no panic").insert(node);
    }
    pub fn reports(&self) -> Vec<(NodeId, u64)> {
        self.reports.lock().expect("no panic").clone()
    }
    fn is_member(&self, node: NodeId) -> bool {
        !self.revoked.lock().expect("no panic").contains(&node)
    }
}

#[async_trait]
impl Directory for Memory {
    async fn enroll(&self, _: Enrolment) -> Result<Enrolled, DirectoryError> {
        Err(DirectoryError::Refused("nobody joins here".into()))
    }
    async fn renew(&self, _: NodeId, _: String) -> Result<Enrolled, DirectoryError> {
        Err(DirectoryError::Refused("nobody joins here".into()))
    }
    async fn is_current(&self, node: NodeId, _: &str) -> Result<bool, DirectoryError> {
        Ok(self.is_member(node))
    }
    async fn pull_credential(&self, at: NodeId, of: InstanceId) -> Result<Option<Credential>, DirectoryError> {
        if (at, of) != (node(1), instance(1)) {
            return Err(DirectoryError::NotFound);
        }
        Ok(Some(Credential { username: "u".into(), password: "p".into() }))
    }
    async fn image_archive(&self, at: NodeId, _: ImageId) -> Result<PathBuf, DirectoryError> {
        if at == node(1) { Ok(self.archive.path().to_owned()) } else { Err(DirectoryError::NotFound) }
    }
    async fn hello(&self, _: NodeId, _: HelloReport) -> Result<(), DirectoryError> {
        Ok(())
    }
    async fn heartbeat(&self, node: NodeId, _: HeartbeatReport) -> Result<bool, DirectoryError> {
        Ok(self.is_member(node))
    }
    async fn report(&self, node: NodeId, report: NodeReport) -> Result<(), DirectoryError> {
        self.reports.lock().expect("no panic").push((node, report.sequence));
        Ok(())
    }
    fn attached(&self, _: NodeId) {}
    fn detached(&self, _: NodeId) {}
}

/// A certificate with its key.
pub struct NodeIdentity {
    certificate_pem: String,
    key_pem: String,
}

/// An open port.
pub struct Port {
    pub registry: Arc<Registry>,
    pub directory: Arc<Memory>,
    authority: Authority,
    address: String,
    _stop: DropGuard,
}

impl Port {
    pub async fn open() -> Self {
        // A second call in one process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (authority, _) = Authority::create(install(), now_ms()).expect("an authority");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = format!("https://{}", listener.local_addr().expect("bound"));
        let mut archive = tempfile::NamedTempFile::new().expect("a file");
        archive.write_all(ARCHIVE).expect("written");
        let directory = Arc::new(Memory { archive, revoked: Mutex::default(), reports: Mutex::default() });
        let registry = Arc::new(Registry::default());
        let port =
            AgentPort::new(&authority, &["127.0.0.1".into()], now_ms(), install(), directory.clone(), registry.clone())
                .expect("a port");
        let stop = CancellationToken::new();
        tokio::spawn(port.serve(listener, stop.clone()));
        Self { registry, directory, authority, address, _stop: stop.drop_guard() }
    }

    pub fn certificate(&self, node: NodeId, install: InstallId) -> NodeIdentity {
        let key = KeyPair::generate().expect("a key");
        let request = CertificateParams::default().serialize_request(&key).and_then(|r| r.pem()).expect("a request");
        let serial = CertificateSerial::from_random([9; 16]);
        let certificate_pem =
            self.authority.issue_node(&request, install, node, &serial, now_ms()).expect("a certificate");
        NodeIdentity { certificate_pem, key_pem: key.serialize_pem() }
    }

    pub async fn client(&self, identity: &NodeIdentity) -> Result<FleetClient<Channel>, tonic::Status> {
        let identity = Identity::from_pem(&identity.certificate_pem, &identity.key_pem);
        self.connect(self.tls().identity(identity)).await
    }

    pub async fn client_of(&self, node: NodeId) -> FleetClient<Channel> {
        self.client(&self.certificate(node, install())).await.expect("a good certificate")
    }

    pub async fn client_without_certificate(&self) -> FleetClient<Channel> {
        self.connect(self.tls()).await.expect("TLS asks for none")
    }

    fn tls(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.certificate_pem()))
    }

    async fn connect(&self, tls: ClientTlsConfig) -> Result<FleetClient<Channel>, tonic::Status> {
        let failed = |error: tonic::transport::Error| tonic::Status::unavailable(error.to_string());
        let endpoint = Endpoint::from_shared(self.address.clone()).and_then(|e| e.tls_config(tls)).map_err(failed)?;
        Ok(FleetClient::new(endpoint.connect().await.map_err(failed)?))
    }

    pub async fn attach(&self, node: NodeId) -> Agent {
        let (say, messages) = mpsc::channel(16);
        let hello =
            Hello { install_id: convert::bytes(install()), facts: Some(NodeFacts::default()), ..Default::default() };
        let hello = AgentMessage { kind: Some(agent_message::Kind::Hello(hello)) };
        say.send(hello).await.expect("room");
        let mut client = self.client_of(node).await;
        let hear = client.attach(ReceiverStream::new(messages)).await.expect("taken in").into_inner();
        let mut agent = Agent { say, hear };
        assert!(matches!(agent.hear().await, server_message::Kind::Welcome(_)));
        agent
    }
}

/// An attached agent.
pub struct Agent {
    say: mpsc::Sender<AgentMessage>,
    hear: Streaming<ServerMessage>,
}

impl Agent {
    pub async fn say(&self, kind: agent_message::Kind) {
        self.say.send(AgentMessage { kind: Some(kind) }).await.expect("room");
    }
    pub async fn hear(&mut self) -> server_message::Kind {
        let message = tokio::time::timeout(DEADLINE, self.hear.message()).await.expect("in time");
        message.expect("open").expect("a message").kind.expect("a kind that we know")
    }
    /// Waits until the server ends the stream.
    pub async fn ended(&mut self) {
        let ended = async { while let Ok(Some(_)) = self.hear.message().await {} };
        tokio::time::timeout(DEADLINE, ended).await.expect("it ends");
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
