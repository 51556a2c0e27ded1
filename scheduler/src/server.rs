//! The agents' port: gRPC over TLS. A client certificate is optional at the level of TLS, because joining needs none;
//! everything but joining asks for one.

use crate::{
    authority::{Authority, ServerIdentity},
    door::Directory,
    registry::Registry,
    service::{EnrollmentService, FleetService},
};
use berth_domain::id::InstallId;
use berth_proto::{
    MESSAGE_BYTES_MAX,
    fleet::{enrollment_server::EnrollmentServer, fleet_server::FleetServer},
};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming};

/// Largest message of somebody who may be anybody, in bytes: a certificate request and a node's facts.
const ENROLL_BYTES_MAX: usize = 1024 * 1024;
/// Largest message of an agent, in bytes: a report of every instance and a thousand events.
const REPORT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a client may take for its TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A connection that does not answer a ping is dead; it holds nothing of its node then.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Most calls that one agent has open: its stream, logs and terminals.
const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;
/// How long open calls may take to end when the server stops.
const STOP_MAX: Duration = Duration::from_secs(3);

/// The agents' port failed.
#[derive(Debug, thiserror::Error)]
#[error("the agents' port failed")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Everything that the agents' port needs.
pub struct AgentPort {
    /// Which installation's nodes may come.
    pub install: InstallId,
    /// Asked and told about nodes.
    pub directory: Arc<dyn Directory>,
    /// Where connections are kept.
    pub registry: Arc<Registry>,
    /// The certificate of this port.
    pub identity: ServerIdentity,
    /// The certificate of the authority, as PEM.
    pub authority_pem: String,
}

impl AgentPort {
    /// A port with a fresh certificate for these hosts.
    pub fn new(
        authority: &Authority,
        hosts: &[String],
        now_ms: u64,
        install: InstallId,
        directory: Arc<dyn Directory>,
        registry: Arc<Registry>,
    ) -> Result<Self, crate::authority::AuthorityError> {
        let identity = authority.issue_server(hosts, now_ms)?;
        Ok(Self { install, directory, registry, identity, authority_pem: authority.certificate_pem().to_owned() })
    }

    /// Serves agents until `stop` is cancelled; then ends their connections.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), ServeError> {
        let enrollment = EnrollmentServer::new(EnrollmentService::new(Arc::clone(&self.directory)))
            .max_decoding_message_size(ENROLL_BYTES_MAX);
        let fleet = FleetServer::new(FleetService::new(self.install, self.directory, Arc::clone(&self.registry)))
            .max_decoding_message_size(REPORT_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        // A joining agent knows only the authority's hash, so the chain holds the authority itself.
        let chain = format!("{}{}", self.identity.certificate_pem, self.authority_pem);
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(chain, self.identity.key_pem.as_bytes()))
            .client_ca_root(Certificate::from_pem(&self.authority_pem))
            .client_auth_optional(true)
            .timeout(HANDSHAKE_MAX);
        let serving = Server::builder()
            .tls_config(tls)?
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .add_service(enrollment)
            .add_service(fleet)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                stop.clone().cancelled_owned(),
            );
        let registry = self.registry;
        let ended = async {
            stop.cancelled().await;
            registry.disconnect_all();
            tokio::time::sleep(STOP_MAX).await;
        };
        tokio::select! {
            served = serving => Ok(served?),
            () = ended => Ok(()),
        }
    }
}
