//! Joining: a one-time token and a certificate request become a node certificate.

use crate::{
    identity::Identity,
    tls::{self, ServerAddress},
};
use anyhow::{Context as _, anyhow, bail};
use berth_proto::{
    convert,
    fleet::{EnrollRequest, EnrollResponse, NodeFacts, enrollment_client::EnrollmentClient},
};
use rcgen::{CertificateParams, DnType, KeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use std::{collections::BTreeMap, time::Duration};
use tonic::Code;

/// For the whole call.
const ENROLL_DEADLINE: Duration = Duration::from_secs(30);

/// `berth_join_{secret}.{sha256 of the authority's certificate in hexadecimal}`.
pub struct JoinToken {
    secret: SecretString,
    fingerprint: [u8; 32],
}

impl JoinToken {
    /// Reads a token.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let bad = || anyhow!("this is no join token: it looks like berth_join_….…");
        let (secret, fingerprint) =
            text.trim().strip_prefix("berth_join_").and_then(|rest| rest.rsplit_once('.')).ok_or_else(bad)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(fingerprint, &mut bytes).map_err(|_| bad())?;
        if secret.is_empty() {
            return Err(bad());
        }
        Ok(Self { secret: secret.to_owned().into(), fingerprint: bytes })
    }
}

/// Why joining failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The server said no; asking again does not help.
    #[error("the server refused this node: {0}")]
    Refused(String),
    /// It may go better later.
    #[error("the server cannot be joined now")]
    Later(#[source] anyhow::Error),
}

/// A key and a request for its certificate, both as PEM.
pub fn request(node_name: &str) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate().context("no key could be made")?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, node_name);
    let request = params.serialize_request(&key)?.pem()?;
    Ok((key.serialize_pem(), request))
}

/// Joins once.
pub async fn enroll(
    server: &ServerAddress,
    token: &JoinToken,
    node_name: &str,
    labels: &BTreeMap<String, String>,
    facts: NodeFacts,
) -> Result<Identity, EnrollError> {
    let (key_pem, request) = request(node_name).map_err(EnrollError::Later)?;
    let config = tls::trusting_only(token.fingerprint).map_err(EnrollError::Later)?;
    let channel = tls::channel(server, config, false).await.map_err(EnrollError::Later)?;
    let message = EnrollRequest {
        join_token: token.secret.expose_secret().to_owned(),
        node_name: node_name.to_owned(),
        certificate_request_pem: request,
        facts: Some(facts),
        labels: labels.clone().into_iter().collect(),
    };
    let answer = tokio::time::timeout(ENROLL_DEADLINE, EnrollmentClient::new(channel).enroll(message)).await;
    let answer =
        answer.map_err(|_| EnrollError::Later(anyhow!("no answer in time")))?.map_err(|status| {
            match status.code() {
                Code::Unavailable
                | Code::Cancelled
                | Code::DeadlineExceeded
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::Unknown
                | Code::Internal => EnrollError::Later(status.into()),
                _ => EnrollError::Refused(status.message().to_owned()),
            }
        })?;
    identity(answer.into_inner(), key_pem).map_err(EnrollError::Later)
}

/// The identity in an answer, with the key that its certificate is for.
pub fn identity(answer: EnrollResponse, key_pem: String) -> anyhow::Result<Identity> {
    if answer.certificate_pem.is_empty() || answer.authority_pem.is_empty() {
        bail!("the server sent no certificate");
    }
    Ok(Identity {
        install: convert::id(&answer.install_id)?,
        node: convert::id(&answer.node_id)?,
        certificate_pem: answer.certificate_pem,
        key_pem,
        authority_pem: answer.authority_pem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_secret_and_a_fingerprint() {
        let token = JoinToken::parse(&format!("berth_join_s3cret.{}\n", "ab".repeat(32))).expect("a token");
        assert_eq!((token.secret.expose_secret(), token.fingerprint), ("s3cret", [0xab; 32]));
        let short = "ab".repeat(31);
        for text in
            ["", "berth_join_", "berth_join_x", &format!("berth_join_x.{short}"), &format!("berth_join_.{short}ab")]
        {
            assert!(JoinToken::parse(text).is_err(), "{text}");
        }
    }
}
