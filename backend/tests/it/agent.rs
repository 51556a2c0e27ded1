//! An agent in this process: it joins, attaches over mTLS, and answers desired sets with reports, without Docker.

use berth_proto::{
    convert,
    fleet::{
        AgentMessage, DesiredInstance, DesiredSet, EnrollRequest, EnrollResponse, Hello, NodeFacts, ObservedInstance,
        PublishedPort, RenewRequest, Report, agent_message, enrollment_client::EnrollmentClient,
        fleet_client::FleetClient, server_message,
    },
};
use berth_server::startup::Server;
use rcgen::{CertificateParams, KeyPair};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use uuid::Uuid;

/// What an instance of an image comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It runs and is ready.
    Ready,
    /// It runs and never becomes ready.
    Starting,
    /// It cannot start, for this reason.
    Failing(&'static str),
}

/// What an agent remembers over its connections.
#[derive(Default)]
pub struct Memory {
    /// What comes of images whose reference contains the key; ready otherwise.
    pub fates: BTreeMap<&'static str, Fate>,
    /// Every desired set that was obeyed, the newest last.
    pub sets: Vec<DesiredSet>,
    sequence: u64,
}

/// A node that joined.
pub struct Agent {
    pub id: Uuid,
    pub memory: Arc<Mutex<Memory>>,
    identity: Identity,
    authority: Certificate,
    install: Vec<u8>,
    running: Option<JoinHandle<()>>,
}

impl Agent {
    /// Joins and attaches.
    pub async fn join(server: &Server, name: &str, token: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let authority = Certificate::from_pem(server.app.authority.certificate_pem());
        let enrolled = enroll(server, name, token, &key).await.expect("joined");
        let mut agent = Self {
            id: Uuid::from_slice(&enrolled.node_id).expect("16 bytes"),
            memory: Arc::default(),
            identity: Identity::from_pem(enrolled.certificate_pem, key.serialize_pem()),
            authority,
            install: enrolled.install_id,
            running: None,
        };
        agent.attach(server.agent_address).await;
        agent
    }

    pub fn will(&self, image: &'static str, fate: Fate) {
        self.memory.lock().expect("no panic").fates.insert(image, fate);
    }

    /// Connects and obeys, until it is cut off.
    pub async fn attach(&mut self, address: SocketAddr) {
        let mut client = self.client(address).await;
        let (say, messages) = mpsc::channel(16);
        let hello = {
            let memory = self.memory.lock().expect("no panic");
            let seen = memory.sets.last().map_or((0, 0), |set| (set.epoch, set.generation));
            Hello {
                install_id: self.install.clone(),
                agent_version: "test".into(),
                epoch: seen.0,
                generation: seen.1,
                facts: Some(facts()),
            }
        };
        say.send(message(agent_message::Kind::Hello(hello))).await.expect("room");
        let mut orders = client.attach(ReceiverStream::new(messages)).await.expect("taken in").into_inner();
        let memory = Arc::clone(&self.memory);
        self.running = Some(tokio::spawn(async move {
            while let Ok(Some(order)) = orders.message().await {
                let Some(server_message::Kind::Desired(set)) = order.kind else { continue };
                let Some(report) = obey(&memory, set) else { continue };
                if say.send(message(agent_message::Kind::Report(report))).await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Ends the connection without a word.
    pub fn cut(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    /// Asks for a fresh certificate, with a new key, and returns both; the node goes on with what it had.
    pub async fn renew(&self, address: SocketAddr) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate_request_pem = certificate_request(&key);
        let request = RenewRequest { certificate_request_pem };
        let renewed = self.client(address).await.renew(request).await.expect("renewed").into_inner();
        assert_eq!(Uuid::from_slice(&renewed.node_id).ok(), Some(self.id), "it stays the same node");
        Identity::from_pem(renewed.certificate_pem, key.serialize_pem())
    }

    /// Another client of this node.
    pub async fn client(&self, address: SocketAddr) -> FleetClient<Channel> {
        self.client_as(&self.identity, address).await
    }

    /// A client with another certificate.
    pub async fn client_as(&self, identity: &Identity, address: SocketAddr) -> FleetClient<Channel> {
        let tls = ClientTlsConfig::new().ca_certificate(self.authority.clone()).identity(identity.clone());
        let endpoint = Endpoint::from_shared(format!("https://{address}")).and_then(|e| e.tls_config(tls));
        FleetClient::new(endpoint.expect("a good address").connect().await.expect("connected"))
    }

    /// Names of the instances that it was last told to run.
    pub fn wanted(&self) -> Vec<String> {
        let memory = self.memory.lock().expect("no panic");
        let set = memory.sets.last();
        set.map(|s| s.instances.iter().filter(|i| !i.stop).map(|i| i.name.clone()).collect()).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Asks to join.
pub async fn enroll(server: &Server, name: &str, token: &str, key: &KeyPair) -> Result<EnrollResponse, tonic::Status> {
    let authority = Certificate::from_pem(server.app.authority.certificate_pem());
    let tls = ClientTlsConfig::new().ca_certificate(authority);
    let address = format!("https://{}", server.agent_address);
    let endpoint = Endpoint::from_shared(address).and_then(|e| e.tls_config(tls)).expect("a good address");
    let mut client = EnrollmentClient::new(endpoint.connect().await.expect("connected"));
    let request = EnrollRequest {
        join_token: token.to_owned(),
        node_name: name.to_owned(),
        certificate_request_pem: certificate_request(key),
        facts: Some(facts()),
        labels: Default::default(),
    };
    Ok(client.enroll(request).await?.into_inner())
}

fn certificate_request(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).and_then(|request| request.pem()).expect("a request")
}

fn facts() -> NodeFacts {
    NodeFacts {
        cpu_milli: 4_000,
        memory_mib: 4_096,
        architecture: "amd64".into(),
        address: "127.0.0.1".into(),
        ..Default::default()
    }
}

fn message(kind: agent_message::Kind) -> AgentMessage {
    AgentMessage { kind: Some(kind) }
}

/// Obeys a set unless it is older than the newest; returns what is then observed.
fn obey(memory: &Mutex<Memory>, set: DesiredSet) -> Option<Report> {
    let mut memory = memory.lock().expect("no panic");
    let newest = memory.sets.last().map_or((0, 0), |set| (set.epoch, set.generation));
    if (set.epoch, set.generation) < newest {
        return None;
    }
    assert!(set.drain || !set.instances.is_empty(), "an empty set stops nothing");
    memory.sequence += 1;
    let instances = set.instances.iter().map(|instance| observe(instance, &memory.fates)).collect();
    let report = Report {
        sequence: memory.sequence,
        epoch: set.epoch,
        generation: set.generation,
        instances,
        docker_answers: true,
        ..Default::default()
    };
    memory.sets.push(set);
    Some(report)
}

fn observe(instance: &DesiredInstance, fates: &BTreeMap<&'static str, Fate>) -> ObservedInstance {
    let reference = instance.image.as_ref().map(|image| image.reference.as_str()).unwrap_or_default();
    let fate = fates.iter().find(|(image, _)| reference.contains(**image)).map_or(&Fate::Ready, |(_, fate)| fate);
    let (phase, reason) = match (instance.stop, fate) {
        (true, _) => ("stopped", ""),
        (false, Fate::Ready) => ("ready", ""),
        (false, Fate::Starting) => ("starting", "probe_failed"),
        (false, Fate::Failing(reason)) => ("back_off", *reason),
    };
    ObservedInstance {
        instance_id: instance.instance_id.clone(),
        generation: instance.generation,
        phase: phase.to_owned(),
        reason: reason.to_owned(),
        message: if reason.is_empty() { String::new() } else { format!("it says {reason}") },
        ports: vec![PublishedPort { container: 80, host: 32_000 }],
        ..Default::default()
    }
}

/// The wire's form of an id.
pub fn bytes_of(instance: Uuid) -> Vec<u8> {
    convert::bytes(berth_domain::id::InstanceId::new(instance))
}
