//! What the gRPC server must ask and tell the rest of the control plane. Implemented over the store by the backend.

use crate::message::{Facts, HeartbeatReport, HelloReport, NodeReport};
use async_trait::async_trait;
use berth_domain::id::{ImageId, InstallId, InstanceId, NodeId};
use std::{collections::BTreeMap, path::PathBuf};

/// A node that wants to join.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret part of its join token.
    pub join_token: String,
    /// The name that it asks for, unchecked.
    pub node_name: String,
    /// The certificate request, as PEM.
    pub certificate_request_pem: String,
    /// Its first labels, unchecked.
    pub labels: BTreeMap<String, String>,
    /// What it has.
    pub facts: Facts,
}

/// A node's new certificate.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Which node.
    pub node: NodeId,
    /// Of which installation.
    pub install: InstallId,
    /// Its certificate, as PEM.
    pub certificate_pem: String,
    /// The authority's certificate, as PEM.
    pub authority_pem: String,
}

/// A user name and password for a registry.
#[derive(Clone)]
pub struct Credential {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: String,
}

/// Why the directory says no. The sentences are for the operator of the agent.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The token, the certificate or the wish is not good.
    #[error("{0}")]
    Refused(String),
    /// A value cannot be used as it is.
    #[error("{0}")]
    Invalid(String),
    /// The name is in use.
    #[error("{0}")]
    Taken(String),
    /// Not there, or not for this node.
    #[error("not found")]
    NotFound,
    /// The store does not answer now; try again.
    #[error("the control plane cannot answer now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the gRPC server asks and tells. Every `node` comes from a verified certificate.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Trades a join token for a node.
    async fn enroll(&self, enrolment: Enrolment) -> Result<Enrolled, DirectoryError>;
    /// Issues a fresh certificate.
    async fn renew(&self, node: NodeId, certificate_request_pem: String) -> Result<Enrolled, DirectoryError>;
    /// Whether the node is a member still and this is its newest certificate.
    async fn is_current(&self, node: NodeId, serial: &str) -> Result<bool, DirectoryError>;
    /// Credentials for the image of an instance, only when it is placed on the node.
    async fn pull_credential(&self, node: NodeId, instance: InstanceId) -> Result<Option<Credential>, DirectoryError>;
    /// Where the archive of an uploaded image lies, only when an instance on the node needs it.
    async fn image_archive(&self, node: NodeId, image: ImageId) -> Result<PathBuf, DirectoryError>;
    /// An agent has come.
    async fn hello(&self, node: NodeId, hello: HelloReport) -> Result<(), DirectoryError>;
    /// An agent is alive. `false`: the node is no member any more, and the connection ends.
    async fn heartbeat(&self, node: NodeId, heartbeat: HeartbeatReport) -> Result<bool, DirectoryError>;
    /// What an agent observes. Returns once it is stored, because the acknowledgement follows.
    async fn report(&self, node: NodeId, report: NodeReport) -> Result<(), DirectoryError>;
    /// The agent can be commanded from now on.
    fn attached(&self, node: NodeId);
    /// Its connection ended, and no newer one took its place.
    fn detached(&self, node: NodeId);
}
