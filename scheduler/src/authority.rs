//! The installation's certificate authority: it issues the certificate of the agents' port and those of the nodes.
//!
//! Server certificates are good for servers only and node certificates for clients only, so that neither can stand in
//! for the other. Time and serial numbers are arguments.

use berth_domain::id::{InstallId, NodeId};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a node's certificate is good, in days. An agent that was off for a season still comes back.
pub const NODE_CERTIFICATE_DAYS: u64 = 90;
/// How long a server's certificate is good, in days. It is issued again with every start.
pub const SERVER_CERTIFICATE_DAYS: u64 = 397;
/// How long the authority is good, in days: longer than the machines that know it.
pub const AUTHORITY_DAYS: u64 = 20 * 365;
/// Clocks of nodes may lag behind the server's by this much, in seconds.
const SKEW_S: u64 = 3600;
const DAY_S: u64 = 86_400;

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The request is no certificate request or its signature is wrong.
    #[error("the certificate request cannot be read")]
    BadRequest(#[source] rcgen::Error),
    /// The authority's own material cannot be used.
    #[error("the authority's certificate or key cannot be used")]
    BadAuthority(#[source] rcgen::Error),
    /// Signing failed.
    #[error("the certificate could not be signed")]
    Signing(#[source] rcgen::Error),
}

/// The number of a certificate, drawn at random by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSerial([u8; 16]);

impl CertificateSerial {
    /// From 16 random bytes. The first is bent so that the number is positive and always 16 bytes long.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = (bytes[0] & 0x7f) | 0x40;
        Self(bytes)
    }
}

impl std::fmt::Display for CertificateSerial {
    /// 32 hexadecimal digits, as [`crate::identity::Caller::serial`] shows it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A certificate and its private key, both as PEM.
pub struct ServerIdentity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: Zeroizing<String>,
}

/// The authority, ready to sign.
pub struct Authority {
    certificate_pem: String,
    fingerprint: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority; returns it with its private key as PEM, for the caller to keep sealed.
    pub fn create(install: InstallId, now_ms: u64) -> Result<(Self, Zeroizing<String>), AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        let mut params = params(format!("Berth {install}"), now_ms, AUTHORITY_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(AuthorityError::Signing)?;
        let fingerprint = hex::encode(Sha256::digest(certificate.der()));
        let authority = Self { certificate_pem: certificate.pem(), fingerprint, issuer: Issuer::new(params, key) };
        Ok((authority, key_pem))
    }

    /// Reads an authority back.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key_pem).map_err(AuthorityError::BadAuthority)?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|_| AuthorityError::BadAuthority(rcgen::Error::CouldNotParseCertificate))?;
        let fingerprint = hex::encode(Sha256::digest(&pem.contents));
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key).map_err(AuthorityError::BadAuthority)?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), fingerprint, issuer })
    }

    /// The authority's certificate, as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of the certificate's DER in hexadecimal: the second part of a join token.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A fresh certificate and key for the agents' port, good for these host names and addresses.
    pub fn issue_server(&self, hosts: &[String], now_ms: u64) -> Result<ServerIdentity, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Signing)?;
        let names = CertificateParams::new(hosts.to_vec()).map_err(AuthorityError::BadRequest)?.subject_alt_names;
        let mut params = params("Berth server".to_owned(), now_ms, SERVER_CERTIFICATE_DAYS);
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(AuthorityError::Signing)?;
        Ok(ServerIdentity { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }

    /// A node's certificate as PEM. Of the request only the public key is used: names are ours to give.
    pub fn issue_node(
        &self,
        request_pem: &str,
        install: InstallId,
        node: NodeId,
        serial: &CertificateSerial,
        now_ms: u64,
    ) -> Result<String, AuthorityError> {
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(AuthorityError::BadRequest)?;
        let uri = berth_proto::node_uri(install, node).try_into().map_err(AuthorityError::Signing)?;
        let mut params = params(node.to_string(), now_ms, NODE_CERTIFICATE_DAYS);
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&serial.0));
        request.params = params;
        Ok(request.signed_by(&self.issuer).map_err(AuthorityError::Signing)?.pem())
    }
}

fn params(common_name: String, now_ms: u64, days: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    let now_s = now_ms / 1000;
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(now_s.saturating_sub(SKEW_S));
    params.not_after = epoch + Duration::from_secs(now_s + days * DAY_S);
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Caller;
    use uuid::Uuid;

    /// 2026-11-22.
    const NOW_MS: u64 = 1_795_305_600_000;

    fn request() -> String {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        // An agent that asks for more than it shall get.
        params.subject_alt_names = vec![SanType::URI("berth://other/node".try_into().expect("ascii"))];
        params.serialize_request(&key).and_then(|r| r.pem()).expect("a request")
    }

    #[test]
    fn a_node_gets_the_name_that_we_give_and_not_the_one_that_it_asks_for() {
        let install = InstallId::new(Uuid::from_u128(1));
        let node = NodeId::new(Uuid::from_u128(2));
        let (authority, key_pem) = Authority::create(install, NOW_MS).expect("an authority");
        let again = Authority::load(authority.certificate_pem(), &key_pem).expect("it reads back");
        assert_eq!(again.fingerprint(), authority.fingerprint());
        let serial = CertificateSerial::from_random([0xff; 16]);
        let pem = again.issue_node(&request(), install, node, &serial, NOW_MS).expect("a certificate");
        let (_, der) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).expect("pem");
        let caller = Caller::from_certificate(&der.contents, install).expect("a node's certificate");
        assert_eq!((caller.node, caller.serial), (node, serial.to_string()));
        assert!(Caller::from_certificate(&der.contents, InstallId::new(Uuid::from_u128(9))).is_none());
    }

    #[test]
    fn a_servers_certificate_names_no_node() {
        let install = InstallId::new(Uuid::from_u128(1));
        let (authority, _) = Authority::create(install, NOW_MS).expect("an authority");
        let server = authority.issue_server(&["127.0.0.1".into(), "berth.example".into()], NOW_MS).expect("issued");
        let (_, der) = x509_parser::pem::parse_x509_pem(server.certificate_pem.as_bytes()).expect("pem");
        assert!(Caller::from_certificate(&der.contents, install).is_none());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let install = InstallId::new(Uuid::from_u128(1));
        let (authority, _) = Authority::create(install, NOW_MS).expect("an authority");
        let serial = CertificateSerial::from_random([1; 16]);
        let refused = authority.issue_node("no request", install, NodeId::new(Uuid::from_u128(2)), &serial, NOW_MS);
        assert!(matches!(refused, Err(AuthorityError::BadRequest(_))));
    }
}
