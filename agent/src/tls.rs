//! TLS to the server: before joining it trusts the one authority that the join token names, afterwards the one that is
//! kept, and shows the node's own certificate.

use crate::identity::Identity;
use anyhow::{Context as _, bail};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, time};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// For the connection and the handshake.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Between two signs of life that HTTP/2 asks for: a dead connection is noticed before the server calls the node lost.
const ALIVE_PERIOD: Duration = Duration::from_secs(5);
/// Without an answer to one for this long the connection is dead.
const ALIVE_DEADLINE: Duration = Duration::from_secs(8);
/// Bytes under way on one stream. Small streams share a connection with images that a slow disk takes in.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes under way on a connection: every stream of [`crate::limit::TUNNELS_MAX`] can stall and the rest still flows.
const CONNECTION_WINDOW_BYTES: u32 = 80 * 1024 * 1024;

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Of `https://host:port`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let uri: Uri = text.parse().with_context(|| format!("“{text}” is no address of a server"))?;
        let (Some("https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("“{text}” is no address of a server: it looks like https://berth.example:7801");
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(443) })
    }
}

/// Trusts only the authority whose certificate has this SHA-256.
pub fn trusting_only(fingerprint: [u8; 32]) -> anyhow::Result<ClientConfig> {
    let verifier = Pinned { fingerprint, provider: Arc::new(ring::default_provider()) };
    let config = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(speaking_http2(config))
}

/// Trusts the kept authority and shows the node's certificate.
pub fn mutual(identity: &Identity) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.authority_pem.as_bytes())?)?;
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    Ok(speaking_http2(config))
}

/// A channel to the server. With `lazy` it connects when it is first used.
pub async fn channel(address: &ServerAddress, config: ClientConfig, lazy: bool) -> anyhow::Result<Channel> {
    let connector = TlsConnector::from(Arc::new(config));
    let target = address.clone();
    let dial = tower::service_fn(move |_: Uri| {
        let (connector, target) = (connector.clone(), target.clone());
        async move { dial(&connector, &target).await.map(TokioIo::new) }
    });
    let authority = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
    // The connector does the TLS; tonic would add its own for an https address.
    let endpoint = Endpoint::from_shared(format!("http://{authority}:{}", address.port))?
        .origin(format!("https://{authority}:{}", address.port).parse()?)
        .http2_keep_alive_interval(ALIVE_PERIOD)
        .keep_alive_timeout(ALIVE_DEADLINE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    Ok(if lazy { endpoint.connect_with_connector_lazy(dial) } else { endpoint.connect_with_connector(dial).await? })
}

async fn dial(
    connector: &TlsConnector,
    target: &ServerAddress,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = ServerName::try_from(target.host.clone()).map_err(std::io::Error::other)?;
    let work = async {
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.set_nodelay(true)?;
        connector.connect(name, stream).await
    };
    time::timeout(CONNECT_DEADLINE, work)
        .await
        .map_err(|_| std::io::Error::other("the server did not answer in time"))?
}

fn speaking_http2(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    /// The authority must be in the chain, as only its hash is known; the rest is the usual verification against it.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let named = |certificate: &&CertificateDer<'_>| Sha256::digest(certificate).as_slice() == self.fingerprint;
        let authority = intermediates.iter().find(named).ok_or_else(|| {
            Error::General("the server does not show the authority that the join token names".to_owned())
        })?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|e| Error::General(e.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_are_servers() {
        let address = ServerAddress::parse("https://127.0.0.1:7801").expect("an address");
        assert_eq!((address.host.as_str(), address.port), ("127.0.0.1", 7801));
        assert_eq!(ServerAddress::parse("https://[::1]:7801").expect("an address").host, "::1");
        for text in ["http://127.0.0.1:7801", "127.0.0.1:7801", "berth", ""] {
            assert!(ServerAddress::parse(text).is_err(), "{text}");
        }
    }
}
